"""Eq. 4's blur and resampling as one matrix per axis, in fixed point.

A Gaussian and a bicubic resize are linear and separable: `M = R @ G` along each axis does both, and upsampling is
another such matrix. Weights are multiples of 2^-21. A pixel (8 bits) times two weights is then an integer below 2^53
times 2^-42, so float64 adds it exactly in whatever order: every implementation, on every device, gives the same result
to the last bit, and rounds the same way.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from manifests.crops import CROP_SIZE

WEIGHT_BITS = 21
ONE = float(1 << WEIGHT_BITS)
BLUR_CUT = 3.0  # standard deviations after which the Gaussian is cut
CUBIC_A = -0.5  # MATLAB's and Pillow's bicubic
CUBIC_SUPPORT = 2.0


@dataclass(frozen=True)
class Bands:
    """A matrix whose rows are zero outside a short band: row i has `weights[i]` from column `starts[i]` on."""

    starts: np.ndarray  # (rows,) int64
    weights: np.ndarray  # (rows, taps) float64, multiples of 2^-21
    columns: int

    def dense(self) -> np.ndarray:
        """The matrix, (rows, columns) float64."""
        matrix = np.zeros((len(self.starts), self.columns))
        np.put_along_axis(matrix, self.starts[:, None] + np.arange(self.weights.shape[1]), self.weights, axis=1)
        return matrix


def low_size(scale: float, size: int = CROP_SIZE) -> int:
    """Side of I^{d,s}, px: size / s, rounded."""
    return math.floor(size / scale + 0.5)


def in_px(length: float, side: int) -> float:
    """A length, told in px of a crop of 256, in px of a picture of the same that is `side` px wide."""
    return length * side / CROP_SIZE


@functools.lru_cache(maxsize=4096)
def downsampling(blur_sigma: float, low: int, size: int) -> Bands:
    """`low` rows, `size` columns: blur with standard deviation `blur_sigma` px, then shrink, antialiased.

    Where an image is not shrunk, the blur is all.
    """
    return _bands(_fixed(bicubic(size, low) @ gaussian(blur_sigma, size)))


@functools.lru_cache(maxsize=4096)
def resized(before: int, after: int) -> Bands:
    """`after` rows, `before` columns: bicubic resizing, antialiased where it shrinks."""
    return _bands(_fixed(bicubic(before, after)))


def upsampling(low: int, size: int) -> Bands:
    """`size` rows, `low` columns: bicubic enlargement of I^{d,s} to the size of I."""
    return resized(low, size)


def gaussian(sigma: float, size: int) -> np.ndarray:
    """Blur along an axis as (size, size) float64: cut at 3 sigma, mirrored at the borders about the last pixel."""
    radius = int(BLUR_CUT * sigma + 0.5)
    if radius == 0:
        return np.eye(size)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    period = 2 * (size - 1)
    columns = np.abs(np.arange(size)[:, None] + offsets) % period
    columns = np.minimum(columns, period - columns)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], columns), kernel)
    return matrix


def bicubic(before: int, after: int) -> np.ndarray:
    """Resize along an axis as (after, before) float64; the kernel grows with the factor when the axis shrinks."""
    step = before / after
    stretch = max(step, 1.0)
    support = CUBIC_SUPPORT * stretch
    centres = (np.arange(after) + 0.5) * step
    # Pillow counts only pixels whose index lies between these; the rest of the kernel is next to nothing.
    first = np.maximum((centres - support + 0.5).astype(int), 0)[:, None]
    last = np.minimum((centres + support + 0.5).astype(int), before)[:, None]
    columns = np.arange(before)[None, :]
    weights = cubic((columns + 0.5 - centres[:, None]) / stretch) * ((columns >= first) & (columns < last))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * CUBIC_A
    return np.where(x < 1, near, np.where(x < CUBIC_SUPPORT, far, 0.0))


def _fixed(matrix: np.ndarray) -> np.ndarray:
    """Round the weights so that each row still sums to one: what is rounded off goes to the row's largest weight."""
    whole = np.rint(matrix * ONE)
    rest = ONE - whole.sum(axis=1)
    whole[np.arange(len(whole)), whole.argmax(axis=1)] += rest
    return np.asarray(whole / ONE)


def _bands(matrix: np.ndarray) -> Bands:
    columns = matrix.shape[1]
    used = matrix != 0
    first, last = used.argmax(axis=1), columns - 1 - used[:, ::-1].argmax(axis=1)
    taps = int((last - first).max()) + 1
    starts = np.minimum(first, columns - taps)
    weights = np.take_along_axis(matrix, starts[:, None] + np.arange(taps), axis=1)
    for array in (starts, weights):
        array.setflags(write=False)
    return Bands(starts, weights, columns)
