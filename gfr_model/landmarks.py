"""iBUG's 68 landmarks: which of them lie inside the face, and which pixels they enclose."""

import numpy as np
import torch
from torch import Tensor

INNER = slice(17, 68)  # all but the jaw, whose points annotators place loosely


def face_mask(points: Tensor, size: int) -> Tensor:
    """The pixels in the convex hull of landmarks, (N, 2) px -> (size, size) bool; none where a point is not finite.

    A pixel belongs to the hull where its centre does.
    """
    import cv2

    if not points.isfinite().all():
        return torch.zeros((size, size), dtype=torch.bool)
    hull = cv2.convexHull(points.numpy().astype(np.float32)).reshape(-1, 2).astype(np.float64)
    pixels = np.moveaxis(np.mgrid[:size, :size][::-1], 0, -1)[:, :, None]  # x, y of each, beside each edge
    edges = np.roll(hull, -1, axis=0) - hull
    sides = edges[:, 0] * (pixels - hull)[..., 1] - edges[:, 1] * (pixels - hull)[..., 0]
    return torch.from_numpy((sides >= 0).all(axis=-1) | (sides <= 0).all(axis=-1))
