"""Neck, shoulders and clothes: a smooth solid below the head, in world coordinates."""

from dataclasses import dataclass

import numpy as np

_STEPS = 26


@dataclass(frozen=True)
class Body:
    top: np.ndarray  # (3,) upper end of the neck's axis
    bottom: np.ndarray  # (3,) lower end
    girth: float  # radius of the neck
    chest: np.ndarray  # (3,) centre of the chest
    size: np.ndarray  # (3,) its half axes


def make_body(rotation: np.ndarray, male: float, body_yaw: float) -> Body:
    """A body that carries a head turned by `rotation`."""
    turn = np.deg2rad(body_yaw)
    top = rotation @ np.array([0.0, -0.45, -0.26], dtype=np.float32)
    bottom = np.array([0.10 * np.sin(turn), -1.75, -0.42], dtype=np.float32)
    chest = np.array([0.1 * np.sin(turn), -2.56, -0.46], dtype=np.float32)
    size = np.array([1.62 + 0.30 * male, 0.98, 0.74], dtype=np.float32)
    return Body(top, bottom, 0.47 + 0.09 * male, chest, size)


def intersect(body: Body, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Distance along unit rays (N, 3) from `origin` (3,), infinite where they pass; (N,) float32."""
    distance = np.full(len(rays), np.inf, dtype=np.float32)
    alive = np.flatnonzero(rays[:, 1] < -0.25 / origin[2])
    t: np.ndarray = np.full(len(alive), float(np.linalg.norm(origin)) - 1.6, dtype=np.float32)
    limit = float(np.linalg.norm(origin)) + 1.5
    for _ in range(_STEPS):
        if not len(alive):
            break
        gap = separation(body, origin + t[:, None] * rays[alive])
        hit = gap < 0.004
        distance[alive[hit]] = t[hit]
        keep = ~hit & (t < limit)
        alive, t = alive[keep], (t + 0.92 * gap)[keep]
    return distance


def separation(body: Body, points: np.ndarray) -> np.ndarray:
    """Signed distance (approximate) from points (N, 3) to the body."""
    neck = neck_distance(body, points) - body.girth
    scaled = (points - body.chest) / body.size
    k0 = np.sqrt(np.sum(scaled * scaled, axis=1))
    k1 = np.sqrt(np.sum((scaled / body.size) ** 2, axis=1)) + 1e-6
    chest = k0 * (k0 - 1) / k1
    soft = 0.34
    h = np.clip(0.5 + 0.5 * (chest - neck) / soft, 0, 1)
    return chest + (neck - chest) * h - soft * h * (1 - h)


def neck_distance(body: Body, points: np.ndarray) -> np.ndarray:
    """Distance from points (N, 3) to the neck's axis."""
    axis = body.bottom - body.top
    share = np.clip((points - body.top) @ axis / (axis @ axis), 0, 1)
    away = points - body.top - share[:, None] * axis
    return np.sqrt(np.sum(away * away, axis=1))


def normals(body: Body, points: np.ndarray) -> np.ndarray:
    """Outward unit normals at points (N, 3) of the surface."""
    step = 0.01
    here = separation(body, points)
    slope = np.empty_like(points)
    for k in range(3):
        moved = points.copy()
        moved[:, k] += step
        slope[:, k] = separation(body, moved) - here
    return slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9)
