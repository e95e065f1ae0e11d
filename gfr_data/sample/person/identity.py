"""Draw an invented person: proportions, colours, skin and hair. One key, one person."""

from dataclasses import dataclass
from functools import partial

import numpy as np

HAIR_STYLES = ("buzz", "short", "swept", "parted", "bob", "long", "curly", "tied", "bald")


@dataclass(frozen=True)
class Shape:
    """Proportions; lengths in chart units (radians of the face) unless they scale another length."""

    head_width: float  # scales the skull
    head_height: float
    cheek_width: float  # scales the face's ellipsoid
    jaw: float  # 0 pointed .. 1 square
    chin_width: float
    chin_out: float
    chin_low: float  # place of the chin's lowest point, negative
    brow_ridge: float
    cheekbone: float
    hollow: float
    eye_x: float
    eye_half: float  # half the width of the lids' opening
    eye_upper: float  # height of the upper lid above the line between the corners, at rest
    eye_lower: float
    eye_tilt: float
    eye_depth: float
    lid_fold: float  # height of the fold above the upper lid
    brow_y: float
    brow_arch: float
    brow_half: float
    brow_height: float
    nose_tip_y: float
    nose_half: float
    nose_out: float
    nose_bridge: float
    nose_hook: float
    nose_crooked: float
    mouth_y: float
    mouth_half: float
    lip_upper: float
    lip_lower: float
    cupid: float
    mouth_curve: float
    ear_size: float
    ear_out: float


@dataclass(frozen=True)
class Look:
    """Colours are linear RGB in [0, 1]; amounts are in [0, 1]."""

    age: float
    male: float
    melanin: float
    skin: tuple[float, float, float]
    lip: tuple[float, float, float]
    iris: tuple[float, float, float]
    hair: tuple[float, float, float]
    brow: tuple[float, float, float]
    freckles: float
    moles: int
    mottling: float
    redness: float
    stubble: float
    beard: float
    brow_density: float
    makeup: float
    oil: float


@dataclass(frozen=True)
class Hair:
    style: str  # one of HAIR_STYLES
    volume: float  # thickness over the skull, head units
    line: float  # place of the hairline above the forehead, chart units
    recede: float  # how far it recedes at the temples
    fringe: float  # how far it hangs into the forehead
    part: float  # where it parts, chart units; sign is the side
    length: float  # how far it hangs below the eyes, head units
    wave: float


@dataclass(frozen=True)
class Identity:
    key: tuple[int, int]  # seed and number
    shape: Shape
    look: Look
    hair: Hair


def draw_identity(seed: int, number: int) -> Identity:
    """Draw person `number` of `seed`; the same two numbers always give the same person."""
    generator = np.random.default_rng([seed, number, 1])
    male = float(number % 2) if generator.random() < 0.8 else float(generator.random() < 0.5)
    look = _draw_look(generator, male)
    return Identity((seed, number), _draw_shape(generator, look), look, _draw_hair(generator, look))


def to_linear(colour: np.ndarray) -> np.ndarray:
    """8-bit sRGB to linear light in [0, 1], by the plain power 2.2."""
    return (np.asarray(colour, dtype=np.float64) / 255) ** 2.2


def _between(generator: np.random.Generator, low: float, high: float) -> float:
    """A draw that favours the middle: people are mostly ordinary."""
    return float(low + (high - low) * generator.beta(2.0, 2.0))


def _draw_shape(generator: np.random.Generator, look: Look) -> Shape:
    draw = partial(_between, generator)
    male, broad = look.male, look.melanin
    return Shape(
        head_width=draw(0.93, 1.07) + 0.015 * male,
        head_height=draw(0.95, 1.06),
        cheek_width=draw(0.90, 1.06),
        jaw=draw(0.05, 0.6) + 0.4 * male,
        chin_width=draw(0.12, 0.19) + 0.03 * male,
        chin_out=draw(0.03, 0.11) + 0.02 * male,
        chin_low=-draw(0.96, 1.06) - 0.03 * male,
        brow_ridge=draw(0.0, 0.025) + 0.022 * male,
        cheekbone=draw(0.0, 0.07),
        hollow=draw(0.0, 0.05),
        eye_x=draw(0.345, 0.395),
        eye_half=draw(0.155, 0.188),
        eye_upper=draw(0.045, 0.076),
        eye_lower=draw(0.026, 0.046),
        eye_tilt=draw(-0.06, 0.16),
        eye_depth=draw(0.04, 0.11),
        lid_fold=draw(0.018, 0.05),
        brow_y=draw(0.19, 0.265) - 0.02 * male,
        brow_arch=draw(0.0, 0.05) * (1 - 0.5 * male),
        brow_half=draw(0.16, 0.215),
        brow_height=draw(0.018, 0.034) + 0.014 * male,
        nose_tip_y=draw(-0.345, -0.265),
        nose_half=draw(0.122, 0.160) + 0.03 * broad,
        nose_out=draw(0.125, 0.205) - 0.03 * broad,
        nose_bridge=draw(0.03, 0.10) - 0.02 * broad,
        nose_hook=draw(-0.03, 0.035),
        nose_crooked=draw(-0.025, 0.025),
        mouth_y=draw(-0.675, -0.60),
        mouth_half=draw(0.225, 0.290),
        lip_upper=draw(0.040, 0.078) + 0.02 * broad - 0.008 * male,
        lip_lower=draw(0.056, 0.095) + 0.02 * broad,
        cupid=draw(0.0, 0.45),
        mouth_curve=draw(-0.02, 0.025),
        ear_size=draw(0.85, 1.15),
        ear_out=draw(0.06, 0.17),
    )


_SKIN = to_linear(
    np.array([[243, 208, 187], [232, 190, 162], [206, 156, 120], [160, 108, 76], [112, 72, 50], [80, 50, 37]])
)
_HAIR_DARK = to_linear(np.array([[26, 20, 18], [44, 30, 23], [72, 48, 32]]))
_HAIR_LIGHT = to_linear(np.array([[72, 48, 32], [106, 72, 44], [150, 112, 66], [178, 142, 92], [124, 54, 24]]))
_IRIS_DARK = to_linear(np.array([[46, 28, 18], [66, 42, 24], [84, 56, 30]]))
_IRIS_LIGHT = to_linear(np.array([[84, 56, 30], [108, 92, 52], [94, 120, 88], [92, 122, 150], [120, 140, 150]]))


def _draw_look(generator: np.random.Generator, male: float) -> Look:
    melanin = float(generator.random() ** 1.2)
    age = float(generator.beta(1.6, 2.0))
    skin = _palette(_SKIN, melanin) * np.exp(generator.normal(0, [0.04, 0.05, 0.07]))
    fair = melanin < 0.4
    hairs = _HAIR_LIGHT if fair else _HAIR_DARK
    hair = hairs[generator.integers(len(hairs))]
    grey = float(np.clip((age - 0.55) * 2.2, 0, 0.9)) * float(generator.random())
    brow = hair * 0.36 * (1 - 0.6 * grey) + 0.06 * grey
    hair = hair * (1 - grey) + to_linear(np.array([148, 146, 144])) * grey
    iris = _IRIS_LIGHT[generator.integers(len(_IRIS_LIGHT))] if melanin < 0.35 else _IRIS_DARK[generator.integers(3)]
    makeup = float(generator.random()) * (1 - male)
    red = np.array([0.55, 0.10, 0.11]) * (1 - 0.45 * melanin)
    mix = 0.30 + 0.35 * makeup
    lip = skin * np.array([0.80, 0.50, 0.53]) * (1 - mix) + red * mix
    beard = float(generator.random()) if male and generator.random() < 0.35 else 0.0
    return Look(
        age=age,
        male=male,
        melanin=melanin,
        skin=_triple(skin),
        lip=_triple(lip),
        iris=_triple(iris * np.exp(generator.normal(0, 0.15, 3))),
        hair=_triple(hair),
        brow=_triple(brow),
        freckles=float(generator.random() ** 1.6) * (1.0 if melanin < 0.45 else 0.35),
        moles=int(generator.integers(1, 9)),
        mottling=_between(generator, 0.5, 1.2),
        redness=_between(generator, 0.2, 1.0),
        stubble=male * float(generator.random()) * 0.9,
        beard=beard,
        brow_density=_between(generator, 0.6, 1.0),
        makeup=makeup,
        oil=_between(generator, 0.3, 1.0),
    )


def _draw_hair(generator: np.random.Generator, look: Look) -> Hair:
    if look.male:
        weights = np.array([0.16, 0.30, 0.22, 0.08, 0.0, 0.02, 0.12, 0.02, 0.08])
    else:
        weights = np.array([0.01, 0.07, 0.06, 0.10, 0.20, 0.32, 0.12, 0.12, 0.0])
    style = HAIR_STYLES[generator.choice(len(HAIR_STYLES), p=weights / weights.sum())]
    recede = _between(generator, 0.0, 0.25) * look.male * (0.4 + look.age)
    return Hair(
        style=style,
        volume=_between(generator, 0.06, 0.17),
        line=_between(generator, 0.62, 0.80) + 0.3 * recede,
        recede=recede,
        fringe=(generator.random() < 0.28) * _between(generator, 0.12, 0.34) * (style not in {"buzz", "bald", "tied"}),
        part=float(generator.choice([-1, 1])) * _between(generator, 0.0, 0.42),
        length=_between(generator, 0.8, 1.1) if style == "bob" else _between(generator, 1.3, 1.9),
        wave=_between(generator, 0.0, 1.0),
    )


def _palette(colours: np.ndarray, place: float) -> np.ndarray:
    axis = np.linspace(0, 1, len(colours))
    return np.array([np.interp(place, axis, channel) for channel in colours.T])


def _triple(colour: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(colour, 0.004, 0.95)
    return float(red), float(green), float(blue)
