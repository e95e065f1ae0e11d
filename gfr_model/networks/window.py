"""A square window of images, at each one's own place: what a network is trained on where the whole costs too much.

It lies around the face and begins at a multiple of STEP px, so that what pools or unshuffles meets the same borders.
"""

import torch
from torch import Tensor

from gfr_model.landmarks import INNER
from gfr_model.networks.warp import normalise, to_pixels

STEP = 4  # px


def corners(points: Tensor, image_size: int, size: int) -> Tensor:
    """Upper left corners, x then y, (B, 2) px, of windows of `size` px around the inner landmarks (B, 68, 2)."""
    middle = to_pixels(points[:, INNER].mean(dim=1), image_size)
    corner = torch.nan_to_num((middle - size / 2) / STEP).round().long() * STEP
    return corner.clamp(0, image_size - size)


def cut(images: Tensor, corner: Tensor, size: int) -> Tensor:
    """The windows (B, C, size, size) of images (B, C, H, W) that begin at `corner` (B, 2) px."""
    side = torch.arange(size, device=images.device)
    x, y = (corner[:, axis, None] + side for axis in (0, 1))
    sample = torch.arange(len(images), device=images.device)[:, None, None]
    return images[sample, :, y[:, :, None], x[:, None]].permute(0, 3, 1, 2).contiguous()


def in_window(points: Tensor, corner: Tensor, image_size: int, size: int) -> Tensor:
    """Points (B, N, 2) of the whole images as points of their windows; [-1, 1] is the frame they are in."""
    return normalise(to_pixels(points, image_size) - corner[:, None], size)
