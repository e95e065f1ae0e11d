"""A face crop: its size, its place in the photograph, its 68 landmarks in a mirror, and its file, read and checked."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manifests.errors import DataError
from manifests.files import hash_bytes, read_file

CROP_SIZE = 256  # px, §4.1; what counts where nothing is said
CROP_SIZES = (CROP_SIZE, 512)  # what a build makes
MOST_BYTES = 16_000_000  # of a picture's file: many times an uncompressed crop

# iBUG's 68 points seen in a mirror: the point that lands on place i (jaw, brows, nose, eyes, mouth).
MIRROR = np.array(
    (
        *(*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    )
)


@dataclass(frozen=True)
class CropGeometry:
    """A rectangle of the photograph that becomes a crop; a square but for images that already are crops.

    In px of the photograph, whose pixel (i, j) covers [i, i + 1) x [j, j + 1). May reach over its border.
    """

    x0: float  # left edge
    y0: float  # top edge
    width: float
    height: float

    def to_crop(self, points: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
        """Points (..., 2) of the photograph, pixel centres at integers, as float32 points of the crop."""
        scale = size / np.array([self.width, self.height])
        return ((np.asarray(points, np.float64) + 0.5 - [self.x0, self.y0]) * scale - 0.5).astype(np.float32)

    def enlarged(self, factor: float) -> "CropGeometry":
        """The same part of the photograph at `factor` times its size."""
        return CropGeometry(self.x0 * factor, self.y0 * factor, self.width * factor, self.height * factor)


class UnusableError(DataError):
    """A picture that cannot be used; says which and why."""


def at_size(points: np.ndarray, size: int, before: int = CROP_SIZE) -> np.ndarray:
    """Points of a crop of `before` px, pixel centres at integers, in px of the same crop at `size` px: float32."""
    if size == before:
        return points
    return ((np.asarray(points, np.float64) + 0.5) * (size / before) - 0.5).astype(np.float32)


def mirror_points(points: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """Landmarks (..., 68, 2), crop px, of a crop of `size` px as they are after it was mirrored."""
    mirrored = points[..., MIRROR, :].copy()
    mirrored[..., 0] = size - 1 - mirrored[..., 0]
    return mirrored


def read_picture(
    path: Path,
    digest: str | None = None,
    side: int | None = CROP_SIZE,
    within: Path | None = None,
    most: int = CROP_SIZE,
) -> np.ndarray:
    """An image file as (S, S, 3) uint8 RGB, S = `side` px, or at most `most` px where it is None.

    Raises UnusableError when it cannot be read, is not such an image, has other bytes than `digest` says, or lies
    outside the folder `within` once links are followed: a table may not name any file of the machine.
    """
    return decode_picture(read_content(path, digest, within), path, side, most)


def read_content(path: Path, digest: str | None = None, within: Path | None = None) -> bytes:
    """The bytes of a picture's file. Raises UnusableError as `read_picture` does, but for what they hold."""
    try:
        if within is not None and not path.resolve().is_relative_to(within.resolve()):
            raise UnusableError(f"{path} is a link that leaves {within}; put the file itself there")
        content = read_file(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise UnusableError(f"{path} is missing") from error
    except (OSError, RuntimeError) as error:  # the latter of links in a circle
        raise UnusableError(f"{path} cannot be read ({getattr(error, 'strerror', error)})") from error
    if digest is not None and hash_bytes(content) != digest:
        raise UnusableError(f"{path} has other bytes than its table says: remove it")
    return content


def decode_picture(content: bytes, path: Path, side: int | None = CROP_SIZE, most: int = CROP_SIZE) -> np.ndarray:
    """`read_picture` for bytes that were read already; `path` is only for the message."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            size, deep = image.size, image.mode.startswith(("I", "F"))
            fits = size == (side, side) if side else size[0] == size[1] <= most
            if fits and not deep:
                return np.array(image.convert("RGB"))
    except Exception as error:  # whatever a decoder says about broken bytes
        raise UnusableError(f"{path} cannot be read as an image ({type(error).__name__})") from error
    if deep:
        raise UnusableError(f"{path} is not in 8 bits; save it with 8 bits a channel")
    wanted = f"{side}x{side}" if side else f"square and at most {most}"
    raise UnusableError(f"{path} is {size[0]}x{size[1]} px, but must be {wanted}")
