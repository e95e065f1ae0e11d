"""What restoration needs to know of photographs and faces. Who finds them is handed in by `cli/`: gfr_data's finder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Square:
    """A part of a photograph, in its px: pixel (i, j) covers [i, i + 1) x [j, j + 1). May reach over the border."""

    x0: float  # left edge
    y0: float  # top edge
    width: float
    height: float  # as the width, but for a crop that is taken whole

    def enlarged(self, factor: float) -> "Square":
        """The same part of the photograph at `factor` times its size."""
        return Square(self.x0 * factor, self.y0 * factor, self.width * factor, self.height * factor)


@dataclass(frozen=True)
class FoundFace:
    """A face of a photograph, in its px."""

    square: Square  # what the network is shown, cropped as in training
    score: float  # face probability; 0 for a crop that was taken whole
    keypoints: np.ndarray | None  # (5, 2): eyes, nose, mouth corners, the picture's left first; None where unknown


class Vision(Protocol):
    """Eyes for restoration: reads photographs, finds faces, crops as training did."""

    def read(self, path: Path) -> np.ndarray:
        """The photograph upright, (H, W, 3) uint8 RGB. Raises DataError when it cannot be read."""

    def find(self, image: np.ndarray) -> Sequence[FoundFace]:
        """The faces in (H, W, 3) uint8 RGB, in any order."""

    def cut(self, image: np.ndarray, square: Square, size: int) -> np.ndarray:
        """(size, size, 3) uint8: a part of `image`, antialiased; beyond the photograph its border is repeated."""


MOST_CROP = 512  # px; a larger picture without a face is no crop of a face, but a photograph of something else
NEARLY_SQUARE = 1.05  # longer over shorter side


def whole(image: np.ndarray) -> FoundFace | None:
    """The whole of a picture that seems to be a crop of a face already: small and square. None for any other."""
    height, width = image.shape[:2]
    if max(height, width) > MOST_CROP or max(height, width) > NEARLY_SQUARE * min(height, width):
        return None
    return FoundFace(Square(0.0, 0.0, float(width), float(height)), 0.0, None)


def is_whole(face: FoundFace) -> bool:
    """Whether a face was not found, but its picture taken whole."""
    return face.keypoints is None and face.score == 0
