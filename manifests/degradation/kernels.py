"""Blurs in two dimensions, Gaussian with any axes and of motion, in whole numbers: any order gives the same sums.

A kernel's weights are whole multiples of 2^-24. A blurred pixel is then a whole number below 2^32 times 2^-24, and a
convolution by FFT in float64, which is off by less than a hundredth, gives it exactly once it is rounded.
"""

import functools
import math

import numpy as np

from manifests.degradation.resampling import BLUR_CUT

KERNEL_BITS = 24
KERNEL_ONE = float(1 << KERNEL_BITS)


@functools.lru_cache(maxsize=4096)
def kernel(sigma: float, ratio: float, angle: float, length: float, motion_angle: float) -> np.ndarray:
    """Weights (2r + 1, 2r + 1) float64, whole numbers that sum to 2^24; the middle one is the pixel's own.

    A Gaussian of `sigma` px along `angle` and ratio * sigma across it, cut at 3 sigma, of a point that moves `length`
    px along `motion_angle`. Angles are in degrees, clockwise from the rows.
    """
    spot, way = _gaussian(sigma, ratio, angle), _line(length, motion_angle)
    if len(way) == 1:
        found = spot
    else:
        found = np.zeros([len(spot) + len(way) - 1] * 2)
        for y, x in np.argwhere(way):
            found[y : y + len(spot), x : x + len(spot)] += way[y, x] * spot
    whole = np.rint(found * (KERNEL_ONE / found.sum()))
    whole.flat[whole.argmax()] += KERNEL_ONE - whole.sum()
    whole.setflags(write=False)
    return whole


def mirrored(size: int, radius: int) -> np.ndarray:
    """Which pixels stand at -radius ... size + radius - 1: mirrored at the borders about the last pixel, (n,) int64."""
    period = max(2 * (size - 1), 1)
    place = np.abs(np.arange(-radius, size + radius)) % period
    return np.minimum(place, period - place) if size > 1 else place * 0


def fast_length(least: int) -> int:
    """The smallest length from `least` on that FFTs are quick for: a product of twos, threes and fives."""
    return next(n for n in range(least, 2 * least + 1) if 30**16 % n == 0)


def _gaussian(sigma: float, ratio: float, angle: float) -> np.ndarray:
    radius = int(BLUR_CUT * sigma + 0.5)
    if radius == 0:
        return np.ones((1, 1))
    place = np.arange(-radius, radius + 1, dtype=float)
    x, y = place[None, :], place[:, None]
    cos, sin = _direction(angle)
    along, across = x * cos + y * sin, y * cos - x * sin
    return np.asarray(np.exp(-0.5 * ((along / sigma) ** 2 + (across / (sigma * ratio)) ** 2)))


def _line(length: float, angle: float) -> np.ndarray:
    """A point's way of `length` px through the middle, each of its places shared out between the nearest four px."""
    if length == 0:
        return np.ones((1, 1))
    radius = int(length / 2) + 1
    cos, sin = _direction(angle)
    way = np.linspace(-length / 2, length / 2, 8 * math.ceil(length) + 1)
    found = np.zeros((2 * radius + 1, 2 * radius + 1))
    x, y = way * cos + radius, way * sin + radius
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (1 - np.abs(x - left - dx)) * (1 - np.abs(y - top - dy))
        column, row = np.minimum(left + dx, 2 * radius), np.minimum(top + dy, 2 * radius)
        np.add.at(found, (row, column), weight)
    return found


def _direction(angle: float) -> tuple[float, float]:
    """Cosine and sine, rounded so that 90 degrees lie on the grid."""
    turn = math.radians(angle)
    return round(math.cos(turn), 12), round(math.sin(turn), 12)
