"""Cut the face out: a square of the photograph, resized to the networks' 256 px."""

from dataclasses import dataclass

import numpy as np

CROP_SIZE = 256  # px, §4.1
FRAMING = 1.8  # side of the square over the longer side of the detected box: the authors' released examples


@dataclass(frozen=True)
class CropGeometry:
    """A rectangle of the photograph that becomes a crop; a square but for images that already are crops.

    In px of the photograph, whose pixel (i, j) covers [i, i + 1) x [j, j + 1).
    """

    x0: float  # left edge
    y0: float  # top edge
    side: float  # width
    height: float | None = None  # None: as wide as high

    def to_crop(self, points: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
        """Points (..., 2) of the photograph, pixel centres at integers, as float32 points of the crop."""
        scale = size / np.array([self.side, self._height])
        return ((np.asarray(points, np.float64) + 0.5 - [self.x0, self.y0]) * scale - 0.5).astype(np.float32)

    def to_source(self, points: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
        """Undo `to_crop`."""
        scale = np.array([self.side, self._height]) / size
        return ((np.asarray(points, np.float64) + 0.5) * scale + [self.x0, self.y0] - 0.5).astype(np.float32)

    @property
    def _height(self) -> float:
        return self.side if self.height is None else self.height


def square_around(box: np.ndarray, factor: float = FRAMING) -> CropGeometry:
    """The square of `factor` times the longer side of `box` (x1, y1, x2, y2) around its centre (§4.1)."""
    x1, y1, x2, y2 = (float(value) for value in box)
    side = factor * max(x2 - x1, y2 - y1)
    return CropGeometry((x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side)


def whole_image(height: int, width: int) -> CropGeometry:
    """The whole photograph, for images that already are crops and are only resized."""
    return CropGeometry(0.0, 0.0, float(width), float(height))


def row_geometry(layout: str, box: np.ndarray, height: int, width: int) -> CropGeometry:
    """What is cropped of a photograph: CASIA-WebFace's images already are crops and are only resized (§4.1)."""
    return whole_image(height, width) if layout == "casia-webface" else square_around(box)


def crop(image: np.ndarray, geometry: CropGeometry, size: int = CROP_SIZE) -> np.ndarray:
    """Cut `geometry` out of `image` (H, W, 3) uint8 RGB: (size, size, 3) uint8, bicubic and antialiased.

    What lies outside the photograph repeats its border.
    """
    from PIL import Image

    left, top = geometry.x0, geometry.y0
    right, bottom = left + geometry.side, top + (geometry.side if geometry.height is None else geometry.height)
    # Only what the filter reads is kept: at most two steps of the crop's grid beyond the square.
    reach_x, reach_y = (2 * max((b - a) / size, 1.0) + 1 for a, b in ((left, right), (top, bottom)))
    rows = np.arange(int(np.floor(top - reach_y)), int(np.ceil(bottom + reach_y)))
    columns = np.arange(int(np.floor(left - reach_x)), int(np.ceil(right + reach_x)))
    height, width = image.shape[:2]
    part = image[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    box = (left - columns[0], top - rows[0], right - columns[0], bottom - rows[0])
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC, box=box))
