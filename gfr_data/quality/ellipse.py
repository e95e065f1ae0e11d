"""The part of a detected box that shows face, not what lies behind it."""

import numpy as np


def ellipse(size: int) -> np.ndarray:
    """The places of the disc that fills a square of `size` px, but for its border, (size, size) bool."""
    across = (np.arange(size) + 0.5) / size * 2 - 1
    return np.asarray(np.hypot(across[:, None], across) < 1 - 8 / size)
