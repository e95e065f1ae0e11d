"""SFace (Zhong et al., 2021), which tells persons apart: the ONNX file of OpenCV's zoo, run by OpenCV."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.networks.chips import arcface_template, chips
from gfr_model.networks.warp import normalise
from manifests import DataError

SIZE = 112  # px of the aligned face


class SFace:
    """Images of faces to embeddings."""

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
