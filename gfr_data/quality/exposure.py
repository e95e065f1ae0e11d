"""How well a face is exposed: the tones that it uses, less what lies in the dark, near white, or is blown out."""

import numpy as np

from gfr_data.quality.ellipse import ellipse

MIDDLE = 127.5  # grey levels: a face's lights should reach it from below, its shadows from above
WHITE, BLOWN = 250.0, 0.33  # grey levels without detail above, and the share of a face from which nothing is left
BLACK, CRUSHED = 8.0, 0.40  # the same of shadows; black hair is as dark


def exposure(face: np.ndarray) -> float:
    """Usable share of the tonal range, 0 to 1, of `face` (n, n) grey levels 0 to 255, in the ellipse of its box.

    The range from the 5th to the 95th percentile; times the square of how far the lights reach towards the middle, or
    the shadows from the other side; less with each pixel that is black or white. Of a dark face the lights are the 95th
    percentile, which is of eyes, teeth and highlights: how dark skin is does not tell how it was exposed. Of a bright
    one the shadows are the 25th: pupils, brows and hair are dark in whatever is left.
    """
    face = face[ellipse(len(face))]
    darkest, dark, lightest = np.percentile(face, [5, 25, 95])
    reach = min(lightest, 255 - dark, MIDDLE) / MIDDLE
    lost = float((face >= WHITE).mean()) / BLOWN + float((face <= BLACK).mean()) / CRUSHED
    return float((lightest - darkest) / 255 * reach**2 * max(1 - lost, 0.0))


def evened(image: np.ndarray) -> np.ndarray:
    """A photograph (H, W, 3) uint8 RGB with its luma spread evenly over all grey levels.

    A face may be found there that was too dark or too bright to be found.
    """
    import cv2

    luma = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2YCrCb)
    luma[..., 0] = cv2.equalizeHist(np.ascontiguousarray(luma[..., 0]))
    return np.asarray(cv2.cvtColor(luma, cv2.COLOR_YCrCb2RGB))
