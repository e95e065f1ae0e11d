"""What is scored: the rows of degraded folders with their files, each checked against the hash in its table."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gfr_model.degradation.batch import upsample
from manifests import DEGRADED, DEGRADED_FILE, ConfigError, DataError, hash_file, read_provenance, read_table
from manifests.crops import UnusableError, read_picture

THREADS = 8  # that read files


@dataclass(frozen=True)
class Folder:
    """A folder that `gfr-data degrade` wrote."""

    path: Path
    table_hash: str  # of its degraded.parquet
    size: int  # px of its crops
    rows: tuple[dict[str, Any], ...]  # those to score, in the table's order
    guides: dict[str, list["Guide"]]  # all guides of each split, by person


@dataclass(frozen=True)
class Guide:
    """The photograph that helps to restore one observation."""

    path: str
    digest: str
    person: str
    landmarks: np.ndarray  # (68, 2) float32, crop px
    pose: tuple[float, float, float]  # yaw, pitch, roll in degrees


@dataclass(frozen=True)
class Batch:
    """Observations of which all files could be read. Values 0 to 255 unless said otherwise."""

    places: tuple[int, ...]  # in the list of rows that was asked for
    degraded: Tensor  # (B, 3, S, S) float32 in [0, 1]: I^d, upsampled
    guide: Tensor  # (B, 3, S, S) uint8
    truth: Tensor  # (B, 3, S, S) uint8


def read_folder(path: Path, splits: Sequence[str], limit: int | None) -> Folder:
    """Read a degraded folder's rows of `splits` (all when empty), at most `limit` of each split.

    Raises ConfigError for a split that it does not have, DataError for a table that cannot be read.
    """
    file = path / DEGRADED_FILE
    table = read_table(file, DEGRADED)
    present = sorted(set(table["split"].to_pylist()))
    if unknown := sorted(set(splits) - set(present)):
        raise ConfigError(f"{file} has no split {', '.join(unknown)}; it has {', '.join(present) or 'no rows'}")
    rows, seen = [], dict.fromkeys(present, 0)
    every = table.select(DEGRADED.names).to_pylist()
    for row in every:
        if (not splits or row["split"] in splits) and (limit is None or seen[row["split"]] < limit):
            seen[row["split"]] += 1
            rows.append(row)
    if not rows:
        raise DataError(f"{file} has no rows to score; degrade a split that has pairs")
    return Folder(path, hash_file(file), read_provenance(file).crop_size, tuple(rows), guides_of(every))


def own_guide(row: dict[str, Any]) -> Guide:
    """The guide of the observation's own pair."""
    points = np.array(row["guide_landmarks"], dtype=np.float32).reshape(-1, 2)
    return Guide(row["guide_path"], row["guide_hash"], row["person"], points, pose_of(row, "guide"))


def own_guides(folder: Folder, rows: Sequence[dict[str, Any]]) -> list[Guide | None]:
    """The guide of each observation's own pair."""
    return [own_guide(row) for row in rows]


def guides_of(rows: Sequence[dict[str, Any]]) -> dict[str, list[Guide]]:
    """The different guides of each split, sorted by person."""
    found: dict[str, dict[tuple[str, str], Guide]] = {}
    for row in rows:
        known = found.setdefault(row["split"], {})
        if (row["person"], row["guide_path"]) not in known:
            known[row["person"], row["guide_path"]] = own_guide(row)
    return {split: [known[key] for key in sorted(known)] for split, known in found.items()}


def random_guides(rows: Sequence[dict[str, Any]], guides: dict[str, list[Guide]], seed: int) -> list[Guide | None]:
    """For each observation a guide of another person of its split, the paper's Ours(R); None where it has no other.

    The choice is keyed by (seed, pair_id): it does not depend on which other observations are scored.
    """
    found: list[Guide | None] = []
    for row in rows:
        others = [guide for guide in guides[row["split"]] if guide.person != row["person"]]
        digest = hashlib.blake2b(f"{seed} {row['pair_id']}".encode(), digest_size=8).digest()
        found.append(others[int.from_bytes(digest, "little") % len(others)] if others else None)
    return found


def pose_of(row: dict[str, Any], role: str) -> tuple[float, float, float]:
    """Yaw, pitch, roll of the row's 'target' or 'guide', degrees."""
    return row[f"{role}_yaw"], row[f"{role}_pitch"], row[f"{role}_roll"]


def pose_difference(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """The angle of the rotation that brings one head pose (yaw, pitch, roll) to the other, degrees, 0 to 180."""
    turn = _rotation(first).T @ _rotation(second)
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))


def load(
    folder: Folder, rows: Sequence[dict[str, Any]], guides: Sequence[Guide | None], device: torch.device
) -> tuple[Batch | None, dict[int, str]]:
    """Read the files of `rows`; None where none can be used. What cannot be read is named, with the reason."""

    def read(place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | str:
        row, guide = rows[place], guides[place]
        if guide is None:
            return f"no guide of another person in split {row['split']}"
        try:
            low = read_picture(folder.path / row["lq_path"], row["lq_hash"], None, folder.path, folder.size)
            truth = read_picture(folder.path / row["target_path"], row["target_hash"], folder.size, folder.path)
            return low, read_picture(folder.path / guide.path, guide.digest, folder.size, folder.path), truth
        except UnusableError as error:
            return f"{error}; degrade the pairs again"

    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(enumerate(pool.map(read, range(len(rows)))))
    errors = {place: result for place, result in found.items() if isinstance(result, str)}
    good = {place: result for place, result in found.items() if not isinstance(result, str)}
    if not good:
        return None, errors
    lows, guide_images, truths = zip(*good.values(), strict=True)
    degraded = torch.stack([upsample(to_tensor(low[None], device)[0], folder.size) for low in lows])
    images = (to_tensor(np.stack(part), device) for part in (guide_images, truths))
    return Batch(tuple(good), degraded, *images), errors


def to_tensor(images: np.ndarray, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) uint8 on `device`."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)


def _rotation(pose: tuple[float, float, float]) -> np.ndarray:
    """Roll after yaw after pitch."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians(pose)), np.sin(np.radians(pose))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return roll @ yaw @ pitch
