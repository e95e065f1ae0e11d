"""Neck, shoulders and clothes: a smooth solid below the head, in world coordinates."""

from dataclasses import dataclass

import numpy as np

_STEPS = 26
_TOUCH = 0.006  # head units: a ray this near has arrived


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
    chest = np.array([0.1 * np.sin(turn), -2.47, -0.46], dtype=np.float32)
    size = np.array([1.62 + 0.30 * male, 0.98, 0.74], dtype=np.float32)
    return Body(top, bottom, 0.47 + 0.09 * male, chest, size)


def intersect(body: Body, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Distance along unit rays (N, 3) from `origin` (3,), infinite where they pass; (N,) float32."""
    distance = np.full(len(rays), np.inf, dtype=np.float32)
    alive = np.flatnonzero(rays[:, 1] < -0.25 / origin[2])
    ray = np.ascontiguousarray(rays[alive].T)
    t: np.ndarray = np.full(len(alive), float(np.linalg.norm(origin)) - 1.6, dtype=np.float32)
    limit = float(np.linalg.norm(origin)) + 1.5
    for _ in range(_STEPS):
        if not len(alive):
            break
        gap = _separation(body, *(origin[k] + t * ray[k] for k in range(3)))
        hit = gap < _TOUCH
        distance[alive[hit]] = t[hit] + gap[hit]
        keep = ~hit & (t < limit)
        alive, ray, t = alive[keep], ray[:, keep], t[keep] + np.float32(0.92) * gap[keep]
    return distance


def _separation(body: Body, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signed distance (approximate) from places (N,) to the body."""
    neck = neck_distance(body, x, y, z) - body.girth
    above = np.maximum(y - body.chest[1], 0)  # below its middle the chest goes straight down
    scaled = [(x - body.chest[0]) / body.size[0], above / body.size[1], (z - body.chest[2]) / body.size[2]]
    k0 = np.sqrt(sum(v * v for v in scaled))
    k1 = np.sqrt(sum((v / body.size[k]) ** 2 for k, v in enumerate(scaled))) + 1e-6
    chest = k0 * (k0 - 1) / k1
    soft = np.float32(0.34)
    h = np.clip(0.5 + 0.5 * (chest - neck) / soft, 0, 1)
    return chest + (neck - chest) * h - soft * h * (1 - h)


def neck_distance(body: Body, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Distance from places (N,) to the neck's axis."""
    axis = body.bottom - body.top
    offset = [v - body.top[k] for k, v in enumerate((x, y, z))]
    along = sum(offset[k] * axis[k] for k in range(3)) / (axis @ axis)
    share = np.clip(along, 0, 1)
    return np.sqrt(sum((offset[k] - share * axis[k]) ** 2 for k in range(3)))


def normals(body: Body, points: np.ndarray) -> np.ndarray:
    """Outward unit normals at points (N, 3) of the surface."""
    places = np.ascontiguousarray(points.T)
    here = _separation(body, *places)
    slope = np.empty_like(places)
    for k in range(3):
        moved = list(places)
        moved[k] = moved[k] + np.float32(0.01)
        slope[k] = _separation(body, *moved) - here
    slope /= np.sqrt(np.sum(slope * slope, axis=0)) + 1e-9
    return slope.T
