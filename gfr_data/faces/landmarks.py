"""A face whose 68 landmarks are wanted, in iBUG order, and what a provider answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from manifests.crops import CropGeometry

POINTS = 68
# Longer sides of the face's box. Of 4,681 real faces with points from a file, 25 lay above 0.45, all of them on another
# face, a hand, a shoulder or an eye alone; of the others none lay above 0.31 (tests/benchmarks/quality.md).
FAR = 0.4


@dataclass(frozen=True)
class LandmarkRequest:
    """A face whose landmarks are wanted."""

    root: str  # of the source: a folder, a file that is read as one, or an address
    source_path: str  # relative to it, as the file system has it
    image: np.ndarray  # the upright photograph, (H, W, 3) uint8 RGB, perhaps smaller than it is
    box: np.ndarray  # (4,) x1, y1, x2, y2, px of the image
    geometry: CropGeometry  # how it is cropped, px of the image
    keypoints: np.ndarray | None = None  # (5, 2) eyes, nose, mouth corners, px of the image, where they were found
    reduction: int = 1  # px of the photograph, along each side, in one of the image


@dataclass(frozen=True)
class Landmarks:
    points: np.ndarray  # (68, 2) float32, px of the 256 px crop
    scores: np.ndarray | None = None  # (68,) float32, the provider's confidence


def distance_to_face(points: np.ndarray, request: LandmarkRequest) -> float:
    """How far an eye, the nose or a mouth corner lies from where the detector saw it, at most, in sides of the box.

    points: (68, 2) px of the crop. 0 where the detector's keypoints are not known.
    """
    if request.keypoints is None:
        return 0.0
    five = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]])
    side = max(request.box[2] - request.box[0], request.box[3] - request.box[1])
    unit = np.ptp(request.geometry.to_crop(np.array([[0.0, 0.0], [side, side]])), axis=0)
    away = (five - request.geometry.to_crop(request.keypoints)) / unit
    return float(np.linalg.norm(away, axis=1).max())


Provider = Callable[[Sequence[LandmarkRequest]], list[Landmarks | None]]
