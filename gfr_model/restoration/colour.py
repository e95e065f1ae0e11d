"""Photographs without colour stay so: black and white, or tinted as a whole."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601
CELL = 8  # px over which noise and JPEG's blocks are averaged
# Grey levels by which a photograph's colour may stray from one tint of its brightness. Grey ones with noise of 7 levels
# stray by 0.8, sepia ones by up to 1.4; of 500 coloured ones all stray by more than 2.2, 495 by more than 4.7.
MOST_COLOUR = 2.0


def is_colourless(image: np.ndarray) -> bool:
    """Whether a crop (S, S, 3) uint8, S a multiple of 8, is black and white, up to noise and a uniform tint."""
    size = image.shape[0] // CELL
    cells = image.reshape(size, CELL, size, CELL, 3).astype(np.float32).mean(axis=(1, 3)).reshape(-1, 3)
    luma = cells @ LUMA
    # What is left of the colour when a tint that goes with the brightness is taken out.
    basis = np.stack([np.ones_like(luma), luma], axis=1)
    colour = cells - luma[:, None]
    tint = np.linalg.lstsq(basis, colour, rcond=None)[0]
    return bool(np.sqrt(np.square(colour - basis @ tint).mean()) <= MOST_COLOUR)


def change_brightness_alone(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """`before` with the brightness of `after`, both (S, S, 3) uint8: grey stays grey, a tint the same."""
    change = (after.astype(np.float32) - before) @ LUMA
    return np.rint(before + change[..., None]).clip(0, 255).astype(np.uint8)
