"""The crops that a manifest names: read and checked, and kept in another folder."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manifests import atomic_path, hash_file
from manifests.crops import CROP_SIZE, UnusableError, read_picture
from manifests.files import digest_of, is_as_noted, noted


@dataclass(frozen=True)
class Crop:
    """A crop and where its manifest names it."""

    path: str  # relative to the manifest's folder
    digest: str  # hash of the file, as the manifest has it
    manifest: Path
    row: int
    column: str
    size: int = CROP_SIZE  # px


def read_crop(folder: Path, crop: Crop) -> np.ndarray:
    """The pixels, (size, size, 3) uint8 RGB. Raises UnusableError for any other file."""
    try:
        return read_picture(folder / crop.path, crop.digest, crop.size, folder)
    except UnusableError as error:
        raise UnusableError(f"{crop.manifest}, row {crop.row}, {crop.column}: {error}") from error


def keep_crops(
    task: tuple[Path, Path, tuple[tuple[Crop, str | None], ...]],
) -> tuple[dict[str, str], list[tuple[int, str]], bool]:
    """Link crops from one folder into another, or copy them, where they do not lie there as they are known to.

    Returns what is known of each now by its path, row and message of those that are unusable, and whether any is new.
    """
    folder, out, crops = task
    problems = []
    made: dict[str, str] = {}
    new = False
    for crop, known in crops:
        kept = out / crop.path
        if known and digest_of(known) == crop.digest and is_as_noted(kept, known):
            made[crop.path] = known
            continue
        try:
            read_crop(folder, crop)
        except UnusableError as error:
            problems.append((crop.row, str(error)))
            continue
        if not kept.is_file() or hash_file(kept) != crop.digest:
            kept.unlink(missing_ok=True)  # renaming a link over a link to the same file would do nothing
            with atomic_path(kept) as part:
                try:
                    os.link((folder / crop.path).resolve(), part)
                except OSError:  # another file system, or one without links
                    shutil.copyfile(folder / crop.path, part)
        made[crop.path] = noted(kept, crop.digest)
        new = True
    return made, problems, new
