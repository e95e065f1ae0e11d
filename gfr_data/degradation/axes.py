"""Banded matrices along both axes of an image: blur, shrinking and enlarging of the reference."""

import functools
from dataclasses import dataclass

import numpy as np

from manifests.crops import CROP_SIZE
from manifests.degradation.resampling import downsampling, upsampling

BLOCK_ROWS = 16  # rows of a banded matrix that are multiplied together: their bands overlap for the most part


@dataclass(frozen=True)
class _Block:
    """Rows of a banded matrix that lie together, without the columns where they are zero."""

    columns: slice
    matrix: np.ndarray  # (rows, columns) float64


def shrink(image: np.ndarray, side: int, blur_sigma: float = 0.0) -> np.ndarray:
    """Blur an image (n, n, 3) with a round Gaussian and resize it to `side` px, both in one: (side, side, 3) uint8."""
    size = len(image)
    if blur_sigma == 0 and side == size:
        return image
    return np.rint(_along_both(_blocks(blur_sigma, side, size), image)).clip(0, 255).astype(np.uint8)


def upsample(low: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """I^d from I^{d,s} (n, n, 3) uint8: bicubic, (size, size, 3) float32, clipped to 0 to 255, not rounded."""
    side = low.shape[0]
    large = low if side == size else _along_both(_blocks(None, side, size), low).clip(0, 255)
    return large.astype(np.float32)


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
