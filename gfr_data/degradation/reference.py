"""Eq. 4 for one image, with a real JPEG file: the reference that defines what a degraded observation is.

`gfr-data degrade` stores what this makes; the batched form of `gfr_model` is tested against it.
"""

import functools
import io
from dataclasses import dataclass

import numpy as np

from manifests import DataError
from manifests.crops import CROP_SIZE
from manifests.degradation.draws import Degradation
from manifests.degradation.noise import noise
from manifests.degradation.resampling import downsampling, low_size, upsampling

BLOCK_ROWS = 16  # rows of a banded matrix that are multiplied together: their bands overlap for the most part


@dataclass(frozen=True)
class LowQuality:
    """A degraded observation."""

    content: bytes  # of the file: JPEG, or PNG when q = 0
    extension: str  # '.jpg' or '.png'
    low: np.ndarray  # I^{d,s} as decoded from `content`, (n, n, 3) uint8 RGB
    image: np.ndarray  # I^d, (size, size, 3) float32, 0 to 255, not rounded


def degrade_image(image: np.ndarray, degradation: Degradation, size: int = CROP_SIZE) -> LowQuality:
    """Degrade `image` (size, size, 3), uint8 RGB. Raises DataError when it is anything else."""
    content, extension = encode(low_resolution(image, degradation, size), degradation.jpeg_quality)
    low = decode(content)
    return LowQuality(content, extension, low, upsample(low, size))


def low_resolution(image: np.ndarray, degradation: Degradation, size: int = CROP_SIZE) -> np.ndarray:
    """(I * k_rho) downsampled by s, plus noise: (n, n, 3) uint8 RGB, not compressed yet. Raises as `degrade_image`."""
    if image.dtype != np.uint8 or image.shape != (size, size, 3):
        raise DataError(f"image must be uint8 RGB of shape ({size}, {size}, 3), but is {image.dtype} {image.shape}")
    side = low_size(degradation.scale, size)
    low = image
    if degradation.blur_sigma > 0 or side < size:
        small = _along_both(_blocks(degradation.blur_sigma, side, size), image)
        low = np.rint(small).clip(0, 255).astype(np.uint8)
    if degradation.noise_sigma:
        grain = noise(degradation.noise_sigma, degradation.noise_key, side, side)
        low = (low + grain.transpose(1, 2, 0)).clip(0, 255).astype(np.uint8)
    return low


def encode(low: np.ndarray, quality: int) -> tuple[bytes, str]:
    """The file of a low-resolution image and its extension: JPEG 4:2:0 with libjpeg's tables, PNG when q = 0."""
    from PIL import Image

    file = io.BytesIO()
    if quality == 0:
        Image.fromarray(low).save(file, "png")
        return file.getvalue(), ".png"
    Image.fromarray(low).save(file, "jpeg", quality=quality, subsampling="4:2:0")
    return file.getvalue(), ".jpg"


def decode(content: bytes) -> np.ndarray:
    """The pixels of a file that `encode` made, (n, n, 3) uint8 RGB."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def upsample(low: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """I^d from I^{d,s} (n, n, 3) uint8: bicubic, (size, size, 3) float32, clipped to 0 to 255, not rounded."""
    side = low.shape[0]
    large = low if side == size else _along_both(_blocks(None, side, size), low).clip(0, 255)
    return large.astype(np.float32)


@dataclass(frozen=True)
class _Block:
    """Rows of a banded matrix that lie together, without the columns where they are zero."""

    columns: slice
    matrix: np.ndarray  # (rows, columns) float64


@functools.lru_cache(maxsize=2048)
def _blocks(blur_sigma: float | None, side: int, size: int) -> tuple[_Block, ...]:
    """The matrix of blur and shrinking, or without a blur that of enlarging, cut into blocks of BLOCK_ROWS."""
    bands = upsampling(side, size) if blur_sigma is None else downsampling(blur_sigma, side, size)
    dense, taps = bands.dense(), bands.weights.shape[1]
    blocks = []
    for row in range(0, len(dense), BLOCK_ROWS):
        starts = bands.starts[row : row + BLOCK_ROWS]
        columns = slice(int(starts.min()), int(starts.max()) + taps)
        blocks.append(_Block(columns, np.ascontiguousarray(dense[row : row + BLOCK_ROWS, columns])))
    return tuple(blocks)


def _along_both(blocks: tuple[_Block, ...], image: np.ndarray) -> np.ndarray:
    """`M image M^T` of each channel of (n, n, 3). Exact in float64, so that the order of the sums is free."""
    for _ in range(2):
        rows = image.reshape(len(image), -1).astype(np.float64)
        product = np.concatenate([block.matrix @ rows[block.columns] for block in blocks])
        image = product.reshape(len(product), -1, 3).transpose(1, 0, 2)
    return image
