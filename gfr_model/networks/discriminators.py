"""The two discriminators (§3.3): pix2pix's 70x70 PatchGAN on whole images, and on the box around the landmarks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.device import full_precision
from gfr_model.networks.layers import Norm, down, initialise

SMALLEST = 24  # px of an image that still gives one verdict
SMALLEST_BOX = 0.125  # of the image's side: landmarks that fall together give a box of this side


class PatchDiscriminator(nn.Module):
    """Judges each patch of 70x70 px by itself; it sees so many images at once, the last of them being judged."""

    def __init__(self, width: int = 64, norm: Norm = "instance", images: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            down(3 * images, width, "none"),
            down(width, 2 * width, norm),
            down(2 * width, 4 * width, norm),
            down(4 * width, 8 * width, norm, stride=1),
            nn.Conv2d(8 * width, 1, kernel_size=4, stride=1, padding=1),
        )
        initialise(self)

    def forward(self, *images: Tensor) -> Tensor:
        """Return logits (B, 1, h, w), high where the last of the images, (B, 3, H, W) each, looks real."""
        if min(images[-1].shape[-2:]) < SMALLEST:
            shape = tuple(images[-1].shape)
            raise ValueError(f"a discriminator needs images of at least {SMALLEST} px, but got {shape}")
        logits: Tensor = self.layers(torch.cat(images, dim=1))
        return logits


def landmark_boxes(points: Tensor) -> Tensor:
    """Return the tightest box around each face's landmarks, (B, 4): x1, y1, x2, y2 in [-1, 1].

    `points` are (B, N, 2) in [-1, 1]. A box is cut at the image's border and never smaller than SMALLEST_BOX of its
    side; points that are not numbers stand for the image's border.
    """
    points = full_precision(points).clamp(-1, 1)
    low = points.nan_to_num(nan=-1.0).amin(dim=1)
    high = points.nan_to_num(nan=1.0).amax(dim=1)
    half = ((high - low) / 2).clamp(min=SMALLEST_BOX)
    centre = ((high + low) / 2).clamp(-1 + half, 1 - half)
    return torch.cat((centre - half, centre + half), dim=1)


def crop_boxes(image: Tensor, boxes: Tensor, size: int = 128) -> Tensor:
    """Cut `boxes` (B, 4) in [-1, 1] out of `image` (B, C, H, W) and resample each to size x size, bilinearly.

    A box's edges come to lie on the centres of the outermost pixels.
    """
    boxes = full_precision(boxes)
    line = torch.linspace(0, 1, size, device=boxes.device, dtype=boxes.dtype)
    x = boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * line
    y = boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * line
    shape = (len(boxes), size, size)
    grid = torch.stack((x[:, None, :].expand(shape), y[:, :, None].expand(shape)), dim=-1)
    return F.grid_sample(image.to(grid.dtype), grid, padding_mode="border", align_corners=True)
