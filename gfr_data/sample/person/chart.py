"""The square chart of a head's directions: Lambert's azimuthal equal-area map of the sphere, centred between the eyes.

Head frame: x to the picture's right (the subject's left), y up, z out of the face. Chart coordinates (s, t) lie in
[-2, 2]; near the centre they are the angles to the right and up, in radians. Maps are square arrays, row 0 at t = 2.
"""

from functools import cache

import cv2
import numpy as np

EXTENT = 2.0  # the back of the head lies on the circle of this radius
_ROW = 1024  # cv2.remap refuses long axes, so lists of places are folded into rows


@cache
def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Chart coordinates (s, t) of the texels of a map, each (size, size) float32; shared, so never written to."""
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * EXTENT
    s, t = np.meshgrid(axis, -axis)
    for array in (s, t):
        array.setflags(write=False)
    return s, t


@cache
def directions(size: int) -> np.ndarray:
    """Unit directions of the texels of a map, (size, size, 3) float32; shared, so never written to."""
    result = direction(*grid(size))
    result.setflags(write=False)
    return result


def direction(s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Unit directions (..., 3) of chart coordinates (...); outside the circle, those of its edge."""
    square = np.minimum(s * s + t * t, EXTENT * EXTENT)
    k = np.sqrt(1 - square / 4)
    return np.stack([s * k, t * k, 1 - square / 2], axis=-1).astype(np.float32)


def coordinates(x: np.ndarray, y: np.ndarray, z: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart coordinates of the directions (x, y, z) / radius."""
    k = np.sqrt(2 / np.maximum(radius * (radius + z), 1e-12))
    return x * k, y * k


def sample(chart: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Read a map (n, n) or (n, n, C) float32 bilinearly at chart coordinates (N,); returns (N,) or (N, C)."""
    n, count = chart.shape[0], len(s)
    rows = max(1, -(-count // _ROW))
    places = np.zeros((2, rows * _ROW), dtype=np.float32)
    scale = n / (2 * EXTENT)
    places[0, :count] = s * scale + (n / 2 - 0.5)
    places[1, :count] = (n / 2 - 0.5) - t * scale
    x, y = places.reshape(2, rows, _ROW)
    found = cv2.remap(chart, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(rows * _ROW, *chart.shape[2:])[:count]


def smoothstep(low: float | np.ndarray, high: float | np.ndarray, x: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, and smooth between."""
    u = np.clip((x - low) / (high - low), 0, 1)
    return u * u * (3 - 2 * u)


def bump(s: np.ndarray, t: np.ndarray, s0: float, t0: float, width: float, height: float) -> np.ndarray:
    """A Gaussian hill of height 1."""
    return np.exp(-0.5 * (((s - s0) / width) ** 2 + ((t - t0) / height) ** 2))


def pair(s: np.ndarray, t: np.ndarray, s0: float, t0: float, width: float, height: float) -> np.ndarray:
    """Two such hills, mirrored left and right."""
    return bump(np.abs(s), t, s0, t0, width, height)


def noise(generator: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Smooth noise of mean 0 and deviation 1, about `cells` hills across, (size, size) float32."""
    small = generator.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    field = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / (field.std() + 1e-6)
