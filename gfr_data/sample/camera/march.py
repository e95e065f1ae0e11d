"""Where camera rays meet the head: a march against the radial height field, refined by the secant rule."""

import numpy as np

from gfr_data.sample.person.chart import coordinates, sample

_STEPS = 90
_STEP = 0.62  # share of the height above the surface that a step may cover; cliffs of the nose allow no more
_LEAST = 0.012  # shortest step, head units


def intersect(radius: np.ndarray, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance along each unit ray (N, 3) from `origin` (3,) to the surface, (N,) float32, and what was hit.

    Distances are infinite where a ray passes the head.
    """
    distance = np.full(len(rays), np.inf, dtype=np.float32)
    reach = float(radius.max()) + 1e-3
    middle = -rays @ origin
    chord = middle * middle - (origin @ origin - reach * reach)
    alive = np.flatnonzero(chord > 0)
    half = np.sqrt(chord[alive])
    near, far = middle[alive] - half, middle[alive] + half
    ray = np.ascontiguousarray(rays[alive].T)
    last_t, last_f = near, np.full(len(alive), 0.3, dtype=np.float32)
    t = near
    found: list[tuple[np.ndarray, ...]] = []
    for _ in range(_STEPS):
        f = height(radius, origin, ray, t)
        below = f < 0
        if below.any():
            found.append((alive[below], last_t[below], t[below], last_f[below], f[below]))
        keep = ~below & (t < far)
        if not keep.any():
            break
        alive, far, ray, last_t, last_f = alive[keep], far[keep], ray[:, keep], t[keep], f[keep]
        t = last_t + np.maximum(_STEP * last_f, _LEAST)
    if found:
        index, t0, t1, f0, f1 = (np.concatenate(column) for column in zip(*found, strict=True))
        distance[index] = _refine(radius, origin, np.ascontiguousarray(rays[index].T), (t0, t1, f0, f1))
    return distance, np.isfinite(distance)


def height(radius: np.ndarray, origin: np.ndarray, ray: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Height above the surface of points along rays (3, N)."""
    x, y, z = (origin[k] + t * ray[k] for k in range(3))
    r = np.sqrt(x * x + y * y + z * z)
    return r - sample(radius, *coordinates(x, y, z, r))


def _refine(radius: np.ndarray, origin: np.ndarray, ray: np.ndarray, bracket: tuple[np.ndarray, ...]) -> np.ndarray:
    t0, t1, f0, f1 = bracket
    for _ in range(4):
        share = np.clip(f0 / (f0 - f1 + 1e-9), 0.05, 0.95)
        t = t0 + (t1 - t0) * share
        f = height(radius, origin, ray, t)
        outside = f > 0
        t0, f0 = np.where(outside, t, t0), np.where(outside, f, f0)
        t1, f1 = np.where(outside, t1, t), np.where(outside, f1, f)
    return t0 + (t1 - t0) * (f0 / (f0 - f1 + 1e-9))


def shadow(radius: np.ndarray, points: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Share of light that reaches points (N, 3) just above the surface from the direction `towards`, (N,) in [0, 1]."""
    lit = np.ones(len(points), dtype=np.float32)
    ray = np.broadcast_to(towards[:, None], (3, len(points)))
    x = np.ascontiguousarray(points.T)
    for t in np.geomspace(0.03, 1.3, 13, dtype=np.float32):
        place = x + t * ray
        r = np.sqrt(np.sum(place * place, axis=0))
        above = r - sample(radius, *coordinates(place[0], place[1], place[2], r))
        lit = np.minimum(lit, np.clip(0.5 + above / (0.03 + 0.16 * t), 0, 1))
    return lit
