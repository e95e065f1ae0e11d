"""Networks that tell persons apart, by the names of their weights: SFace and dlib's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gfr_model.device import open_device
from gfr_model.networks.chips import five_points
from gfr_model.networks.dlib_face import load_dlib_face
from gfr_model.networks.sface import SFace
from gfr_model.networks.warp import normalise
from manifests import DataError, hash_file
from manifests.weights import require

IDENTITY = "sface", "dlib-recognition"  # names of weights
OPTION = "--embedder"
_KINDS = {".onnx": "sface", ".bin": "dlib-recognition"}  # by the ending of their files

# Images (B, 3, S, S), RGB in [0, 1], and landmarks (B, 68, 2), [-1, 1] is the image, to embeddings (B, D).
EmbedTensors = Callable[[Tensor, Tensor], Tensor]


# Mean cosine of two strangers' photographs, and of two of one person (tests/benchmarks/persons.md).
COSINES = {"sface": (0.10, 0.65), "dlib-recognition": (0.838, 0.952)}


@dataclass(frozen=True)
class Embedder:
    """Tells the persons of a build apart: `BuildConfig(embedder=open_embedder("sface"))`."""

    given: str  # name of the weights, or a file of them, on whatever machine works
    name: str  # of the network, one of IDENTITY
    digest: str  # hash of the weights

    @property
    def strangers(self) -> float:
        """The mean cosine of two strangers' photographs."""
        return COSINES[self.name][0]

    @property
    def person(self) -> float:
        """The mean cosine of two photographs of one person."""
        return COSINES[self.name][1]

    def open(self, device: str) -> Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]:
        """Load it: crops (S, S, 3) uint8 RGB and landmarks (N, 68, 2) px of them to embeddings (N, D).

        Raises DataError when the weights are missing on this machine, or others.
        """
        path = require(OPTION, self.given, *IDENTITY)
        if hash_file(path) != self.digest:
            raise DataError(
                f"the weights {path} of {OPTION} are others here than where the build was started; "
                "give all machines the same file, and leave it alone until the build ends"
            )
        where = open_device(device)
        network = load_embedder(path, where)
        assert network is not None
        return partial(_embed, network, where)


def open_embedder(given: str) -> Embedder:
    """The embedder of these weights: a name of IDENTITY, or a file of either.

    Raises DataError when they are missing or of neither network, ConfigError for the name of other weights.
    """
    path = require(OPTION, given, *IDENTITY)
    if (name := _KINDS.get(path.suffix)) is None:
        raise DataError(f"{OPTION} {given}: takes SFace's .onnx or face-api.js's .bin of dlib's network")
    return Embedder(given, name, hash_file(path))


def load_embedder(path: Path, device: torch.device) -> EmbedTensors | None:
    """The network in a file of weights; None where it is neither SFace's .onnx nor the .bin of dlib's.

    Raises DataError when it cannot be read.
    """
    if _KINDS.get(path.suffix) == "sface":
        sface = SFace(path)
        return lambda images, points: sface.embed_batch(255 * images.cpu(), five_points(points.cpu()))
    if _KINDS.get(path.suffix) == "dlib-recognition":
        return load_dlib_face(path).to(device).requires_grad_(False)
    return None


def _embed(network: EmbedTensors, device: torch.device, crops: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).to(device).float() / 255
    places = normalise(torch.from_numpy(points).float(), images.shape[-1]).to(device)
    with torch.inference_mode():
        return np.asarray(network(images, places).cpu())
