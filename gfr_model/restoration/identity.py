"""Do photograph and guide show the same person? Asked of SFace, where its weights are there."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.networks.chips import arcface_template, chips
from gfr_model.networks.warp import normalise
from gfr_model.restoration.faces import Quality
from manifests import DataError

WEIGHTS = "sface"  # name in the table of weights
SIZE = 112  # px of the aligned face
# Least similarity of a person's photograph and guide, from that many cycles per face on that it shows; a face that
# shows fewer looks like nobody. Of 68 people's photographs 2% are below it with their own guide; with another's 97% of
# those with 16 cycles and half of the others (as tests/benchmarks/measure_need.py measures).
ALIKE = ((16.0, 0.25), (10.0, 0.1))


class Persons:
    """An embedder of faces."""

    def __init__(self, weights: Path) -> None:
        """Load SFace's ONNX file. Raises DataError when it cannot be read."""
        import cv2

        # OpenCV 5's new engine does not read it, and versions before 4.11 have one engine alone.
        engine = {"engine": cv2.dnn.ENGINE_CLASSIC} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
        try:
            self._network: Any = cv2.dnn.readNetFromONNX(str(weights), **engine)
        except cv2.error as error:
            raise DataError(f"{weights} is no network that OpenCV reads; get it again, or remove it") from error

    def embed(self, image: np.ndarray, keypoints: np.ndarray) -> np.ndarray | None:
        """The face with `keypoints` (5, 2) px in `image` (S, S, 3) uint8 RGB as (128,), norm 1; None where none is."""
        size = image.shape[0]
        five = torch.from_numpy(np.asarray(keypoints, np.float32))[None]
        if not float(five.var(dim=1).sum()) >= 1:  # px squared: they lie on one another
            return None
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
        return np.asarray(self.embed_batch(picture, normalise(five, size))[0])

    def embed_batch(self, images: Tensor, five: Tensor) -> Tensor:
        """Embeddings (B, 128), norm 1, of images (B, 3, S, S) RGB, 0 to 255; `five` points (B, 5, 2) in [-1, 1]."""
        found = []
        for face in chips(images, five, arcface_template(), SIZE):
            self._network.setInput(face[None].numpy())
            found.append(torch.from_numpy(self._network.forward()[0]))
        return F.normalize(torch.stack(found), dim=1)


def open_persons() -> Persons | None:
    """The embedder, where its weights are there."""
    from manifests.weights import find

    weights = find(WEIGHTS)
    return Persons(weights) if weights is not None else None


def least_alike(quality: Quality) -> float | None:
    """The similarity below which two photographs are of two persons; None where the face is too poor to tell."""
    return next((alike for detail, alike in ALIKE if quality.detail >= detail), None)
