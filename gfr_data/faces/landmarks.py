"""A face whose 68 landmarks are wanted, in iBUG order, and what a provider answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from manifests.crops import CropGeometry

POINTS = 68


@dataclass(frozen=True)
class LandmarkRequest:
    """A face whose landmarks are wanted."""

    root: str  # of the source: a folder, a file that is read as one, or an address
    source_path: str  # relative to it, as the file system has it
    image: np.ndarray  # the upright photograph, (H, W, 3) uint8 RGB
    box: np.ndarray  # (4,) x1, y1, x2, y2, px of the photograph
    geometry: CropGeometry  # how it is cropped
    keypoints: np.ndarray | None = None  # (5, 2) eyes, nose, mouth corners, px of the photograph, where they were found


@dataclass(frozen=True)
class Landmarks:
    points: np.ndarray  # (68, 2) float32, px of the 256 px crop
    scores: np.ndarray | None = None  # (68,) float32, the provider's confidence


Provider = Callable[[Sequence[LandmarkRequest]], list[Landmarks | None]]
