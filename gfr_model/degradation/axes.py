"""Matrices along both axes of a batch of images, and how a batch is cut into groups of about one size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Cuts:
    """What is worked on together."""

    limits: tuple[float, ...]  # of low-resolution over full size
    most: int  # samples


ON_CPU = Cuts((3 / 16, 1 / 4, 3 / 8, 1 / 2, 11 / 16, 1.0), 4)  # what a core's cache holds
# A gigabyte or two. Three groups are half the kernels of six and a tenth more bytes; below that, padding costs more.
ON_GPU = Cuts((1 / 4, 1 / 2, 1.0), 256)


def cuts_of(device: torch.device) -> Cuts:
    """Those for a device."""
    return ON_CPU if device.type == "cpu" else ON_GPU


def slices(low: np.ndarray, size: int, cuts: Cuts) -> Iterator[slice]:
    """Slices of sorted sizes: none crosses one of the limits, none is longer than `most`."""
    ends = np.searchsorted(low, [limit * size for limit in cuts.limits], side="right")
    start = 0
    for end in ends.tolist():
        for at in range(start, end, cuts.most):
            yield slice(at, min(at + cuts.most, end))
        start = end


def along_both(images: Tensor, matrix: Tensor) -> Tensor:
    """`M image^T M^T` of each channel: (b, 3, n, n) and (b, m, n) -> (b, 3, m, m). Transposed: that saves a copy."""
    rows = torch.bmm(images.flatten(1, 2), matrix.transpose(1, 2)).unflatten(1, (3, -1))
    return torch.bmm(rows.transpose(2, 3).flatten(1, 2), matrix.transpose(1, 2)).unflatten(1, (3, -1))


def to_unit(levels: Tensor) -> Tensor:
    """Grey levels, clipped, as float32 in [0, 1]; changes `levels`."""
    return levels.clamp_(0, 255).div_(255).float()
