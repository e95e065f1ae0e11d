"""Metrics that a network makes: identity similarity, perceptual distances, and the features that sets are compared by.

Each is asked by the name of its weights, which `gfr-data weights` explains, or as a TorchScript file of the user's,
which maps RGB in [0, 1] (B, 3, S, S) and does whatever resizing and normalisation its network needs. Such a
file is a program: it runs only where its user says that it is trusted.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.embedders import IDENTITY, load_embedder
from gfr_model.networks.packaged import load_dists, load_inception, load_lpips, pooled
from gfr_model.networks.vggface.files import load_vggface
from gfr_model.networks.vggface.network import ENDS, feature_distance
from manifests import DataError, hash_file
from manifests.programs import is_program, require_trust
from manifests.weights import require

# Names of weights. Those of packages stand for their heads and for the backbone that is named behind.
VGGS = "vgg16-hed", "vgg-face"
LPIPS, DISTS, INCEPTION = "lpips", "dists", "inception-fid"
ALEXNET, VGG16 = "alexnet", "vgg16"


@dataclass(frozen=True)
class LearnedMetric:
    """A measure of two batches of images (B, 3, S, S), RGB in [0, 1], whose faces have the landmarks (B, 68, 2).

    Landmarks are in [-1, 1], which is the image. A value for each pair of images, (B,) float64.
    """

    measure: Callable[[Tensor, Tensor, Tensor], Tensor]
    name: str  # of the weights, or the file's hash, shortened


@dataclass(frozen=True)
class LearnedFeatures:
    """What a network says of images (B, 3, H, W), RGB in [0, 1], whose faces have the landmarks (B, 68, 2): (B, D)."""

    embed: Callable[[Tensor, Tensor], Tensor]
    name: str  # of the weights, or the file's hash, shortened


@dataclass(frozen=True)
class Program:
    """A TorchScript network and its file."""

    network: torch.jit.ScriptModule
    path: Path


def open_identity(given: Path | str, device: torch.device, trusted: bool) -> LearnedMetric:
    """The cosine of two faces' embeddings, by the weights of IDENTITY or a TorchScript file: images to (B, D).

    Raises DataError when the file is missing, something else, or a program that is not trusted.
    """
    path = require("--identity-weights", given, *IDENTITY)
    embed = _embedder(path, device, trusted)

    def similarity(first: Tensor, second: Tensor, points: Tensor) -> Tensor:
        return F.cosine_similarity(embed(first, points).double(), embed(second, points).double(), dim=1)

    return LearnedMetric(similarity, _named(given, path, IDENTITY))


def open_perceptual(given: Path | str, device: torch.device, trusted: bool) -> LearnedMetric:
    """A perceptual distance, by the weights of VGGS, LPIPS or a TorchScript file: two batches to one value each.

    Raises DataError as `open_identity` does.
    """
    if str(given) == LPIPS:
        lpips = load_lpips(require("--lpips-weights", ALEXNET, ALEXNET)).to(device)
        return LearnedMetric(lambda *pair: lpips(*pair[:2], normalize=True).flatten().double(), LPIPS)
    path = require("--lpips-weights", given, *VGGS, LPIPS)
    if is_program(path):
        program = open_program(path, device, trusted)
        return LearnedMetric(lambda first, second, _: _call(program, first, second).flatten(), _named(given, path, ()))
    network = load_vggface(path, ENDS[-1]).to(device).requires_grad_(False)
    return LearnedMetric(
        lambda first, second, _: feature_distance(network, first, second).double(), _named(given, path, VGGS)
    )


def open_dists(given: Path | str, device: torch.device, trusted: bool) -> LearnedMetric:
    """DISTS, by the package's heads or a TorchScript file: two batches to one value each. Raises DataError."""
    path = require("--dists-weights", given, DISTS)
    if is_program(path):
        program = open_program(path, device, trusted)
        return LearnedMetric(lambda first, second, _: _call(program, first, second).flatten(), _named(given, path, ()))
    network = load_dists(require("--dists-weights", VGG16, VGG16), path).to(device)
    return LearnedMetric(lambda *pair: network(*pair[:2]).reshape(-1).double(), _named(given, path, (DISTS,)))


def open_features(given: Path | str, device: torch.device, trusted: bool) -> LearnedFeatures:
    """What sets are compared by: embeddings of faces, VGG-16's last convolution, mean over places, or FID's Inception.

    By the weights of IDENTITY, VGGS or INCEPTION, or a TorchScript file: images to (B, D). Raises DataError.
    """
    names = (*reversed(IDENTITY), *VGGS, INCEPTION)
    path = require("--set-weights", given, *names)
    name = _named(given, path, names)
    if path.suffix in (".onnx", ".bin") or is_program(path):
        return LearnedFeatures(_embedder(path, device, trusted), name)
    if path.suffix == ".pth" and "inception" in path.name:
        inception = load_inception(path).to(device)
        return LearnedFeatures(lambda images, _: pooled(inception, images), name)
    vgg = load_vggface(path, ENDS[-1]).to(device).requires_grad_(False)
    return LearnedFeatures(lambda images, _: vgg(images).mean((2, 3)), name)


def _embedder(path: Path, device: torch.device, trusted: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of images and landmarks: SFace, dlib's network, or a TorchScript file, which gets images alone."""
    if (network := load_embedder(path, device)) is not None:
        return network
    program = open_program(path, device, trusted)
    return lambda images, points: _call(program, images).flatten(1)


def open_program(path: Path, device: torch.device, trusted: bool) -> Program:
    """Load a TorchScript file. Raises DataError when it is missing, not such a file, or not trusted."""
    if not is_program(path):
        raise DataError(f"{path} is not a TorchScript file (it holds no code); save it with torch.jit.trace(...).save")
    require_trust(path, trusted)
    try:
        with warnings.catch_warnings():  # torch calls the format old; there is no other that needs no code of the model
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"{path} is not a TorchScript file ({reason}); save it with torch.jit.trace(...).save"
        ) from error
    return Program(network, path)


def _named(given: Path | str, path: Path, names: tuple[str, ...]) -> str:
    return str(given) if str(given) in names else hash_file(path)[:12]


def _call(program: Program, *inputs: Tensor) -> Tensor:
    count = len(inputs[0])
    with torch.inference_mode():
        try:
            found = program.network(*inputs)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise DataError(
                f"{program.path} does not take {len(inputs)} batch{'es' * (len(inputs) > 1)} of RGB images "
                f"{tuple(inputs[0].shape)} in [0, 1]: {reason}"
            ) from error
    if not isinstance(found, Tensor) or found.numel() < count or len(found) != count:
        raise DataError(f"{program.path} must return one tensor with a value or a row for each of {count} images")
    return found.double()
