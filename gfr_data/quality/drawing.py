"""Drawings: strong lines, areas without any texture, or lines beside quiet areas. Photographs of faces have none."""

import numpy as np

LINES = 0.65  # curvature of the strongest twentieth of the pixels over the face's contrast: more is drawn
FLAT = 0.24  # share of pixels with hardly any slope: more is painted
INKED = 0.5  # lines that are too many where STARK is exceeded, too
STARK = 13.0  # lines, times strong over weak curvature
_SLOPE = 0.5  # grey levels per px


def drawing(face: np.ndarray) -> float:
    """How drawn `face` (n, n) grey levels looks: 1 is as much as a photograph may.

    The strongest of three signs: the 95th percentile of the absolute Laplacian over the face's contrast, against LINES;
    the share of pixels with less slope than 0.5 grey levels per px, against FLAT; fewer lines, against INKED, where the
    95th percentile also stands out from the 30th, against STARK. Sharpening alone makes lines and denoising alone quiet
    areas; a filter that draws does both.
    """
    import cv2

    face = face.astype(np.float32)
    inner = slice(4, -4)
    curvature = np.abs(cv2.Laplacian(face, cv2.CV_32F))[inner, inner]
    slope = np.hypot(cv2.Sobel(face, cv2.CV_32F, 1, 0), cv2.Sobel(face, cv2.CV_32F, 0, 1))[inner, inner] / 8
    dark, bright = np.percentile(face, [5, 95])
    weak, strong = np.percentile(curvature, [30, 95])
    lines = strong / max(bright - dark, 1.0)
    stark = lines * strong / max(weak, 0.05)
    return float(max(lines / LINES, (slope < _SLOPE).mean() / FLAT, min(lines / INKED, stark / STARK)))
