"""How a face moves: a map of the chart onto itself, from where skin is now to where it lies at rest, and back.

Two steps, both invertible: a smooth displacement (smile, brows), then columns of the chart that are stretched piece by
piece (lids, lips, jaw). Every pixel of a photograph knows by it which point of the skin it shows.
"""

from dataclasses import dataclass

import numpy as np

from gfr_data.sample.person.chart import bump, pair
from gfr_data.sample.person.identity import Shape
from gfr_data.sample.person.skin import lip_edges

_ROUNDS = 14  # of the fixed-point inversion; the displacement's slope stays below 0.5


@dataclass(frozen=True)
class Expression:
    smile: float = 0.0  # -0.3 (sad) .. 1
    jaw: float = 0.0  # 0 closed .. 1 wide open
    brows: float = 0.0  # -0.5 drawn down .. 1 raised
    eyes: tuple[float, float] = (1.0, 1.0)  # openness of the picture's left and right eye: 0 closed, 1 at rest
    gaze: tuple[float, float] = (0.0, 0.0)  # of the irises to the picture's right and up, chart units


def to_rest(shape: Shape, expression: Expression, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the skin that is at (s, t) now lies at rest; any shape of arrays."""
    s, t = settle(shape, expression, s, t)
    return s, _columns(shape, expression, s, t, back=True)


def to_current(shape: Shape, expression: Expression, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the skin that lies at (s, t) at rest is now."""
    t = _columns(shape, expression, s, t, back=False)
    s_now, t_now = s, t
    for _ in range(_ROUNDS):
        ds, dt = _displacement(shape, expression, s_now, t_now)
        s_now, t_now = s + ds, t + dt
    return s_now, t_now


def settle(shape: Shape, expression: Expression, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undo the smooth displacement alone; lids and lips are drawn in these coordinates."""
    ds, dt = _displacement(shape, expression, s, t)
    return s - ds, t - dt


def lids(shape: Shape, u: np.ndarray, openness: float) -> tuple[np.ndarray, np.ndarray]:
    """Chart heights of the upper and lower lid; u is -1 at the inner and 1 at the outer corner."""
    u = np.clip(u, -1, 1)
    line = shape.eye_tilt * shape.eye_half * u
    round_ = np.maximum(1 - u * u, 0)
    over = shape.eye_upper * round_**0.72 * (1 - 0.18 * u)
    under = shape.eye_lower * round_**0.80 * (1 + 0.22 * u)
    lower = line - (0.70 + 0.30 * min(openness, 1.0)) * under
    return lower + openness * (over + under), lower


def lips(shape: Shape, expression: Expression, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart heights of the upper and lower edge of the opening between the lips; equal where they touch."""
    _, line, _ = lip_edges(shape, s)
    open_ = np.maximum(1 - (s / (shape.mouth_half * 0.94)) ** 2, 0) ** 0.8
    up = (0.008 * expression.jaw + 0.016 * max(expression.smile, 0) * min(1.0, 5 * expression.jaw)) * open_
    return line + up, line - 0.15 * expression.jaw * open_


def swelling(shape: Shape, expression: Expression, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """What the expression adds to the radius: cheeks round above a smile."""
    smile = max(expression.smile, 0.0)
    return smile * (
        0.030 * pair(s, t, 0.43, -0.30, 0.13, 0.10)
        - 0.018 * pair(s, t, shape.mouth_half + 0.09, shape.mouth_y + 0.03, 0.04, 0.07)
    )


def _displacement(shape: Shape, expression: Expression, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    smile, brows = expression.smile, expression.brows
    corner = pair(s, t, shape.mouth_half, shape.mouth_y, 0.14, 0.12)
    outward = s / (0.06 + np.abs(s))
    ds = 0.045 * smile * outward * corner
    dt = 0.050 * smile * corner + 0.022 * smile * pair(s, t, 0.42, -0.30, 0.16, 0.12)
    dt = dt - 0.018 * smile * bump(s, t, 0, shape.mouth_y - 0.02, 0.12, 0.10)
    dt = dt + 0.045 * brows * pair(s, t, shape.eye_x * 0.9, shape.brow_y + 0.03, 0.22, 0.09)
    return ds, dt


def _columns(shape: Shape, expression: Expression, s: np.ndarray, t: np.ndarray, back: bool) -> np.ndarray:
    """Stretch the columns of the eyes and of the mouth; `back` leads from now to rest."""
    top, bottom = shape.brow_y - 0.03, -0.19
    u = (np.abs(s) - shape.eye_x) / shape.eye_half
    rest = lids(shape, u, 1.0)
    left, right = (lids(shape, u, max(openness, 0.02)) for openness in expression.eyes)
    here = s > 0
    now = (np.where(here, right[0], left[0]), np.where(here, right[1], left[1]))
    ends = (np.full_like(t, top), np.full_like(t, bottom))
    t = _piecewise(t, *_order((ends[0], *now, ends[1]), (ends[0], *rest, ends[1]), back))
    _, line, _ = lip_edges(shape, s)
    upper, lower = lips(shape, expression, s)
    drop = 0.13 * expression.jaw * np.exp(-0.5 * (s / 0.42) ** 2)
    ends = (np.full_like(t, shape.nose_tip_y - 0.13), np.full_like(t, -1.55))
    chin = np.full_like(t, shape.chin_low)
    now_mouth = (ends[0], upper, lower - 1e-4, chin - drop, ends[1])
    rest_mouth = (ends[0], line, line - 1e-4, chin, ends[1])
    return _piecewise(t, *_order(now_mouth, rest_mouth, back))


def _order(now: tuple, rest: tuple, back: bool) -> tuple[tuple, tuple]:
    return (now, rest) if back else (rest, now)


def _piecewise(t: np.ndarray, knots: tuple[np.ndarray, ...], values: tuple[np.ndarray, ...]) -> np.ndarray:
    """Map t by the polygon that leads from the knots, which fall, to the values; the identity outside."""
    result = t
    for k in range(len(knots) - 1):
        high, low = knots[k], knots[k + 1]
        share = (high - t) / np.maximum(high - low, 1e-6)
        mapped = values[k] + (values[k + 1] - values[k]) * share
        result = np.where((t < high) & (t >= low), mapped, result)
    return result
