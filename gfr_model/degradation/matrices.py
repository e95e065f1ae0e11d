"""Blur and resampling matrices on the device, a row each time only where it isn't zero, and unpacked by the batch."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gfr_model.device import send
from manifests.degradation.resampling import Bands, downsampling, in_px, low_size, resized, upsampling
from manifests.degradation.space import DegradationSpace


@dataclass(frozen=True)
class Matrices:
    """Banded matrices of one kind, one below the other."""

    starts: Tensor  # (rows,) int64: the first column of each row that counts
    weights: Tensor  # (rows, taps) float64
    first: np.ndarray  # (matrices,) int64, in host memory: where each matrix begins

    def dense(self, first: Tensor, count: Tensor, height: int, width: int) -> Tensor:
        """Matrix b from row first[b], of which it has count[b]: (B, height, width) float64.

        The last row is repeated until there are `height`. `width` is at least the number of columns that count.
        """
        rows = first[:, None] + torch.arange(height, device=first.device).minimum(count[:, None] - 1)
        starts, weights = self.starts[rows], self.weights[rows]
        taps = weights.shape[-1]
        # A row has room for all its taps even where the matrix is narrower than they are: those are zero.
        matrix = weights.new_zeros(len(first), height, width + taps)
        matrix.scatter_(2, starts[..., None] + torch.arange(taps, device=first.device), weights)
        return matrix[..., :width]


@dataclass(frozen=True)
class Operators:
    """Everything eq. 4 does to the axes of an image, for a whole space of parameters."""

    down: Matrices  # numbered by blur, then by size
    up: Matrices  # numbered by size
    blurs: np.ndarray  # (blurs,) float64, sorted
    sizes: np.ndarray  # (sizes,) int64, sorted: px of I^{d,s}

    def numbers(self, blur_sigma: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where in `down` and in `up` the matrices begin for each (blur, low-resolution size)."""
        size = np.searchsorted(self.sizes, low)
        number = np.searchsorted(self.blurs, blur_sigma) * len(self.sizes) + size
        return self.down.first[number], self.up.first[size]


@functools.lru_cache(maxsize=8)
def operators(space: DegradationSpace, size: int, device: torch.device) -> Operators:
    """The matrices of `space` for images of `size` px, on `device`: for the paper's space about 50 MB, in a second."""
    sizes = sorted({low_size(scale, size) for scale in space.scale})
    blurs = sorted(space.blur_sigma)
    return Operators(
        _stack([downsampling(in_px(float(blur), size), low, size) for blur in blurs for low in sizes], device),
        _stack([upsampling(low, size) for low in sizes], device),
        np.array(blurs, np.float64),
        np.array(sizes),
    )


@functools.lru_cache(maxsize=512)
def enlarging(low: int, size: int, device: torch.device) -> Tensor:
    """The matrix (size, low) float64 that enlarges a single image."""
    return torch.from_numpy(upsampling(low, size).dense()).to(device)


def resizing(before: np.ndarray, after: np.ndarray, height: int, width: int, device: torch.device) -> Tensor:
    """Matrices that resize before[i] px to after[i] px, (b,) int64 each: (b, height, width) float64 on `device`.

    The last row of each is repeated until there are `height`.
    """
    pairs, which = np.unique(np.stack([before, after]), axis=1, return_inverse=True)
    stacked = _stack([resized(*pair) for pair in pairs.T.tolist()], torch.device("cpu"))
    first, count = stacked.first[which.reshape(-1)], np.asarray(after, np.int64)
    sent = Matrices(send(stacked.starts, device), send(stacked.weights, device), stacked.first)
    numbers = send(torch.from_numpy(np.stack([first, count])), device)
    return sent.dense(numbers[0], numbers[1], height, width)


def _stack(bands: list[Bands], device: torch.device) -> Matrices:
    taps = max(band.weights.shape[1] for band in bands)
    weights = np.concatenate([np.pad(band.weights, ((0, 0), (0, taps - band.weights.shape[1]))) for band in bands])
    starts = np.concatenate([band.starts for band in bands])
    first = np.cumsum([0, *(len(band.starts) for band in bands[:-1])])
    return Matrices(torch.from_numpy(starts).to(device), torch.from_numpy(weights).to(device), first)
