"""iBUG's 68 landmarks: which of them lie inside the face, and which pixels they enclose."""

import math

import torch
from torch import Tensor

INNER = slice(17, 68)  # all but the jaw, whose points annotators place loosely
HALF_TURN = math.pi - 1e-7  # radians; what rounding leaves of it


def face_masks(points: Tensor, size: int) -> Tensor:
    """The pixels in the convex hull of each face's landmarks, (B, N, 2) px -> (B, size, size) bool, on their device.

    A pixel belongs to the hull where its centre does; none does where a point is not finite.
    """
    known = points.isfinite().all(dim=2).all(dim=1)
    points = torch.where(known[:, None, None], points, torch.zeros_like(points)).double()
    edge, on_hull = _edges(points)
    place = torch.arange(size, device=points.device, dtype=points.dtype)
    # Each edge that rises or falls bounds every row from one side: the hull lies to its left.
    at_row = points[..., :1] + edge[..., :1] * (place - points[..., 1:]) / edge[..., 1:]  # (B, N, size)
    falls, rises = (on_hull & sign for sign in (edge[..., 1] < 0, edge[..., 1] > 0))
    first = torch.where(falls[..., None], at_row, -math.inf).amax(1)
    last = torch.where(rises[..., None], at_row, math.inf).amin(1)
    # The box of the points bounds what edges along a row leave open.
    low, high = points.amin(1), points.amax(1)
    first, last = first.maximum(low[:, :1]), last.minimum(high[:, :1])
    rows = (place >= low[:, 1:]) & (place <= high[:, 1:]) & known[:, None]
    return rows[..., None] & (place >= first[..., None]) & (place <= last[..., None])


def _edges(points: Tensor) -> tuple[Tensor, Tensor]:
    """From each point (B, N, 2) the edge to the next corner of the hull, (B, N, 2), and whether it is a corner, (B, N).

    Seen from a corner, all other points lie within half a turn; the edge leads to the first of them.
    """
    away = points[:, None] - points[:, :, None]  # [b, i, j]: from i to j
    # The point itself, and others at its place, have no direction: another's stands for it.
    same = (away == 0).all(dim=-1)
    other = torch.where(same, math.inf, _angle(away)).argmin(-1)[..., None, None].expand(-1, -1, -1, 2)
    away = torch.where(same[..., None], away.gather(2, other), away)
    angle, order = _angle(away).sort(dim=-1)
    after = angle.roll(-1, dims=-1)
    after[..., -1] += 2 * math.pi
    gap, place = (after - angle).max(dim=-1, keepdim=True)
    following = order.gather(-1, (place + 1) % order.shape[-1])
    edge = away.gather(2, following[..., None].expand(-1, -1, -1, 2))[:, :, 0]
    return edge, (gap[..., 0] >= HALF_TURN) & ~(edge == 0).all(dim=-1)


def _angle(direction: Tensor) -> Tensor:
    return torch.atan2(direction[..., 1], direction[..., 0])
