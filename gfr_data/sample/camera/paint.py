"""Paint what moves in a face: eyes between their lids, and the opening of the mouth.

Everything is drawn at the pixel's own chart place, in coordinates in which the smooth part of the expression is undone.
"""

from dataclasses import dataclass

import numpy as np

from gfr_data.sample.person.chart import smoothstep
from gfr_data.sample.person.expression import Expression, lids, lips
from gfr_data.sample.person.identity import Identity

IRIS = 0.066  # radius, chart units: 11.7 mm across
_SCLERA = np.array([0.57, 0.52, 0.49], dtype=np.float32)
_TEETH = np.array([0.66, 0.60, 0.50], dtype=np.float32)
_GUM = np.array([0.16, 0.035, 0.03], dtype=np.float32)


@dataclass
class Surface:
    """Pixels of the skin while they are painted; every array has one row per pixel."""

    albedo: np.ndarray  # (N, 3) linear
    normal: np.ndarray  # (N, 3) head frame
    gloss: np.ndarray  # (N,) 0..1
    wet: np.ndarray  # (N,) 0..1: the sharp highlight of eyes and teeth


def paint_eyes(
    surface: Surface, identity: Identity, expression: Expression, s: np.ndarray, t: np.ndarray, pixel: float
) -> None:
    """Draw both eyes into `surface`; s and t (N,) are settled chart coordinates, `pixel` the width of a pixel."""
    shape, look = identity.shape, identity.look
    soft = 0.7 * pixel
    for openness, side in zip(expression.eyes, (-1.0, 1.0), strict=True):
        index = np.flatnonzero((np.abs(side * s - shape.eye_x) < shape.eye_half * 1.5) & (np.abs(t) < 0.20))
        if not len(index):
            continue
        x, y = side * s[index] - shape.eye_x, t[index]
        u = x / shape.eye_half
        upper, lower = lids(shape, u, max(openness, 0.02))
        inside = smoothstep(-soft, soft, upper - y) * smoothstep(-soft, soft, y - lower)
        inside = inside * smoothstep(1.03, 0.97, np.abs(u))
        ball, normal, wet = _eyeball(identity, expression, x, y, upper, side, pixel)
        fold, rim, dark = _lid_lines(identity, u, y, upper, lower, max(openness, 0.02), pixel)
        tear = np.exp(-0.5 * (((u + 0.95) / 0.10) ** 2 + ((y - upper) / 0.016) ** 2))
        red = np.array([0.45, 0.20, 0.18], dtype=np.float32) * (1.2 - look.melanin * 0.6)
        colour = surface.albedo[index] * (1 - np.maximum(fold, 0.5 * rim))[:, None]
        colour += (np.array([0.42, 0.16, 0.14], dtype=np.float32) - colour) * (0.4 * rim)[:, None]
        colour += (ball - colour) * inside[:, None]
        colour += (red - colour) * (0.7 * tear)[:, None]
        colour += (0.012 - colour) * dark[:, None]
        surface.albedo[index] = colour
        mixed = surface.normal[index] * (1 - inside[:, None]) + normal * inside[:, None]
        surface.normal[index] = mixed / np.sqrt(np.einsum("nk,nk->n", mixed, mixed))[:, None]
        surface.gloss[index] *= 1 - inside
        surface.wet[index] = wet * inside


def _lid_lines(
    identity: Identity,
    u: np.ndarray,
    t: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    openness: float,
    pixel: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fold of the upper lid, rim of the lower one, lashes of both; u runs from -1 at the inner corner to 1."""
    shape, look = identity.shape, identity.look
    out = np.abs(u)
    fold_gap = t - upper - shape.lid_fold * (1 - 0.75 * out**3) * (0.6 + 0.4 * openness)
    fold = 0.42 * _around(0.55 * pixel + 0.009, fold_gap) * smoothstep(1.12, 0.85, out)
    rim = 0.25 * _around(0.010 + 0.5 * pixel, t - lower + 0.006) * smoothstep(1.05, 0.9, out)
    long = (0.008 + 0.007 * look.makeup + 0.004 * (1 - look.male)) * (0.75 + 0.35 * u)
    lash = np.exp(-0.5 * ((t - upper - 0.25 * long) / (0.8 * long + 0.30 * pixel)) ** 2)
    lash *= smoothstep(1.10 + 0.1 * look.makeup, 0.93, out) * (0.80 + 0.15 * look.makeup)
    below = 0.30 * _around(0.005 + 0.4 * pixel, t - lower + 0.004) * smoothstep(-0.6, 0.6, u)
    return fold, rim, np.clip(lash + below * smoothstep(1.05, 0.9, out), 0, 0.95)


def _around(width: float, x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (x / width) ** 2)


def _eyeball(
    identity: Identity,
    expression: Expression,
    x: np.ndarray,
    t: np.ndarray,
    upper: np.ndarray,
    side: float,
    pixel: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour, normal and wetness of the ball behind the lids; x is from its middle, outwards."""
    shape = identity.shape
    gx, gy = expression.gaze
    dx, dy = x - np.clip(side * gx, -0.075, 0.075), t - gy - 0.008
    r = np.sqrt(dx * dx + dy * dy) / IRIS
    angle = np.arctan2(dy, dx)
    edge = pixel / IRIS
    iris = np.asarray(identity.look.iris, dtype=np.float32)
    phase = identity.key[1] % 7
    fibres = 1 + 0.16 * np.sin(17 * angle + 3 * np.sin(3 * angle + phase)) + 0.10 * np.sin(41 * angle + phase)
    shade = (0.62 + 0.75 * smoothstep(0.95, 0.35, r) * fibres) * (1 - 0.72 * smoothstep(0.70, 1.0, r))
    colour = iris * shade[:, None]
    colour = colour + (0.004 - colour) * smoothstep(0.40 + edge * 0.6, 0.40 - edge * 0.6, r)[:, None]
    round_ = 1 - 0.10 * np.clip(np.abs(x) / shape.eye_half, 0, 1) ** 2
    white = _SCLERA * (1 - 0.35 * identity.look.melanin) * round_[:, None]
    red = np.array([0.0, 0.22, 0.22], dtype=np.float32) * smoothstep(0.55, 1.05, np.abs(x) / shape.eye_half)[:, None]
    colour = colour + (white * (1 - red) - colour) * smoothstep(1 - 0.6 * edge, 1 + 0.6 * edge, r)[:, None]
    shadow = 1 - 0.62 * np.exp(-np.maximum(upper - t, 0) / 0.022)
    nx, ny = x / 0.24, t / 0.24
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.1))
    turn = shape.eye_x * 0.55
    across = side * (nx * np.cos(turn) + nz * np.sin(turn))
    normal = np.stack([across, ny, nz * np.cos(turn) - nx * np.sin(turn)], axis=-1)
    size = 0.010 + 0.25 * pixel
    glint = np.exp(-0.5 * (((side * dx - 0.022) / size) ** 2 + ((dy - 0.024) / size) ** 2))
    return (colour * shadow[:, None]).astype(np.float32), normal.astype(np.float32), glint


def paint_mouth(
    surface: Surface, identity: Identity, expression: Expression, s: np.ndarray, t: np.ndarray, pixel: float
) -> None:
    """Draw the line between the lips, or the teeth and the dark behind them; s, t and pixel as in `paint_eyes`."""
    shape = identity.shape
    index = np.flatnonzero((np.abs(s) < shape.mouth_half * 1.15) & (np.abs(t - shape.mouth_y) < 0.28))
    if not len(index):
        return
    s, t = s[index], t[index]
    upper, lower = lips(shape, expression, s)
    soft = 0.7 * pixel
    span = smoothstep(1.02, 0.88, np.abs(s) / shape.mouth_half)
    gap = upper - lower
    inside = smoothstep(-soft, soft, upper - t) * smoothstep(-soft, soft, t - lower) * smoothstep(0.0, 0.02, gap)
    middle = 0.5 * (upper + lower)
    line = 0.82 * np.exp(-0.5 * ((t - middle) / (0.006 + 0.35 * pixel)) ** 2) * span * smoothstep(0.03, 0.0, gap)
    corner = 0.6 * np.exp(-0.5 * (((np.abs(s) / shape.mouth_half - 0.99) / 0.05) ** 2 + ((t - middle) / 0.012) ** 2))
    colour = surface.albedo[index]
    colour = colour * (1 - np.maximum(line, corner))[:, None]
    colour += (_cavity(s, t, upper, lower, shape.mouth_half) - colour) * inside[:, None]
    surface.albedo[index] = colour
    surface.gloss[index] *= 1 - 0.9 * inside


def _cavity(s: np.ndarray, t: np.ndarray, upper: np.ndarray, lower: np.ndarray, half: float) -> np.ndarray:
    """Colour inside the mouth: upper teeth, a tongue, darkness."""
    depth = upper - t
    place = s / 0.047 + 0.5
    number = np.floor(place)
    across = place - number - 0.5
    tip = 0.062 - 0.006 * (np.abs(number) % 2) - 0.010 * np.abs(number) / 4
    between = 1 - 0.30 * np.exp(-0.5 * ((0.5 - np.abs(across)) / 0.055) ** 2)
    round_ = 1 - 0.75 * np.clip(np.abs(s) / half, 0, 1) ** 2
    teeth = smoothstep(0.010, -0.004, depth - tip + 0.05 * across * across)
    teeth = teeth * smoothstep(-0.002, 0.006, depth + 0.004)
    dark = _GUM * (0.35 + 0.65 * smoothstep(0.10, 0.02, t - lower))[:, None]
    white = _TEETH * (between * round_ * (0.45 + 0.55 * smoothstep(0.0, 0.03, depth)))[:, None]
    return (dark + (white - dark) * teeth[:, None]).astype(np.float32)
