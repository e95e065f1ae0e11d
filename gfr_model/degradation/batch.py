"""Degradation of a batch on any device: every sample with its own parameters, the bits of the reference of `gfr_data`.

Here is eq. 4, in `chain.py` what goes beyond it.

The device never has to answer: sizes are known from the draws, which are in host memory. Samples of about one size
are worked on together, so that a small one isn't padded to the largest; a sample comes out the same in any batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gfr_model.degradation.axes import along_both, cuts_of, slices, to_unit
from gfr_model.degradation.chain import degrade_chains
from gfr_model.degradation.jpeg import CELL, jpeg
from gfr_model.degradation.matrices import Operators, enlarging, operators
from gfr_model.degradation.noise import noise_of
from gfr_model.device import send
from manifests.crops import CROP_SIZE
from manifests.degradation.chains import ChainDraws
from manifests.degradation.draws import Draws
from manifests.degradation.resampling import low_size
from manifests.degradation.spaces import AnyDraws


@dataclass(frozen=True)
class _Group:
    """Samples of about one size: where they are in the batch and their parameters, each (b,) int64 on the device."""

    side: int  # px: all of them fit, and it is a multiple of CELL
    noisy: bool  # whether any of them has noise
    lossy: bool  # whether any of them is compressed
    index: Tensor
    low: Tensor  # px of I^{d,s}
    down: Tensor  # where their matrices begin
    up: Tensor
    sigma: Tensor
    quality: Tensor
    key_low: Tensor
    key_high: Tensor


@torch.no_grad()
def degrade_batch(images: Tensor, draws: AnyDraws) -> Tensor:
    """I^d of each image: (B, 3, S, S) uint8 RGB -> (B, 3, S, S) float32 in [0, 1] on the same device.

    By eq. 4, or by chains of passes, as was drawn. It is not rounded to grey levels after upsampling.
    Raises ValueError for another shape or type, and for WebP, which only `gfr-data degrade` makes.
    """
    _check(images, draws)
    if isinstance(draws, ChainDraws):
        return degrade_chains(images, draws)
    size = images.shape[-1]
    ops = operators(draws.space, size, images.device)
    degraded = torch.empty(images.shape, dtype=torch.float32, device=images.device)
    for group in _groups(draws, size, ops, images.device):
        low = _low_resolution(images[group.index], group, ops)
        degraded.index_copy_(0, group.index, _enlarge(low, group, ops, size))
    return degraded


@torch.no_grad()
def upsample(low: Tensor, size: int = CROP_SIZE) -> Tensor:
    """I^d from one decoded low-resolution file: (3, n, n) uint8 -> (3, size, size) float32 in [0, 1], as in a batch.

    Raises ValueError for another shape or type, and for an image that is larger than `size`.
    """
    if low.dtype != torch.uint8 or low.ndim != 3 or low.shape[0] != 3 or not 1 <= low.shape[1] <= size:
        raise ValueError(f"low must be uint8 of shape (3, n, n), n <= {size}, but is {low.dtype} {tuple(low.shape)}")
    rows, columns = (enlarging(side, size, low.device) for side in low.shape[1:])
    return to_unit(rows @ low.double() @ columns.T)


def degrade_arrays(images: np.ndarray, draws: AnyDraws) -> np.ndarray:
    """`degrade_batch` on the CPU for arrays: (B, S, S, 3) uint8 RGB -> the same shape, float32, 0 to 255."""
    degraded = degrade_batch(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))), draws)
    return degraded.mul_(255).permute(0, 2, 3, 1).numpy()


def _groups(draws: Draws, size: int, ops: Operators, device: torch.device) -> Iterator[_Group]:
    """Cut a batch into groups. One transfer to the device."""
    scales, which = np.unique(draws.scale, return_inverse=True)
    low = np.array([low_size(scale, size) for scale in scales])[which.reshape(-1)]
    down, up = ops.numbers(draws.blur_sigma, low)
    halves = draws.noise_key & np.uint64(0xFFFFFFFF), draws.noise_key >> np.uint64(32)
    order = np.argsort(low, kind="stable")
    columns = (np.arange(len(low)), low, down, up, draws.noise_sigma, draws.jpeg_quality, *halves)
    table = np.stack([column.astype(np.int64)[order] for column in columns])
    on_device = send(torch.from_numpy(table), device)
    for part in slices(table[1], size, cuts_of(device)):
        side = -(-int(table[1, part].max()) // CELL) * CELL
        noisy, lossy = (bool(row.any()) for row in table[4:6, part])
        yield _Group(side, noisy, lossy, *on_device[:, part].unbind())


def _low_resolution(images: Tensor, group: _Group, ops: Operators) -> Tensor:
    """I^{d,s}, (b, 3, side, side) float64, whole numbers; what lies outside an image is undefined."""
    # Rows beyond an image repeat its last one, as libjpeg does, and so does the noise.
    matrix = ops.down.dense(group.down, group.low, group.side, images.shape[-1])
    low = along_both(images.double(), matrix).transpose(2, 3).round_().clamp_(0, 255)
    if group.noisy:
        grain = noise_of(group.sigma, group.key_low, group.key_high, group.low, group.side)
        low = low.add_(grain).clamp_(0, 255)
    return jpeg(low, group.low, group.quality) if group.lossy else low


def _enlarge(low: Tensor, group: _Group, ops: Operators, size: int) -> Tensor:
    """I^d, (b, 3, size, size) float32 in [0, 1]."""
    count = torch.full_like(group.low, size)
    return to_unit(along_both(low.transpose(2, 3), ops.up.dense(group.up, count, size, group.side)))


def _check(images: Tensor, draws: AnyDraws) -> None:
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or images.ndim != 4 or shape[1] != 3 or shape[2] != shape[3]:
        raise ValueError(f"images must be uint8 of shape (B, 3, S, S), but are {images.dtype} {shape}")
    if len(draws) != shape[0]:
        raise ValueError(f"draws must be one for each of {shape[0]} images, but are {len(draws)}")
