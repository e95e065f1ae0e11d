"""What belongs to one person's skin: colour, brows, freckles, moles, beard, lips, and a relief of pores and wrinkles.

This fine texture is what a guide can give back and a degraded photograph cannot: it survives at 256 px and vanishes
at a quarter of it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from gfr_data.sample.person.chart import EXTENT, bump, directions, grid, noise, pair, smoothstep
from gfr_data.sample.person.identity import Hair, Identity, Shape

TEXTURE = 1024  # texels across; about two to a pixel of a rendered face


@dataclass(frozen=True)
class Skin:
    albedo: np.ndarray  # (n, n, 3) float32 linear, without hair
    relief: np.ndarray  # (n, n) float32, head units; what wrinkles and pores add to the radius
    gloss: np.ndarray  # (n, n) float32, 0..1


def paint_skin(identity: Identity) -> Skin:
    """Paint one person's skin; the same person always gets the same."""
    generator = np.random.default_rng([*identity.key, 3])
    shape, look = identity.shape, identity.look
    s, t = grid(TEXTURE)
    colour = np.empty((TEXTURE, TEXTURE, 3), dtype=np.float32)
    colour[:] = look.skin
    colour *= _complexion(generator, identity, s, t)
    relief = _wrinkles(generator, identity) + _pores(generator, identity, s, t)
    _spots(generator, identity, colour, relief)
    lips = _lips(shape, s, t)
    streaks = 1 + 0.10 * _streaks(generator, s)
    colour += (np.asarray(look.lip, dtype=np.float32) * streaks[..., None] - colour) * (0.9 * lips)[..., None]
    relief += 0.0022 * lips * _streaks(generator, s)
    _beard(generator, identity, colour, relief)
    _brows(generator, identity, colour)
    nostrils = pair(s, t, 0.055, shape.nose_tip_y - 0.098, 0.024, 0.013)
    colour *= (1 - 0.88 * smoothstep(0.25, 0.8, nostrils))[..., None]
    gloss = look.oil * (0.35 + 0.65 * bump(s, t, 0, -0.1, 0.25, 0.5)) + 0.5 * lips * (0.5 + look.makeup)
    return Skin(np.clip(colour, 0.002, 1), relief.astype(np.float32), gloss.astype(np.float32))


def _complexion(generator: np.random.Generator, identity: Identity, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """What multiplies the skin's colour: patches, blood under cheeks, nose and ears, shadows round the eyes."""
    shape, look = identity.shape, identity.look
    coarse = 0.045 * noise(generator, TEXTURE, 14) + 0.035 * noise(generator, TEXTURE, 46)
    fine = 0.045 * noise(generator, TEXTURE, 190) + 0.035 * noise(generator, TEXTURE, 420)
    light = np.exp(look.mottling * (coarse + fine))
    blood = 0.9 * pair(s, t, 0.44, -0.30, 0.17, 0.14) + 0.8 * bump(s, t, 0, shape.nose_tip_y - 0.02, 0.11, 0.08)
    blood += 0.5 * bump(s, t, 0, shape.chin_low + 0.1, 0.13, 0.07) + 0.4 * smoothstep(0.9, 1.2, np.abs(s))
    blood = look.redness * blood * (1 - 0.6 * look.melanin) + 0.10 * noise(generator, TEXTURE, 60)
    blood += 0.35 * look.makeup * pair(s, t, 0.5, -0.24, 0.13, 0.09)
    tired = (0.12 + 0.25 * look.age) * pair(s, t, shape.eye_x - 0.05, -0.105, 0.11, 0.03)
    lid = (0.10 + 0.5 * look.makeup) * pair(s, t, shape.eye_x, 0.075, 0.13, 0.04)
    dark = 1 - np.clip(tired + 0.5 * lid, 0, 0.6)
    tint = np.stack([1 + 0.06 * blood, 1 - 0.15 * blood, 1 - 0.13 * blood], axis=-1)
    return (light * dark)[..., None] * tint


def _texel(s: float | np.ndarray, t: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = TEXTURE / (2 * EXTENT)
    return (np.asarray(s) + EXTENT) * scale - 0.5, (EXTENT - np.asarray(t)) * scale - 0.5


def _line(canvas: np.ndarray, s: np.ndarray, t: np.ndarray, value: float, width: int = 1) -> None:
    """Draw an antialiased polyline at chart coordinates into an 8-bit canvas."""
    x, y = _texel(s, t)
    points = np.round(np.stack([x, y], axis=-1) * 16).astype(np.int32)
    cv2.polylines(canvas, [points], False, int(value), width, cv2.LINE_AA, 4)


def _wrinkles(generator: np.random.Generator, identity: Identity) -> np.ndarray:
    shape, age = identity.shape, identity.look.age
    canvas = np.zeros((TEXTURE, TEXTURE), dtype=np.uint8)
    u = np.linspace(-1, 1, 24)
    for row in range(int(generator.integers(2, 6))):
        height = shape.brow_y + 0.12 + 0.075 * row + generator.normal(0, 0.01)
        wave = np.interp(u, np.linspace(-1, 1, 7), generator.normal(0, 0.012, 7))
        span = generator.uniform(0.25, 0.5)
        s, t = u * span + generator.normal(0, 0.05), height + wave - 0.03 * u * u
        _line(canvas, s, t, 40 + 190 * age * generator.random(), 2)
    for side in (-1, 1):
        for k in range(-2, 3):  # crow's feet
            x = shape.eye_x + shape.eye_half + 0.02 + (u[12:]) * 0.11
            y = 0.01 + k * (0.012 + 0.05 * u[12:]) + generator.normal(0, 0.004)
            _line(canvas, side * x, y, 200 * age * generator.random(), 1)
        for k in range(2):  # below the eye
            bag = -0.075 - 0.03 * k - 0.035 * (1 - u * u) + generator.normal(0, 0.004)
            _line(canvas, side * (shape.eye_x + 0.13 * u - 0.01), bag, 50 + 120 * age * generator.random(), 1)
        x0, y0 = shape.nose_half + 0.045, shape.nose_tip_y - 0.01
        w = np.linspace(0, 1, 16)
        fold = np.stack([x0 + 0.13 * w**0.8 + 0.02 * np.sin(3 * w), y0 - 0.30 * w])
        _line(canvas, side * fold[0], fold[1], 70 + 165 * age, 3)
        x = 0.03 + generator.normal(0, 0.008) + 0.008 * u
        _line(canvas, side * x, shape.brow_y - 0.02 + 0.06 * u, 190 * age * generator.random(), 2)
    soft = cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), 1.6)
    wide = cv2.GaussianBlur(soft, (0, 0), 5)
    return -0.011 * soft - 0.012 * wide


def _pores(generator: np.random.Generator, identity: Identity, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    strength = 0.55 + 0.6 * identity.look.age + 0.3 * identity.look.male
    where = 0.5 + 0.8 * bump(np.abs(s), t, 0.25, -0.28, 0.22, 0.2)
    return where * strength * (0.00060 * noise(generator, TEXTURE, 400) + 0.0012 * noise(generator, TEXTURE, 150))


def _spots(generator: np.random.Generator, identity: Identity, colour: np.ndarray, relief: np.ndarray) -> None:
    """Freckles, moles and other marks."""
    look = identity.look
    freckles = np.zeros((TEXTURE, TEXTURE), dtype=np.uint8)
    for _ in range(int(900 * look.freckles * (look.freckles > 0.15))):
        place = generator.normal([0, -0.18], [0.42, 0.20])
        _dot(freckles, place, generator.uniform(0.6, 2.4), generator.uniform(50, 190))
    for _ in range(int(40 + 60 * look.age)):
        place = generator.uniform([-0.8, -1.0], [0.8, 0.7])
        _dot(freckles, place, generator.uniform(0.7, 2.0), generator.uniform(30, 120))
    amount = cv2.GaussianBlur(freckles, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    colour *= 1 - amount * np.array([0.34, 0.50, 0.58], dtype=np.float32)
    moles = np.zeros((TEXTURE, TEXTURE), dtype=np.uint8)
    for _ in range(look.moles):
        place = generator.uniform([-0.7, -0.95], [0.7, 0.5])
        _dot(moles, place, generator.uniform(1.6, 4.2), generator.uniform(170, 255))
    dark = cv2.GaussianBlur(moles, (0, 0), 0.8).astype(np.float32) / 255
    colour *= 1 - dark[..., None] * np.array([0.62, 0.75, 0.80], dtype=np.float32)
    relief += 0.010 * cv2.GaussianBlur(dark, (0, 0), 1.0)


def _dot(canvas: np.ndarray, place: np.ndarray, radius: float, value: float) -> None:
    x, y = _texel(place[0], place[1])
    centre = (int(np.round(x * 16)), int(np.round(y * 16)))
    cv2.circle(canvas, centre, int(radius * 16), int(value), -1, cv2.LINE_AA, 4)


def lip_edges(shape: Shape, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chart heights of the upper lip's edge, the line between the lips, and the lower lip's edge, above `s` (...)."""
    u = np.clip(np.abs(s) / shape.mouth_half, 0, 1)
    line = shape.mouth_y + shape.mouth_curve * (u * u - 0.3)
    line = line - 0.008 * np.exp(-0.5 * (u / 0.22) ** 2) + 0.006 * u * (1 - u)
    arch = (1 - u**1.7) * (1 - 0.34 * shape.cupid * np.exp(-0.5 * (u / 0.13) ** 2))
    upper = line + shape.lip_upper * arch
    lower = line - shape.lip_lower * np.sqrt(np.maximum(1 - u**2.2, 0)) * (1 - 0.25 * u)
    return upper, line, lower


def _lips(shape: Shape, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    upper, _, lower = lip_edges(shape, s)
    inside = smoothstep(-0.010, 0.010, upper - t) * smoothstep(-0.012, 0.012, t - lower)
    return inside * smoothstep(1.0, 0.93, np.abs(s) / shape.mouth_half)


def _streaks(generator: np.random.Generator, s: np.ndarray) -> np.ndarray:
    """Vertical folds of the lips."""
    table = generator.standard_normal(TEXTURE // 3).astype(np.float32)
    row = cv2.resize(table[None], (TEXTURE, 1), interpolation=cv2.INTER_LINEAR)
    return np.broadcast_to(row, s.shape)


def beard_region(shape: Shape, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Where a beard grows: jaw, chin, upper lip; 0..1."""
    low = smoothstep(-0.42, -0.62, t + 0.30 * (0.75 - np.abs(s)) - 0.22 * smoothstep(0.7, 0.95, np.abs(s)))
    side = smoothstep(1.25, 1.05, np.abs(s))
    moustache = bump(s, t, 0, shape.mouth_y + shape.lip_upper + 0.045, shape.mouth_half * 0.8, 0.042)
    bare = bump(s, t, 0, shape.mouth_y - shape.lip_lower * 0.4, shape.mouth_half * 0.75, 0.055)
    region = np.maximum(low * (1 - 0.35 * bump(np.abs(s), t, 0.32, -0.55, 0.12, 0.12)), 1.0 * moustache)
    return np.clip(region * side * (1 - 0.95 * bare) * smoothstep(-1.30, -1.12, t), 0, 1)


def _beard(generator: np.random.Generator, identity: Identity, colour: np.ndarray, relief: np.ndarray) -> None:
    look = identity.look
    amount = max(0.55 * look.stubble, look.beard)
    if amount < 0.05:
        return
    s, t = grid(TEXTURE)
    region = beard_region(identity.shape, s, t) * (1 - _lips(identity.shape, s, t))
    grain = generator.random((TEXTURE, TEXTURE), dtype=np.float32)
    if look.beard > 0.05:
        fall = cv2.GaussianBlur(grain, (0, 0), sigmaX=0.7, sigmaY=3.2)  # hairs hang
        hairs = np.clip(0.62 + 5 * (fall - 0.5), 0, 1)
        relief += 0.012 * region * look.beard * (hairs - 0.4)
        cover = np.clip(region * 1.5, 0, 1) * (0.45 + 0.55 * look.beard) * (0.35 + 0.65 * hairs)
    else:
        points = smoothstep(0.55, 0.95, cv2.GaussianBlur(grain, (0, 0), 0.8) * 2.2 - 0.55)
        cover = region * amount * (0.45 + 0.9 * points)
    tone = np.asarray(look.brow, dtype=np.float32) * 0.9 + 0.004
    colour += (tone - colour) * np.clip(cover, 0, 0.95)[..., None]


def brow_curve(shape: Shape, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart place of the brow over the picture's right eye; u is 0 at its inner and 1 at its outer end."""
    s = shape.eye_x - 0.62 * shape.brow_half - 0.03 + 1.75 * shape.brow_half * u
    t = shape.brow_y + shape.brow_arch * np.sin(np.pi * np.clip(u, 0, 1) ** 1.3) - 0.035 * np.maximum(u - 0.6, 0) / 0.4
    return s, t


def _brows(generator: np.random.Generator, identity: Identity, colour: np.ndarray) -> None:
    """Some hundred hairs each, rising at the inner end and lying along the brow at the outer."""
    shape, look = identity.shape, identity.look
    for side in (-1.0, 1.0):
        canvas = np.zeros((TEXTURE, TEXTURE), dtype=np.uint8)
        for _ in range(int(330 * look.brow_density)):
            u = generator.random()
            s, t = brow_curve(shape, np.array(u))
            taper = shape.brow_height * (1 - 0.75 * u**1.6) * min(1.0, 0.5 + 4 * u)
            t = t + generator.uniform(-1, 1) * taper
            angle = np.deg2rad(np.interp(u, [0, 0.25, 1], [75, 35, -18]) + generator.normal(0, 12))
            length = generator.uniform(0.025, 0.05)
            ends = np.array([0, 0.5, 1]) * length
            heights = t + ends * np.sin(angle) + np.array([0, 0.003, 0]) - 0.008
            _line(canvas, side * (s + ends * np.cos(angle)), heights, generator.uniform(90, 215))
        amount = cv2.GaussianBlur(canvas, (0, 0), 0.6).astype(np.float32)
        base = cv2.GaussianBlur(canvas, (0, 0), 4.0).astype(np.float32)
        cover = np.clip((amount + 0.55 * base) / 255, 0, 0.94)[..., None]
        colour += (np.asarray(look.brow, dtype=np.float32) - colour) * cover


def hair_pole(hair: Hair, side: float) -> np.ndarray:
    """The point that strands run towards: away from the crown, or down beside the head."""
    if hair.style in {"long", "bob", "parted"}:
        return np.array([1.2 * side, -2.6, -0.35], dtype=np.float32)
    if hair.style == "tied":
        return np.array([0.0, 1.1, -1.0], dtype=np.float32)
    if hair.style == "swept":
        return np.array([np.sign(hair.part) * 1.1, 0.75, -0.75], dtype=np.float32)
    return np.array([0.15, 0.85, -0.85], dtype=np.float32)  # the crown


def paint_strands(identity: Identity, size: int = TEXTURE) -> np.ndarray:
    """Brightness of the hair's strands, 0..1 with mean about 0.5, (size, size) float32."""
    generator = np.random.default_rng([*identity.key, 4])
    hair = identity.hair
    d = directions(size)
    if hair.style == "curly":
        rough = 0.5 + 0.22 * noise(generator, size, size // 24) + 0.16 * noise(generator, size, size // 7)
        return np.clip(rough, 0, 1).astype(np.float32)
    split = hair.part if hair.style == "parted" else 0.0
    angle = np.zeros((size, size), dtype=np.float32)
    for side in (-1.0, 1.0):
        pole = hair_pole(hair, side)
        axis = pole / np.linalg.norm(pole)
        first = np.cross(axis, [0.0, 0.0, 1.0])
        first /= np.linalg.norm(first)
        second = np.cross(axis, first)
        turn = np.arctan2(d @ first.astype(np.float32), d @ second.astype(np.float32))
        here = (grid(size)[0] > split) if side > 0 else (grid(size)[0] <= split)
        angle[here] = turn[here]
    wander = (0.02 + 0.05 * hair.wave) * noise(generator, size, 9) + 0.006 * noise(generator, size, 30)
    place = (angle + wander) / (2 * np.pi) % 1.0
    value = np.zeros_like(place)
    for count, weight in ((90, 0.16), (330, 0.20), (900, 0.20)):
        table = generator.standard_normal(count).astype(np.float32)
        at = place * count
        low = at.astype(np.int32) % count
        part = at - np.floor(at)
        value += weight * (table[low] * (1 - part) + table[(low + 1) % count] * part)
    value += 0.06 * noise(generator, size, 22)
    return np.clip(0.5 + value, 0, 1).astype(np.float32)
