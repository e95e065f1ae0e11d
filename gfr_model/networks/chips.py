"""Faces turned and sized as networks that embed them were trained: eyes, nose and mouth at places of their own."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.device import at_full_precision
from gfr_model.networks.spline import similarity
from gfr_model.networks.warp import normalise

# ArcFace's places of eyes, nose tip and mouth corners, px of 112 (Deng et al. 2019); most networks since take these.
ARCFACE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))


def arcface_template() -> Tensor:
    """ArcFace's five places, (5, 2); [-1, 1] is the frame of the face."""
    return normalise(torch.tensor(ARCFACE), 112)


def five_points(points: Tensor) -> Tensor:
    """Eyes, nose tip and mouth corners (B, 5, 2) of 68 landmarks (B, 68, 2)."""
    eyes = points[:, 36:42].mean(1), points[:, 42:48].mean(1)
    return torch.stack((*eyes, points[:, 30], points[:, 48], points[:, 54]), dim=1)


def chips(images: Tensor, five: Tensor, template: Tensor, size: int) -> Tensor:
    """The faces (B, 3, size, size) of images (B, 3, S, S) whose points `five` (B, 5, 2) come to `template` (5, 2).

    [-1, 1] is the frame of image and face. What lies outside the image repeats its border.
    """
    with at_full_precision(five.device):  # in bfloat16 places would be px off
        matrix, shift = similarity(template.to(five).expand(len(five), -1, -1), five)
        shape = [len(images), 3, size, size]
        grid = F.affine_grid(torch.cat((matrix, shift[..., None]), 2), shape, align_corners=True)
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=True)
