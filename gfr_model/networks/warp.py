"""Sampling an image through a flow field (eq. 2), and the coordinates in which flows and landmarks are given.

Coordinates are normalised to [-1, 1]: -1 is the centre of the first pixel, 1 that of the last (`align_corners=True`).
A flow holds, for each pixel of the result, the position in the source at which it looks: x, then y.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.device import full_precision


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Return `image` (B, C, H, W) seen through `flow` (B, 2, h, w), as (B, C, h, w): bilinear, eq. 2.

    Positions outside [-1, 1] look at the nearest pixel of the border; one that is not finite sees NaN.
    """
    if flow.dim() != 4 or flow.shape[1] != 2 or flow.shape[0] != image.shape[0]:
        raise ValueError(f"flow must have shape ({image.shape[0]}, 2, h, w), but is {tuple(flow.shape)}")
    flow = full_precision(flow)
    return _sample(image.to(flow.dtype), flow.permute(0, 2, 3, 1))


def inside(flow: Tensor) -> Tensor:
    """1 where a flow (B, 2, H, W) looks inside the image, 0 where it looks beyond its border: (B, 1, H, W)."""
    return (flow.abs() <= 1).all(dim=1, keepdim=True).to(flow.dtype)


def identity_flow(
    height: int, width: int, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return the flow in which each pixel looks at itself, (1, 2, height, width)."""
    x = torch.linspace(-1, 1, width, device=device, dtype=dtype).expand(height, width)
    y = torch.linspace(-1, 1, height, device=device, dtype=dtype)[:, None].expand(height, width)
    return torch.stack((x, y))[None]


def sample_flow(flow: Tensor, points: Tensor) -> Tensor:
    """Read `flow` (B, 2, H, W) at `points` (B, N, 2) in [-1, 1], bilinearly; returns positions (B, N, 2)."""
    flow = full_precision(flow)
    return _sample(flow, points[:, :, None].to(flow.dtype))[..., 0].transpose(1, 2)


def in_frame(points: Tensor) -> Tensor:
    """Whether points (B, N, 2) in [-1, 1] lie inside the image, (B, N) bool; those that are not known do not."""
    return (points.abs() <= 1).all(dim=-1)


def normalise(points: Tensor, size: int = 256) -> Tensor:
    """Bring pixel coordinates (centres at integers) of a square of `size` px to [-1, 1]."""
    return points * (2 / (size - 1)) - 1


def landmark_error(flow: Tensor, target_points: Tensor, guide_points: Tensor, size: int) -> Tensor:
    """Distance of where the flow looks at the target's landmarks from the guide's, (B,) px, mean over points.

    What eq. 9 squares and sums: points outside either crop stay out, and it is NaN where all do. Flow (B, 2, H, W) in
    [-1, 1], points (B, N, 2) in px of a crop of `size` px.
    """
    target, guide = (normalise(points.double(), size) for points in (target_points, guide_points))
    known = in_frame(target) & in_frame(guide)
    target = torch.where(known[..., None], target, 0)
    distance = torch.where(known, (sample_flow(flow, target) - guide).norm(dim=-1), 0)
    return distance.sum(dim=1) / known.sum(dim=1) * ((size - 1) / 2)


def to_pixels(points: Tensor, size: int = 256) -> Tensor:
    """Undo `normalise`."""
    return (points + 1) * ((size - 1) / 2)


def _sample(image: Tensor, positions: Tensor) -> Tensor:
    """`image` (B, C, H, W) at `positions` (B, h, w, 2), as (B, C, h, w); NaN at those that are not finite.

    `grid_sample` is not shown them: its backward pass on a CPU reads and writes memory outside the image there.
    """
    good = positions.isfinite().all(dim=-1)
    known = torch.where(good[..., None], positions, torch.zeros_like(positions))
    found = F.grid_sample(image, known, mode="bilinear", padding_mode="border", align_corners=True)
    return torch.where(good[:, None], found, torch.full_like(found, torch.nan))
