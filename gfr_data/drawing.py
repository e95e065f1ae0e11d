"""Drawings: strong lines, and areas without any texture. Photographs of faces have neither."""

import numpy as np

LINES = 0.65  # curvature of the strongest twentieth of the pixels over the face's contrast: more is drawn
FLAT = 0.24  # share of pixels with hardly any slope: more is painted
_SLOPE = 0.5  # grey levels per px


def drawing(face: np.ndarray) -> float:
    """How drawn `face` (n, n) grey levels looks: 1 is as much as a photograph may.

    The stronger of two signs: the 95th percentile of the absolute Laplacian over the face's contrast, against LINES;
    the share of pixels with less slope than 0.5 grey levels per px, against FLAT.
    """
    import cv2

    face = face.astype(np.float32)
    inner = slice(4, -4)
    curvature = np.abs(cv2.Laplacian(face, cv2.CV_32F))[inner, inner]
    slope = np.hypot(cv2.Sobel(face, cv2.CV_32F, 1, 0), cv2.Sobel(face, cv2.CV_32F, 0, 1))[inner, inner] / 8
    dark, bright = np.percentile(face, [5, 95])
    lines = np.percentile(curvature, 95) / max(bright - dark, 1.0)
    return float(max(lines / LINES, (slope < _SLOPE).mean() / FLAT))
