"""Checkpoints: one safetensors file each, written whole or not at all, checked when read. Nothing is ever unpickled.

A training checkpoint holds everything that a run needs to go on; `model.safetensors` holds the network alone.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from gfr_model.config import TrainConfig
from manifests import DataError, atomic_path
from manifests.settings import from_values

FORMAT = "gfr-2"
FORMER = "gfr-1"  # its WarpNet and RecNet were others
METADATA = "gfr"  # one entry, because safetensors writes several in a random order
FOLDER = "checkpoints"
MODEL_FILE = "model.safetensors"
JUDGED = ("psnr", "psnr_degraded")  # values of the validation that go with a model: of its output, of its input
KEPT = 2  # newest checkpoints that stay; the older one serves when the newer one is damaged
Value = TypeVar("Value")
NAME = re.compile(r"step-(\d{8,})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """The content of one file."""

    tensors: dict[str, Tensor]  # on the CPU
    config: TrainConfig
    state: dict[str, Any]  # JSON values
    path: Path


def write(
    path: Path, tensors: Mapping[str, Tensor], config: TrainConfig, state: Mapping[str, Any], half: bool = False
) -> None:
    """Write a checkpoint atomically; `half`: numbers in half precision, which `read` makes float32 again.

    Raises DataError when that fails or a number is too large for it; what was there before then stays.
    """
    from safetensors.torch import save

    whole = {name: value.detach().to("cpu").contiguous() for name, value in tensors.items()}
    if half:
        whole = {name: value.half() if value.is_floating_point() else value for name, value in whole.items()}
        if large := [name for name, value in whole.items() if not value.isfinite().all()]:
            raise DataError(f"{path} was not written: half precision does not hold the numbers of {large[0]}")
    about = {"format": FORMAT, "config": asdict(config), "state": dict(state), "crc32": _checksum(whole)}
    with atomic_path(path) as part:
        part.write_bytes(save(whole, {METADATA: json.dumps(about)}))


@dataclass(frozen=True)
class Header:
    """What a file says of its content, which is not read."""

    shapes: dict[str, tuple[int, ...]]  # of its tensors, by name
    config: TrainConfig
    state: dict[str, Any]  # JSON values
    path: Path


def read(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU. Raises DataError when the file is missing, damaged, or no checkpoint of ours."""
    with _opened(path) as (file, about):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        header = _header(file, about, path)
    if about.get("crc32") != _checksum(tensors):
        raise DataError(
            f"{path} is damaged: its content does not match its checksum; "
            "give the command of gfr-train again, or use another checkpoint"
        )
    tensors = {name: value.float() if value.dtype == torch.float16 else value for name, value in tensors.items()}
    return Checkpoint(tensors, header.config, header.state, path)


def read_header(path: Path) -> Header:
    """Read what a checkpoint says of itself. Raises DataError as `read` does, but for damage among the numbers."""
    with _opened(path) as (file, about):
        return _header(file, about, path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The safetensors file, and what was noted in it."""
    from safetensors import safe_open

    if not path.is_file():
        raise DataError(f"{path} does not exist; name a run folder or a checkpoint that gfr-train wrote")
    try:
        with safe_open(path, framework="pt") as file:
            yield file, json.loads((file.metadata() or {}).get(METADATA, "{}"))
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} is no safetensors file or is damaged ({error}); it was not loaded, use one that gfr-train wrote"
        ) from error


def _header(file: Any, about: Any, path: Path) -> Header:
    if isinstance(about, dict) and about.get("format") == FORMER:
        raise DataError(f"{path} was written by an earlier gfr-train, whose networks were others; train the run again")
    if not isinstance(about, dict) or about.get("format") != FORMAT or not {"config", "state"} <= about.keys():
        raise DataError(f"{path} was not written by this version of gfr-train (its format is not {FORMAT!r})")
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  (no mapping)
    return Header(shapes, from_values(TrainConfig, about["config"], str(path)), about["state"], path)


def path_of(run: Path, step: int) -> Path:
    """The file of the checkpoint after `step` steps."""
    return run / FOLDER / f"step-{step:08d}.safetensors"


def existing(run: Path) -> list[Path]:
    """The run's checkpoints, newest first."""
    folder = run / FOLDER
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted((file for file in files if NAME.fullmatch(file.name)), reverse=True)


def newest(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest sound checkpoint of a run, and a line for each newer one that is damaged.

    Raises DataError when there are checkpoints and none of them is sound: starting again would overwrite the run.
    """
    damaged: list[str] = []
    for path in existing(run):
        try:
            return read(path), damaged
        except DataError as error:
            damaged.append(str(error))
    if damaged:
        raise DataError(f"no checkpoint of {run} can be read: {'; '.join(damaged)}. Give another --out, or --overwrite")
    return None, damaged


def newest_header(run: Path) -> Header | None:
    """The header of the newest checkpoint that has a sound one, None without any."""
    for path in existing(run):
        try:
            return read_header(path)
        except DataError:
            continue
    return None


def remove_old(run: Path, best: int = -1) -> None:
    """Remove all but the KEPT newest checkpoints and that after step `best`, from which the model can be made again."""
    for path in existing(run)[KEPT:]:
        if path != path_of(run, best):
            path.unlink(missing_ok=True)


def with_prefix(tensors: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """The tensors (or what is known of them) whose names begin with `prefix`, named without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(name.encode(), value)
        value = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, value)
    return value
