"""The head as a radial height field: one radius per direction on the chart, for the skin and for the hair."""

import numpy as np

from gfr_data.sample.person.chart import bump, directions, grid, noise, pair, smoothstep
from gfr_data.sample.person.identity import Hair, Identity, Shape

# The lower edge of the jaw, from chin to ear: azimuth from the face's middle and height of the direction, degrees.
JAW = np.array([[0, -61.5], [20, -60], [40, -57.5], [57, -54], [70, -48], [78, -38], [82, -25], [84, -10], [85, 4]])
_BEHIND = np.deg2rad(-33)  # where the head ends below the ears and behind them
_COVERED = {"long", "bob"}  # styles that hide the ears
MAP = 384  # texels across a map of radii; one is about a pixel of a rendered face


def skin_radius(identity: Identity, size: int = MAP) -> np.ndarray:
    """Radii of the skin at rest, head units (10 cm), (size, size) float32."""
    s, t = grid(size)
    radius = _skull(identity.shape, size)
    radius += _face(identity.shape, s, t) + _nose(identity.shape, s, t) + _mouth(identity.shape, s, t)
    age = identity.look.age
    radius += 0.012 * age * pair(s, t, 0.42, -0.52, 0.12, 0.16)  # cheeks sink with age, and hang
    generator = np.random.default_rng([*identity.key, 2])
    radius += 0.006 * noise(generator, size, 11)
    if identity.hair.style not in _COVERED:
        radius += _ears(identity.shape, size)
    return radius.astype(np.float32)


def _ellipsoid(
    d: np.ndarray, centre: tuple[float, float, float], axes: tuple[np.ndarray | float, float, float]
) -> np.ndarray:
    """Distance from the origin, which lies inside, to an ellipsoid along directions `d`."""
    inverse = [1 / axis for axis in axes]
    a = sum((d[..., k] * inverse[k]) ** 2 for k in range(3))
    b = sum(d[..., k] * centre[k] * inverse[k] ** 2 for k in range(3))
    c = sum((centre[k] * inverse[k]) ** 2 for k in range(3))
    return (b + np.sqrt(np.maximum(b * b - a * (c - 1), 1e-9))) / a


def _skull(shape: Shape, size: int) -> np.ndarray:
    """A smooth union of cranium and face; the jaw is what narrows the face downwards."""
    d = directions(size)
    cranium = _ellipsoid(d, (0, 0.22, -0.14), (0.735 * shape.head_width, 0.92 * shape.head_height, 0.93))
    low = smoothstep(-0.35, -0.98, d[..., 1])
    width = 0.70 * shape.cheek_width * (1 - (0.26 - 0.13 * shape.jaw) * low)
    width = width + 0.045 * shape.jaw * np.exp(-0.5 * ((d[..., 1] + 0.76) / 0.10) ** 2)
    face = _ellipsoid(d, (0, -0.20, 0.10), (width, 1.04, 0.775))
    azimuth = np.arctan2(np.abs(d[..., 0]), d[..., 2])
    edge = np.minimum(jaw_edge(shape, azimuth), _BEHIND)
    below = np.arcsin(np.clip(d[..., 1], -1, 1)) - edge
    sharp = 14.0
    union = np.log(np.exp(sharp * cranium) + np.exp(sharp * face)) / sharp
    return union - 0.26 * smoothstep(0.02, -0.30, below)


def jaw_edge(shape: Shape, azimuth: np.ndarray) -> np.ndarray:
    """Heights of the directions along the lower edge of the jaw, from chin to ear; radians, as is `azimuth`."""
    azimuths, heights = np.deg2rad(JAW.T)
    chin = -2 * np.arcsin(-shape.chin_low / 2)
    share = np.interp(azimuth, azimuths, (heights - heights[-1]) / (heights[0] - heights[-1]))
    return heights[-1] + (chin - heights[-1]) * share


def _face(shape: Shape, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    x, chin = shape.eye_x, shape.chin_low
    relief = (0.030 + shape.brow_ridge) * pair(s, t, x * 0.80, shape.brow_y - 0.015, 0.17, 0.055)
    relief += 0.6 * shape.brow_ridge * bump(s, t, 0, shape.brow_y - 0.03, 0.10, 0.07)
    relief -= (0.055 + shape.eye_depth) * pair(s, t, x - 0.03, 0.035, 0.16, 0.085)
    relief -= 0.05 * pair(s, t, 0.17, 0.03, 0.055, 0.075)  # between eye and nose
    relief += (0.030 + 0.65 * shape.eye_depth) * pair(s, t, x, 0.0, 0.115, 0.062)  # the eyeball
    relief -= 0.012 * pair(s, t, x - 0.02, -0.125, 0.12, 0.025)  # below the lower lid
    relief += (0.025 + shape.cheekbone) * pair(s, t, 0.50, -0.20, 0.16, 0.12)
    relief += 0.025 * pair(s, t, 0.36, -0.36, 0.15, 0.13)
    relief -= shape.hollow * pair(s, t, 0.60, -0.52, 0.13, 0.16)
    relief -= 0.02 * pair(s, t, 0.78, 0.18, 0.14, 0.16)  # temples
    relief += (0.035 + shape.chin_out) * bump(s, t, 0, chin + 0.11, shape.chin_width, 0.085)
    relief -= 0.038 * bump(s, t, 0, shape.mouth_y - shape.lip_lower - 0.055, 0.16, 0.035)  # above the chin
    return relief


def _nose(shape: Shape, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    tip, out = shape.nose_tip_y, shape.nose_out
    top = 0.12
    along = np.clip((top - t) / (top - tip), 0, 1.4)  # 0 at the bridge, 1 at the tip
    hook = shape.nose_hook * np.sin(np.pi * np.clip(along, 0, 1))
    rise = shape.nose_bridge + (out - shape.nose_bridge) * along**1.35 + hook
    under = smoothstep(tip - 0.135, tip - 0.015, t)
    start = smoothstep(top + 0.11, top - 0.06, t)
    width = 0.045 + 0.030 * np.clip(along, 0, 1) ** 2 + 0.25 * (shape.nose_half - 0.12) * along
    axis = shape.nose_crooked * np.sin(np.pi * np.clip(along, 0, 1))
    ridge = rise * start * under * np.exp(-0.5 * np.abs((s - axis) / width) ** 2.3)
    wing_y = tip - 0.045
    wings = 0.085 * pair(s, t, shape.nose_half - 0.028, wing_y, 0.036, 0.048)
    ball = 0.035 * bump(s, t, 0, tip - 0.005, 0.065, 0.055)
    crease = -0.018 * pair(s, t, shape.nose_half + 0.038, wing_y + 0.01, 0.018, 0.05)
    nostrils = -0.05 * pair(s, t, 0.055, tip - 0.10, 0.026, 0.016)
    return ridge + wings + ball + crease + nostrils


def _mouth(shape: Shape, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    y, half = shape.mouth_y, shape.mouth_half
    relief = 0.055 * bump(s, t, 0, y, half * 1.0, 0.17)
    relief += 0.6 * shape.lip_upper * bump(s, t, 0, y + 0.5 * shape.lip_upper, half * 0.62, 0.45 * shape.lip_upper)
    relief += 0.62 * shape.lip_lower * bump(s, t, 0, y - 0.5 * shape.lip_lower, half * 0.55, 0.42 * shape.lip_lower)
    relief -= 0.018 * bump(s, t, 0, y, half * 0.9, 0.014)
    relief -= 0.022 * pair(s, t, half + 0.02, y - 0.005, 0.035, 0.04)
    philtrum = 0.5 * (shape.nose_tip_y - 0.12 + y + shape.lip_upper)
    relief -= 0.013 * bump(s, t, 0, philtrum, 0.022, 0.055)
    return relief + 0.007 * pair(s, t, 0.045, philtrum, 0.016, 0.055)


def _ears(shape: Shape, size: int) -> np.ndarray:
    """Ears as folds of the side of the head: a rim that stands out, a hollow inside it, a lobe below."""
    u, v, side = _ear_places(shape, size)
    r = np.sqrt(u * u + v * v)
    plate = smoothstep(1.12, 0.86, r) * (0.45 + 0.55 * smoothstep(-1.0, 0.7, u))
    hollow = smoothstep(0.75, 0.3, np.sqrt((u + 0.15) ** 2 + (1.25 * (v + 0.12)) ** 2))
    fold = np.exp(-0.5 * ((np.sqrt((u + 0.05) ** 2 + v * v) - 0.60) / 0.09) ** 2)
    return side * ((shape.ear_out + 0.05) * plate - 0.085 * hollow + 0.022 * fold * plate)


def _ear_places(shape: Shape, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates on the ear, to the back and up, 1 at its rim; and 1 on the sides of the head, 0 elsewhere."""
    d = directions(size)
    up, back = d[..., 1] + 0.10, -d[..., 2] - 0.10
    k = 1 / shape.ear_size
    u = (back - 0.22 * up) * k / 0.155
    v = up * k / (0.27 + 0.03 * np.clip(-up, 0, 1))
    return u, v, smoothstep(0.5, 0.75, np.abs(d[..., 0]))


def hair_cover(identity: Identity, strands: np.ndarray, size: int) -> np.ndarray:
    """Where hair grows on the head or hangs over it: 0..1, (size, size) float32. `strands` fray its edge."""
    hair = identity.hair
    if hair.style == "bald":
        return np.zeros((size, size), dtype=np.float32)
    d = directions(size)
    s, t = grid(size)
    azimuth = np.abs(np.arctan2(d[..., 0], d[..., 2]))
    fray = 0.06 if hair.style in {"long", "bob", "parted", "swept"} else 0.09
    line = hair.line - hair.fringe * smoothstep(0.85, 0.3, np.abs(s)) + fray * (strands - 0.5)
    line = line + 0.9 * hair.recede * pair(s, t, 0.36, hair.line + 0.05, 0.16, 0.3)
    if hair.style in {"parted", "swept"} and hair.fringe == 0:
        line = line - 0.13 * smoothstep(0, 0.7, -s * np.sign(hair.part)) * smoothstep(0.9, 0.5, np.abs(s))
    above = t - line + 0.10 * s * s  # in front: above the hairline
    loose = 0.1 if hair.style in _COVERED else 0.5  # strands of a curtain do not part from it
    edge = np.interp(d[..., 1], *_side_edge(hair)) + loose * fray * (strands - 0.5)
    behind = azimuth - edge  # at the sides: behind the sideburns
    sharp = 0.005 if hair.style in _COVERED else 0.02  # where hair hangs the map is stretched
    cover = np.maximum(smoothstep(-0.03, 0.03, above), smoothstep(-sharp, sharp, behind))
    if hair.style not in _COVERED:
        u, v, side = _ear_places(identity.shape, size)
        cover = cover * (1 - side * smoothstep(1.18, 1.06, np.sqrt(u * u + v * v)))
    return cover.astype(np.float32)


def _side_edge(hair: Hair) -> tuple[list[float], list[float]]:
    """Azimuth (radians from the face) at which the hair begins at the sides, against the height of the direction."""
    if hair.style in {"long", "bob"}:
        return [-1.0, -0.6, -0.2, 0.1, 0.35, 0.55, 0.7], [1.25, 1.22, 1.18, 1.15, 1.05, 0.98, 0.7]
    if hair.style == "parted" and hair.length > 1.0:
        return [-1.0, -0.56, -0.5, -0.1, 0.1, 0.35, 0.55, 0.7], [3.3, 3.3, 1.7, 1.34, 1.22, 1.12, 1.0, 0.8]
    heights = [-1.0, -0.56, -0.5, -0.3, -0.1, -0.08, 0.1, 0.35, 0.55, 0.7]
    return heights, [3.3, 3.3, 2.2, 2.0, 1.9, 1.42, 1.30, 1.12, 1.02, 0.8]


def hair_radius(identity: Identity, skin: np.ndarray, cover: np.ndarray, strands: np.ndarray) -> np.ndarray:
    """Radii of the hair's outer surface, on the map of `skin`; below the skin where there is none."""
    import cv2

    hair, size = identity.hair, len(skin)
    s = grid(size)[0]
    d = directions(size)
    soft = np.maximum(2 * cv2.GaussianBlur(cover, (0, 0), 0.022 * size / 4) - 1, 0)  # it rises within its edge
    thick = {"buzz": 0.16, "bald": 0.0, "tied": 0.40, "short": 0.8, "curly": 1.5, "swept": 1.1}.get(hair.style, 0.95)
    volume = hair.volume * thick * (0.55 + 0.45 * smoothstep(-0.3, 0.9, d[..., 1]))
    if hair.style in {"parted", "swept"}:
        volume = volume * (1 - 0.30 * np.exp(-0.5 * ((s - hair.part) / 0.035) ** 2) * (d[..., 1] > 0))
    base = cv2.GaussianBlur(skin, (0, 0), 0.10 * size / 4)  # hair hides the ears and the brow's relief
    base = np.where(d[..., 2] > 0.75, skin, np.maximum(base, skin * 0.96))
    radius = base + volume * soft
    locks = cv2.GaussianBlur(strands, (0, 0), 1.6)  # single strands are finer than this map
    if hair.style == "curly":
        generator = np.random.default_rng([*identity.key, 5])
        radius = radius + 0.022 * soft * noise(generator, size, 44)
    else:
        radius = radius + 0.030 * soft * (locks - 0.5) * (hair.style != "buzz")
    if hair.style in _COVERED:
        curtain = smoothstep(0.45, -0.15, d[..., 1]) * soft
        radius = radius + curtain * np.maximum(_hanging(hair, d, locks) - radius, 0)
    if hair.style == "tied":
        knot = np.sum(d * np.array([0.0, 0.80, -0.60], dtype=np.float32), axis=-1)
        radius = radius + 0.30 * smoothstep(0.84, 0.99, knot)
    return np.where(cover > 0.02, radius, 0).astype(np.float32)


def _hanging(hair: Hair, d: np.ndarray, strands: np.ndarray) -> np.ndarray:
    """Radii of hair that hangs as a curtain round the neck, down to the hair's length."""
    down = np.maximum(-d[..., 1], 1e-3)
    wide, deep = 0.86 + 0.6 * hair.volume, 0.98
    wall = 1 / np.sqrt((d[..., 0] / wide) ** 2 + (d[..., 2] / deep) ** 2 + 1e-6)
    wall = wall * (1 + 0.035 * (strands - 0.5) + 0.03 * hair.wave * np.sin(7 * wall * down))
    tips = hair.length / down * (1 + 0.05 * (strands - 0.5))
    return 1 / (1 / wall**6 + 1 / tips**6) ** (1 / 6)


def normals(radius: np.ndarray) -> np.ndarray:
    """Outward unit normals of a radial map, (size, size, 3) float32."""
    points = directions(len(radius)) * radius[..., None]
    a = np.empty_like(points)
    b = np.empty_like(points)
    a[:, 1:-1] = points[:, 2:] - points[:, :-2]
    b[1:-1] = points[:-2] - points[2:]
    a[:, 0], a[:, -1], b[0], b[-1] = a[:, 1], a[:, -2], b[1], b[-2]
    normal = np.empty_like(points)
    normal[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    normal[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    normal[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return normal / (np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9)
