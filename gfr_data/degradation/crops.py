"""The crops that a manifest names: read and checked, and kept in another folder."""

import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manifests import atomic_path, hash_bytes, hash_file
from manifests.degradation.space import CROP_SIZE


class BadCropError(Exception):
    """A crop that cannot be used; says which, where the manifest names it, and why."""


@dataclass(frozen=True)
class Crop:
    """A crop and where its manifest names it."""

    path: str  # relative to the manifest's folder
    digest: str  # hash of the file, as the manifest has it
    manifest: Path
    row: int
    column: str


def read_crop(folder: Path, crop: Crop, size: int = CROP_SIZE) -> np.ndarray:
    """The pixels, (size, size, 3) uint8 RGB. Raises BadCropError for any other file."""
    from PIL import Image

    where = f"{crop.manifest}, row {crop.row}, {crop.column}: {crop.path}"
    try:
        content = (folder / crop.path).read_bytes()
    except OSError as error:
        raise BadCropError(f"{where} cannot be read ({error.strerror})") from error
    if hash_bytes(content) != crop.digest:
        raise BadCropError(f"{where} has other bytes than when the pairs were built")
    try:
        with Image.open(io.BytesIO(content)) as picture:
            kind = f"{picture.mode} {picture.width}x{picture.height}"
            pixels = np.asarray(picture) if kind == f"RGB {size}x{size}" else None
    except Exception as error:  # whatever a decoder says about broken bytes
        raise BadCropError(f"{where} cannot be read as an image ({type(error).__name__})") from error
    if pixels is None:
        raise BadCropError(f"{where} is {kind}, but crops are RGB {size}x{size}")
    return pixels


def keep_crops(task: tuple[Path, Path, tuple[Crop, ...]]) -> list[tuple[int, str]]:
    """Link crops from one folder into another, or copy them. Returns row and message of those that are unusable."""
    folder, out, crops = task
    problems = []
    for crop in crops:
        try:
            read_crop(folder, crop)
        except BadCropError as error:
            problems.append((crop.row, str(error)))
            continue
        kept = out / crop.path
        if not kept.is_file() or hash_file(kept) != crop.digest:
            kept.unlink(missing_ok=True)  # renaming a link over a link to the same file would do nothing
            with atomic_path(kept) as part:
                _link(folder / crop.path, part)
    return problems


def _link(source: Path, destination: Path) -> None:
    try:
        os.link(source, destination)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, destination)
