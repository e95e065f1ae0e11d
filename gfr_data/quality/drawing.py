"""Drawings: lines beside areas without any texture. Sharpened photographs have the ones, smooth ones the others."""

import numpy as np

from gfr_data.quality.ellipse import ellipse
from gfr_data.quality.exposure import BLACK, WHITE

LINES = 0.65  # curvature of the strongest twentieth of the pixels over the face's contrast
STARK = 12.5  # the same times strong over weak curvature: few lines, where all else is quiet
FLAT = 0.05  # share of pixels with hardly any slope: with such lines, more is drawn
_SLOPE = 0.5  # grey levels per px


def drawing(face: np.ndarray) -> float:
    """How drawn `face` (n, n) grey levels looks: 1 is as much as a photograph may.

    The product of two signs: lines, the 95th percentile of the absolute Laplacian over the face's contrast, against
    LINES, or how far they stand out from the 30th percentile, against STARK; and quiet areas, the share of pixels that
    are neither black nor white and have less slope than 0.5 grey levels per px, against FLAT. Both in the ellipse that
    fills the box: in its corners lies a background, and a studio's is as even as paint. Sharpening alone, or hair,
    makes lines, and denoising alone quiet areas; what draws does both, or one of them by far.
    """
    import cv2

    face = face.astype(np.float32)
    inner = ellipse(len(face))
    curvature = np.abs(cv2.Laplacian(face, cv2.CV_32F))[inner]
    slope = np.hypot(cv2.Sobel(face, cv2.CV_32F, 1, 0), cv2.Sobel(face, cv2.CV_32F, 0, 1))[inner] / 8
    dark, bright = np.percentile(face, [5, 95])
    weak, strong = np.percentile(curvature, [30, 95])
    lines = strong / max(bright - dark, 1.0)
    stark = lines * strong / max(weak, 0.05)
    quiet = (slope < _SLOPE) & (face[inner] > BLACK) & (face[inner] < WHITE)
    return float(max(lines / LINES, stark / STARK) * quiet.mean() / FLAT)
