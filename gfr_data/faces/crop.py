"""Cut the face out: a square of the photograph, resized to the networks' 256 px, or to what is asked for."""

from typing import TYPE_CHECKING

import numpy as np

from manifests.crops import CROP_SIZE, CropGeometry

if TYPE_CHECKING:
    from gfr_data.faces.decode import Decoded

FRAMING = 1.8  # side of the square over the longer side of the detected box: the authors' released examples


def square_around(box: np.ndarray, factor: float = FRAMING) -> CropGeometry:
    """The square of `factor` times the longer side of `box` (x1, y1, x2, y2) around its centre (§4.1)."""
    x1, y1, x2, y2 = (float(value) for value in box)
    side = factor * max(x2 - x1, y2 - y1)
    return CropGeometry((x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side, side)


def whole_image(height: int, width: int) -> CropGeometry:
    """The whole photograph, for images that already are crops and are only resized."""
    return CropGeometry(0.0, 0.0, float(width), float(height))


def row_geometry(layout: str, box: np.ndarray, height: int, width: int) -> CropGeometry:
    """What is cropped of a photograph: CASIA-WebFace's images already are crops and are only resized (§4.1)."""
    return whole_image(height, width) if layout == "casia-webface" else square_around(box)


def share_inside(geometry: CropGeometry, height: int, width: int) -> float:
    """How much of a crop's square lies in its photograph, 0 to 1; the rest can only repeat the border."""
    across = min(geometry.x0 + geometry.width, width) - max(geometry.x0, 0)
    down = min(geometry.y0 + geometry.height, height) - max(geometry.y0, 0)
    return max(across, 0) * max(down, 0) / (geometry.width * geometry.height)


def crop(image: np.ndarray, geometry: CropGeometry, size: int = CROP_SIZE) -> np.ndarray:
    """Cut `geometry` out of `image` (H, W, 3) uint8 RGB: (size, size, 3) uint8, bicubic and antialiased.

    What lies outside the photograph repeats its border.
    """
    from PIL import Image

    left, top = geometry.x0, geometry.y0
    right, bottom = left + geometry.width, top + geometry.height
    # Only what the filter reads is kept: at most two steps of the crop's grid beyond the square.
    reach_x, reach_y = (2 * max((b - a) / size, 1.0) + 1 for a, b in ((left, right), (top, bottom)))
    x0, y0 = int(np.floor(left - reach_x)), int(np.floor(top - reach_y))
    part = _cut(image, x0, y0, int(np.ceil(right + reach_x)), int(np.ceil(bottom + reach_y)))
    box = (left - x0, top - y0, right - x0, bottom - y0)
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC, box=box))


def crop_decoded(photograph: "Decoded", geometry: CropGeometry, size: int = CROP_SIZE) -> np.ndarray:
    """`crop` of a photograph that may have been decoded smaller; `geometry` is of its own px."""
    return crop(photograph.image, geometry.enlarged(1 / photograph.reduction), size)


def _cut(image: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Rows y0 to y1 and columns x0 to x1 of an image (H, W, 3), which repeats its border outside."""
    height, width = image.shape[:2]
    if min(x0, y0) < 0 or x1 > width or y1 > height:
        rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
        return image[rows].take(columns, axis=1)
    return image[y0:y1, x0:x1]
