"""The coarse flow: a thin-plate spline through landmarks, or the best similarity transform (Duchon 1977; Umeyama 1991).

Positions are in [-1, 1], x then y, `align_corners=True`, as everywhere.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.networks.warp import identity_flow

GRID = 33  # the spline is evaluated at GRID x GRID places and enlarged bilinearly: less than 0.1 px off at 256 px
RIDGE = 6.8e-3  # smoothing: what a point's error of about 3 px of 256 deserves
FURTHEST = 3.0  # a flow that looks further away than this has come from points without meaning


def spline_flow(at: Tensor, to: Tensor, size: int, ridge: float = RIDGE, spread: Tensor | None = None) -> Tensor:
    """The smoothing thin-plate spline that takes points `at` of the target to points `to` of the guide, as a flow.

    at, to: (B, N, 2). spread: (B, N), a point's uncertainty: at twice the average the spline bends a quarter as easily.
    Returns (B, 2, size, size), float32 or longer. Where the spline does not exist (points that coincide, or lie on one
    line), mirrors, or leads far away, the flow is that of the best similarity; `serves` tells.
    """
    flow, good = _spline(at, to, ridge, spread)
    flow = torch.where(good[:, None, None, None], flow, similarity_flow(at, to, GRID))
    return F.interpolate(flow, size=(size, size), mode="bilinear", align_corners=True)


def serves(at: Tensor, to: Tensor, ridge: float = RIDGE, spread: Tensor | None = None) -> Tensor:
    """Whether `spline_flow` of the same points is a spline, (B,) bool, and not the similarity in its place."""
    return _spline(at, to, ridge, spread)[1]


def _spline(at: Tensor, to: Tensor, ridge: float, spread: Tensor | None) -> tuple[Tensor, Tensor]:
    """The spline at GRID x GRID places, (B, 2, GRID, GRID), and whether it can be used, (B,)."""
    weight = torch.ones_like(at[..., 0])
    if spread is not None:
        weight = (spread / spread.mean(dim=1, keepdim=True).clamp_min(1e-6)).square().clamp(0.1, 10)
    system, right = _system(at, to, ridge * weight)
    solution, info = torch.linalg.solve_ex(system, right)
    grid = identity_flow(GRID, GRID, at.device, at.dtype).flatten(2).transpose(1, 2)
    n = at.shape[1]
    bent = _kernel((grid[:, :, None] - at[:, None]).square().sum(-1)) @ solution[:, :n]
    flow = (bent + _with_one(grid.expand(at.shape[0], -1, -1)) @ solution[:, n:]).transpose(1, 2)
    flow = flow.reshape(at.shape[0], 2, GRID, GRID)
    turned = torch.linalg.det(solution[:, n + 1 :]) > 0  # the spline's affine part does not mirror
    good = (info == 0) & turned & flow.isfinite().flatten(1).all(1) & (flow.abs().flatten(1).amax(1) < FURTHEST)
    return flow, good


def similarity_flow(at: Tensor, to: Tensor, size: int) -> Tensor:
    """The flow (B, 2, size, size) of the similarity transform (no mirror) nearest to `at` -> `to`, both (B, N, 2)."""
    matrix, shift = similarity(at, to)
    grid = identity_flow(size, size, at.device, at.dtype).flatten(2)
    return (matrix @ grid + shift[..., None]).reshape(at.shape[0], 2, size, size)


def similarity(at: Tensor, to: Tensor) -> tuple[Tensor, Tensor]:
    """The similarity x -> A x + t nearest in least squares to `at` -> `to`, (B, N, 2): A (B, 2, 2), t (B, 2).

    Points that all coincide are only shifted.
    """
    from_middle, to_middle = at.mean(1), to.mean(1)
    a, b = at - from_middle[:, None], to - to_middle[:, None]
    size = a.square().sum((1, 2))
    cosine = (a * b).sum((1, 2)) / size.clamp_min(1e-9)
    sine = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(1) / size.clamp_min(1e-9)
    cosine = torch.where(size < 1e-9, torch.ones_like(cosine), cosine)
    matrix = torch.stack((torch.stack((cosine, -sine), -1), torch.stack((sine, cosine), -1)), -2)
    return matrix, to_middle - (matrix @ from_middle[..., None])[..., 0]


def _system(at: Tensor, to: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """The spline's linear equations: (B, N+3, N+3) and (B, N+3, 2)."""
    kernel = _kernel((at[:, :, None] - at[:, None]).square().sum(-1)) + torch.diag_embed(ridge)
    plane = _with_one(at)
    corner = plane.new_zeros(at.shape[0], 3, 3)
    system = torch.cat((torch.cat((kernel, plane), 2), torch.cat((plane.transpose(1, 2), corner), 2)), 1)
    return system, torch.cat((to, to.new_zeros(to.shape[0], 3, 2)), 1)


def _kernel(square: Tensor) -> Tensor:
    """r^2 log r^2 of squared distances; 0 at 0."""
    return square * torch.log(square.clamp_min(1e-9))


def _with_one(points: Tensor) -> Tensor:
    return torch.cat((torch.ones_like(points[..., :1]), points), dim=-1)
