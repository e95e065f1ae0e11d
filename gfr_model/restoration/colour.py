"""Photographs without colour stay so: black and white, or tinted as a whole."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601
CELL = 8  # px over which noise and JPEG's blocks are averaged
APART = 3  # cells between two that are compared: noise of few pixels, enlarged, reaches less far
# Grey levels by which a photograph's colour strays from one tint of its brightness, the same way in cells that lie
# APART. 60 grey, sepia and blue-green photographs, with noise of 7 levels in each channel at a quarter and an eighth of
# the size, stray by at most 1.0; as many coloured ones by at least 1.9 (nothing is lost with noise, at 8x, quality 10).
MOST_COLOUR = 1.5
PURE = 0.02  # slopes so near to 1 are those of a black-and-white photograph
MOST_TINT = 0.6  # a slope further from 1 is a colour that happens to go with the brightness; sepia's are 0.77 to 1.12


def tint_of(image: np.ndarray) -> np.ndarray | None:
    """How each channel rises with the brightness, (3,) float32, of a crop without colour; None of one with colours.

    image: (S, S, 3) uint8, S a multiple of 8. Black and white has slopes of 1. JPEG of a quality near 10 turns a tint
    into patches, which are taken for colours.
    """
    size = image.shape[0] // CELL
    cells = image.reshape(size, CELL, size, CELL, 3).astype(np.float32).mean(axis=(1, 3)).reshape(-1, 3)
    luma = cells @ LUMA
    # What is left of the colour when a tint that goes with the brightness is taken out.
    basis = np.stack([np.ones_like(luma), luma], axis=1)
    tint = np.linalg.lstsq(basis, cells, rcond=None)[0]
    rest = (cells - basis @ tint).reshape(size, size, 3)
    across, down = rest[:, APART:] * rest[:, :-APART], rest[APART:] * rest[:-APART]
    if (across.mean() + down.mean()) / 2 > MOST_COLOUR**2:
        return None
    slopes: np.ndarray = tint[1] if luma.std() > 1 else np.ones(3)  # with LUMA they add up to 1
    if np.abs(slopes - 1).max() > MOST_TINT:
        return None
    return np.ones(3, np.float32) if np.abs(slopes - 1).max() < PURE else slopes.astype(np.float32)


def change_brightness_alone(before: np.ndarray, after: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """`before` with the brightness of `after`, both (S, S, 3) uint8, along its tint: grey stays grey, sepia sepia."""
    change = (after.astype(np.float32) - before) @ LUMA
    return np.rint(before + change[..., None] * tint).clip(0, 255).astype(np.uint8)
