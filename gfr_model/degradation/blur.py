"""Blurs of a batch by kernels of two dimensions, to the last bit those of the reference.

FFTs add in another order on each device. Their sums are of whole numbers and off by less than a hundredth
(`manifests.degradation.kernels`), so that rounding them gives what any order gives.
"""

import torch
from torch import Tensor

from manifests.degradation.kernels import KERNEL_ONE, fast_length


def blur(images: Tensor, sizes: Tensor, kernels: Tensor) -> Tensor:
    """Blur each image with its own kernel and round it.

    images: (b, 3, n, n) float64, whole numbers 0 to 255; image i fills the upper left sizes[i] x sizes[i] and is
    mirrored at its own borders. sizes: (b,) int64. kernels: (b, K, K) float64 as `kernels.kernel` has them, K odd.
    Returns the same shape; what lies outside an image is undefined, but finite.
    """
    side, radius = images.shape[-1], kernels.shape[-1] // 2
    large = _mirrored(images, sizes, radius)
    length = (fast_length(side + 2 * radius),) * 2
    spectrum = torch.fft.rfft2(kernels.flip(1, 2), s=length)[:, None]
    sums = torch.fft.irfft2(torch.fft.rfft2(large, s=length).mul_(spectrum), s=length)
    valid = slice(2 * radius, 2 * radius + side)
    return sums[..., valid, valid].round().div_(KERNEL_ONE).round_().clamp_(0, 255)


def _mirrored(images: Tensor, sizes: Tensor, radius: int) -> Tensor:
    """Each image with `radius` px more on all sides, mirrored about its last pixels: `kernels.mirrored` of a batch."""
    side = images.shape[-1]
    place = torch.arange(-radius, side + radius, device=images.device).abs()
    period = (2 * (sizes[:, None] - 1)).clamp(min=1)
    place = place % period
    place = place.minimum(period - place).minimum(sizes[:, None] - 1)
    batch, channels, wide = len(images), images.shape[1], side + 2 * radius
    rows = images.gather(2, place[:, None, :, None].expand(batch, channels, wide, side))
    return rows.gather(3, place[:, None, None, :].expand(batch, channels, wide, wide))
