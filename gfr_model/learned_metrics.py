"""Metrics whose weights the user supplies, as TorchScript files: perceptual distance and identity similarity.

Both see RGB in [0, 1], (B, 3, S, S); whatever resizing and normalisation their network needs is part of the file. Such
a file is a program: it runs only where its user says that it is trusted.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from manifests import DataError, hash_file
from manifests.programs import is_program, require_trust


@dataclass(frozen=True)
class LearnedMetric:
    """A TorchScript network and the hash of its file."""

    network: torch.jit.ScriptModule
    file_hash: str
    path: Path


def open_metric(path: Path, device: torch.device, trusted: bool) -> LearnedMetric:
    """Load a TorchScript file. Raises DataError when it is missing, not such a file, or not trusted."""
    if not path.is_file():
        raise DataError(f"{path} does not exist; give a TorchScript file (torch.jit.trace(...).save(FILE))")
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
    return LearnedMetric(network, hash_file(path), path)


def perceptual_distance(metric: LearnedMetric, image: Tensor, truth: Tensor) -> Tensor:
    """LPIPS or its like, (B,): the file maps (image, truth) to one value for each pair of images."""
    return _call(metric, (image, truth), len(image)).flatten()


def identity_similarity(metric: LearnedMetric, image: Tensor, truth: Tensor) -> Tensor:
    """Cosine of the two faces' embeddings, (B,): the file maps images to (B, D)."""
    first, second = (_call(metric, (part,), len(image)).flatten(1) for part in (image, truth))
    return torch.nn.functional.cosine_similarity(first, second, dim=1)


def _call(metric: LearnedMetric, inputs: tuple[Tensor, ...], count: int) -> Tensor:
    with torch.inference_mode():
        try:
            found = metric.network(*inputs)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise DataError(
                f"{metric.path} does not take {len(inputs)} batch{'es' * (len(inputs) > 1)} of RGB images "
                f"{tuple(inputs[0].shape)} in [0, 1]: {reason}"
            ) from error
    if not isinstance(found, Tensor) or found.numel() < count or len(found) != count:
        raise DataError(f"{metric.path} must return one tensor with a value or a row for each of {count} images")
    return found.double()
