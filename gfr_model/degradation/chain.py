"""Chains of passes for a batch on any device: every sample with its own, the same bits as the reference of `gfr_data`.

As in `batch.py`, sizes are known from the draws, samples of about one size are worked on together, and a sample comes
out the same in any batch.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gfr_model.degradation.axes import along_both, cuts_of, slices, to_unit
from gfr_model.degradation.blur import blur
from gfr_model.degradation.jpeg import CELL, jpeg
from gfr_model.degradation.matrices import resizing
from gfr_model.degradation.noise import noise_of
from gfr_model.device import send
from manifests.degradation.chains import ChainDraws
from manifests.degradation.kernels import kernel
from manifests.degradation.passes import CODECS, WEBP
from manifests.degradation.resampling import in_px, low_size

KERNEL = ("blur_sigma", "blur_ratio", "blur_angle", "motion_length", "motion_angle")


@torch.no_grad()
def degrade_chains(images: Tensor, draws: ChainDraws) -> Tensor:
    """I^d of each image: (B, 3, S, S) uint8 RGB -> (B, 3, S, S) float32 in [0, 1] on the same device.

    Raises ValueError for draws with WebP, which only `gfr-data degrade` makes.
    """
    _refuse_webp(draws)
    size, device = images.shape[-1], images.device
    degraded = torch.empty(images.shape, dtype=torch.float32, device=device)
    for group in _groups(draws, size, device):
        index, some = send(torch.from_numpy(group), device), draws[group]
        sizes = np.full(len(group), size)
        low = images[index].double()
        for passes in (some.first, some.last) if some.twice.any() else (some.last,):
            low, sizes = through(low, sizes, passes, size)
        large = resizing(sizes, np.full(len(group), size), size, low.shape[-1], device)
        degraded.index_copy_(0, index, to_unit(along_both(low.transpose(2, 3), large)))
    return degraded


def through(images: Tensor, before: np.ndarray, passes: np.ndarray, size: int) -> tuple[Tensor, np.ndarray]:
    """One pass of each image, its file written and read: what comes out, and its sizes.

    images: (b, 3, n, n) float64, whole numbers; image i fills the upper left before[i] x before[i], (b,) int64.
    passes: (b,) of PASS. size: px of the crop. What lies outside an image is undefined.
    """
    device = images.device
    after = np.array([low_size(scale, size) for scale in passes["scale"].tolist()])
    side = -(-int(after.max()) // CELL) * CELL
    table = np.stack([before, after, passes["noise_sigma"], passes["jpeg_quality"], passes["codec"]]).astype(np.int64)
    halves = np.stack([passes["noise_key"] & np.uint64(0xFFFFFFFF), passes["noise_key"] >> np.uint64(32)])
    numbers = send(torch.from_numpy(np.concatenate([table, halves.astype(np.int64)])), device)
    was, now, sigma, quality, codec, key_low, key_high = numbers.unbind()
    if passes["blur_sigma"].any() or passes["motion_length"].any():
        images = blur(images, was, send(torch.from_numpy(_kernels(passes, before)), device))
    # Rows beyond an image repeat its last one, as libjpeg does, and so does the noise.
    matrix = resizing(before, after, side, images.shape[-1], device)
    low = along_both(images, matrix).transpose(2, 3).round_().clamp_(0, 255)
    if passes["noise_sigma"].any():
        low = low.add_(noise_of(sigma, key_low, key_high, now, side)).clamp_(0, 255)
    if passes["jpeg_quality"].any():
        low = jpeg(low, now, quality, codec == CODECS.index("jpeg444") if passes["codec"].any() else None)
    return low, after


def _groups(draws: ChainDraws, size: int, device: torch.device) -> Iterator[np.ndarray]:
    """Which samples are worked on together, (b,) int64 each: those of one pass, then those of two, by their size."""
    low = np.array([low_size(scale, size) for scale in draws.scale.tolist()])
    for twice in (False, True):
        places = np.flatnonzero(draws.twice == twice)
        places = places[np.argsort(low[places], kind="stable")]
        for part in slices(low[places], size, cuts_of(device)):
            yield places[part]


def _kernels(passes: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """The kernels of a pass, each in the middle of what the largest needs: (b, K, K) float64.

    sides: (b,) of the images, px.
    """
    rows = zip(*(passes[name].tolist() for name in KERNEL), sides.tolist(), strict=True)
    found = [
        kernel(in_px(sigma, side), ratio, angle, in_px(length, side), way)
        for sigma, ratio, angle, length, way, side in rows
    ]
    most = max(len(one) for one in found)
    return np.stack([np.pad(one, (most - len(one)) // 2) for one in found])


def _refuse_webp(draws: ChainDraws) -> None:
    for name, passes in (("first", draws.first), ("last", draws.last)):
        found = (passes["codec"] == WEBP) & (passes["jpeg_quality"] > 0)
        if found.any():
            raise ValueError(
                f"sample {int(found.argmax())} has codec webp in its {name} pass, which only gfr-data degrade makes; "
                "draw from a space without webp"
            )
