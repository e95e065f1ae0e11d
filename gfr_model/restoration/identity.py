"""Do photograph and guide show the same person? Asked of SFace, where its weights are there."""

from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.restoration.faces import Quality

WEIGHTS = "sface"  # name in the table of weights
SIZE = 112  # px of the aligned face
# Where SFace wants eyes, nose tip and mouth corners.
PLACES = np.array([(38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)], np.float32)
# Least similarity of a person's photograph and guide, from that many cycles per face on that it shows; a face that
# shows fewer looks like nobody. Of 68 people's photographs 2% are below it with their own guide; with another's 97% of
# those with 16 cycles and half of the others (as tests/benchmarks/measure_need.py measures).
ALIKE = ((16.0, 0.25), (10.0, 0.1))


class Persons:
    """An embedder of faces."""

    def __init__(self, weights: Path) -> None:
        """Load SFace's ONNX file. Raises DataError when it cannot be read."""
        import cv2

        from manifests import DataError

        # OpenCV 5's new engine does not read it, and versions before 4.11 have one engine alone.
        engine = {"engine": cv2.dnn.ENGINE_CLASSIC} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
        try:
            self._network: Any = cv2.dnn.readNetFromONNX(str(weights), **engine)
        except cv2.error as error:
            raise DataError(f"{weights} is no network that OpenCV reads; get it again, or remove it") from error

    def embed(self, image: np.ndarray, keypoints: np.ndarray) -> np.ndarray | None:
        """The face with `keypoints` (5, 2) px in `image` (H, W, 3) uint8 RGB as (128,), norm 1; None where none is."""
        import cv2

        matrix = _onto_places(np.asarray(keypoints, np.float64))
        if matrix is None:
            return None
        aligned = cv2.warpAffine(image, matrix, (SIZE, SIZE))
        self._network.setInput(cv2.dnn.blobFromImage(aligned, 1.0, (SIZE, SIZE)))
        found = self._network.forward()[0]
        return np.asarray(found / max(float(np.linalg.norm(found)), 1e-6))


def _onto_places(points: np.ndarray) -> np.ndarray | None:
    """The similarity (2, 3) that brings `points` (5, 2) nearest to PLACES; None where they lie on one another."""
    # Turn and enlargement are one complex factor.
    found, wanted = (places @ [1, 1j] for places in (points, PLACES))
    around = found - found.mean()
    size = float((np.abs(around) ** 2).sum())
    if not size >= 1:
        return None
    factor = (around.conj() * (wanted - wanted.mean())).sum() / size
    shift = wanted.mean() - factor * found.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def open_persons() -> Persons | None:
    """The embedder, where its weights are there."""
    from manifests.weights import find

    weights = find(WEIGHTS)
    return Persons(weights) if weights is not None else None


def least_alike(quality: Quality) -> float | None:
    """The similarity below which two photographs are of two persons; None where the face is too poor to tell."""
    return next((alike for detail, alike in ALIKE if quality.detail >= detail), None)
