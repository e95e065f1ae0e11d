"""Training pairs: `pairs.parquet` -> crops as uint8 on a device, in memory, or read as they are needed.

Nothing here has a state that moves: which samples a step sees, and which of them are mirrored, are functions of
(seed, step). A run that was killed continues with exactly the samples that it would have seen.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gfr_model.device import send
from gfr_model.training.pair_table import PairTable, read_pair_table
from manifests import PAIRS, PAIRS_FILE, DataError, Progress, hash_bytes, hash_file, read_table, silent
from manifests.crops import UnusableError, mirror_points, read_picture

HELD_OUT_PAIRS = 200  # at most; the size of the paper's validation set (§4.1)
UNKNOWN_MEMORY = 4 * 2**30  # bytes that are taken to be free where the system does not say
RESIDENT_SHARE = 0.5  # of the free memory that crops may take


@dataclass(frozen=True)
class Splits:
    """What a run trains on and what it validates on."""

    train: PairTable
    val: PairTable
    manifest_hash: str  # of pairs.parquet
    note: str  # where `val` comes from, if that needs saying


@dataclass(frozen=True)
class Pairs:
    """A batch of pairs on the device. Values 0 to 255; points in crop px."""

    target: Tensor  # (B, 3, S, S) uint8, ground truth I
    guide: Tensor  # (B, 3, S, S) uint8, guided image I^g
    target_points: Tensor  # (B, 68, 2) float32
    guide_points: Tensor  # (B, 68, 2) float32


def read_splits(folder: Path, hold_out: float, seed: int, most: int = 0) -> Splits:
    """Read the training and validation pairs of a build folder.

    Where the manifest has no `val` pairs, `hold_out` of the training persons are set aside for it, whole persons. Of
    more than `most` validation pairs so many are taken, evenly; 0 takes all.
    Raises DataError when there is nothing to train on or to validate on.
    """
    path = folder / PAIRS_FILE
    table = read_table(path, PAIRS, columns=["pair_id", "split", "person"])
    split = table.column("split").to_pylist()
    train = [row for row, name in enumerate(split) if name == "train"]
    val = [row for row, name in enumerate(split) if name == "val"]
    note = ""
    if not train:
        raise DataError(f"{path} has no pairs of split 'train', only {_counted(split)}; build it from more people")
    if not val:
        train, val = _hold_out(table.column("person").to_pylist(), train, hold_out, seed)
        if not val or not train:
            raise DataError(
                f"{path} has no pairs of split 'val', and none can be held out of its {len(train) + len(val)} training "
                f"pairs (hold_out={hold_out:g}); build pairs of at least two training persons, or set hold_out above 0"
            )
        note = f"no pairs of split 'val': {len(val)} of the training pairs, whole persons, validate instead"
    if 0 < most < len(val):
        val = [val[place] for place in np.linspace(0, len(val) - 1, most).round().astype(int)]
    return Splits(read_pair_table(folder, train), read_pair_table(folder, val), hash_file(path), note)


class ResidentCrops:
    """Crops in one uint8 tensor, on the device or in (pinned) host memory."""

    def __init__(self, images: Tensor) -> None:
        self.images = images  # (M, 3, S, S) uint8

    def fetch(self, index: np.ndarray, device: torch.device) -> Tensor:
        """Return the crops at `index` (B,) on `device`, (B, 3, S, S) uint8, without waiting for the device."""
        chosen = torch.from_numpy(index)
        if self.images.device.type != "cpu":
            return self.images.index_select(0, send(chosen, self.images.device))
        return send(self.images.index_select(0, chosen), device)


class DiskCrops:
    """Crops that are decoded when they are asked for."""

    def __init__(self, table: PairTable, size: int, threads: int) -> None:
        self.table, self.size = table, size
        self.pool = ThreadPoolExecutor(max_workers=threads)

    def fetch(self, index: np.ndarray, device: torch.device) -> Tensor:
        """Return the crops at `index` (B,) on `device`, (B, 3, S, S) uint8. Raises DataError naming a missing one."""
        images = list(self.pool.map(lambda i: read_crop(self.table, int(i), self.size), index))
        return send(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), device)


@dataclass(frozen=True)
class PairSet:
    """A split with its crops at hand."""

    table: PairTable
    crops: ResidentCrops | DiskCrops

    def __len__(self) -> int:
        return len(self.table)

    def batch(
        self, index: np.ndarray, flip: np.ndarray, device: torch.device, guides: np.ndarray | None = None
    ) -> Pairs:
        """Return pairs `index` (B,) on `device`, those with `flip` (B,) bool mirrored, both crops and their points.

        guides: (B,), other crops, by index into the table's `paths`, than the manifest has as guides.
        """
        table = self.table
        size = len(index)
        chosen = np.concatenate([table.target[index], table.guide[index] if guides is None else guides])
        crops, points = self.crops.fetch(chosen, device), table.crop_points[chosen]
        both = np.concatenate([flip, flip])
        points = np.where(both[:, None, None], mirror_points(points, crops.shape[-1]), points)
        points_there = send(torch.from_numpy(points), device)
        if flip.any():
            there = send(torch.from_numpy(both), device)
            crops = torch.where(there[:, None, None, None], crops.flip(-1), crops)
        return Pairs(crops[:size], crops[size:], points_there[:size], points_there[size:])


def load(table: PairTable, size: int, storage: str, device: torch.device, progress: Progress = silent) -> PairSet:
    """Load a split's crops as `storage` says ('auto', 'device', 'host' or 'disk').

    Raises DataError naming the manifest's row of a crop that is missing, unreadable or not `size` pixels wide and high.
    """
    threads = max(1, min(16, os.cpu_count() or 1))
    if storage == "auto":
        storage = _what_fits(len(table.paths) * 3 * size * size, device)
    if storage == "disk":
        return PairSet(table, DiskCrops(table, size, threads))
    pinned = device.type == "cuda"
    images = torch.empty((len(table.paths), 3, size, size), dtype=torch.uint8, pin_memory=pinned)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        crops = pool.map(lambda i: read_crop(table, i, size), range(len(table.paths)))
        for done, crop in enumerate(crops, start=1):
            images[done - 1] = torch.from_numpy(crop).permute(2, 0, 1)
            progress("load crops", done, len(table.paths))
    return PairSet(table, ResidentCrops(images.to(device) if storage == "device" else images))


def read_crop(table: PairTable, index: int, size: int) -> np.ndarray:
    """Read one crop, (size, size, 3) uint8 RGB. Raises DataError naming the manifest's row."""
    try:
        return read_picture(table.folder / table.paths[index], table.digests[index], size, table.folder)
    except UnusableError as error:
        where = f"{table.folder / PAIRS_FILE}, {table.where(index)}"
        raise DataError(f"{where}: {error}; build the pairs again, or set image_size to theirs") from error


def samples_of_step(step: int, batch_size: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the epoch and the index of every sample of a step, both (batch_size,) int64.

    The epochs follow each other without a gap: a batch may end one and begin the next, so that every batch is full and
    every pair is seen exactly once an epoch.
    """
    position = np.arange(step * batch_size, (step + 1) * batch_size)
    epoch = position // count
    index = np.array([_order(seed, int(e), count)[p % count] for e, p in zip(epoch, position, strict=True)])
    return epoch, index


def flips_of(epoch: np.ndarray, index: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Say for every sample whether it is mirrored in its epoch, (B,) bool."""
    return np.array([_coins(seed, int(e), count)[i] for e, i in zip(epoch, index, strict=True)])


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=[seed, 2 * epoch])).permutation(count)


@functools.lru_cache(maxsize=2)
def _coins(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=[seed, 2 * epoch + 1])).random(count) < 0.5


def _hold_out(persons: list[str], train: list[int], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Split the rows `train` into (train, val) by person, in an order that only depends on the persons' names."""
    names = sorted({persons[row] for row in train}, key=lambda name: hash_bytes(f"{seed} {name}".encode()))
    wanted = 0 if share == 0 or len(names) < 2 else max(1, round(share * len(names)))
    held = set(names[:wanted])
    val = [row for row in train if persons[row] in held]
    return [row for row in train if persons[row] not in held], val[:HELD_OUT_PAIRS]


def _what_fits(needed: int, device: torch.device) -> str:
    if device.type == "cuda" and needed < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return "device"
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):  # Windows has no sysconf, macOS not this name
        free = UNKNOWN_MEMORY
    return "host" if needed < RESIDENT_SHARE * free else "disk"


def _counted(split: list[str]) -> str:
    return ", ".join(f"{split.count(name)} of {name!r}" for name in sorted(set(split))) or "none at all"
