"""Draw one photograph: pose, expression, light, framing, background, clothes and camera. One key, one scene."""

from dataclasses import dataclass, replace

import numpy as np

from gfr_data.sample.person.expression import Expression
from gfr_data.sample.person.identity import to_linear

FRONTAL = 2  # the first photographs of everybody: near frontal with open eyes, so that a guide can be chosen
KINDS = ("vggface2", "casia-webface")


@dataclass(frozen=True)
class Light:
    direction: tuple[float, float, float]  # towards the light, world frame, unit length
    sun: tuple[float, float, float]  # linear colour
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """Angles in degrees: yaw positive to the subject's left (the picture's right), pitch positive up, roll positive
    clockwise in the picture (the head leans to the subject's left): Rz(-roll) Ry(yaw) Rx(-pitch) in the head's frame.
    """

    height: int
    width: int
    centre: tuple[float, float]  # x, y px of the head's centre
    scale: float  # px per head unit (10 cm) at the head's centre
    distance: float  # of the camera, head units
    yaw: float
    pitch: float
    roll: float
    body_yaw: float
    expression: Expression
    light: Light
    exposure: float  # relative brightness; 1 is right
    cloth: tuple[float, float, float]
    neckline: float  # 0 close to the neck .. 1 wide
    blur: float  # sigma of the lens, px
    noise: float  # sigma of the sensor, grey levels
    jpeg_quality: int
    background: int  # key of the background


def draw_scene(seed: int, person: int, photo: int, kind: str = "vggface2") -> Scene:
    """Draw photograph `photo` of a person: a large varied frame for vggface2, a 250 px crop for casia-webface."""
    generator = np.random.default_rng([seed, person, photo, KINDS.index(kind), 6])
    yaw, pitch, roll = _pose(generator, photo)
    height, width, scale = _frame(generator, kind)
    body = _uniform(generator, -0.2, 0.5) * yaw
    return Scene(
        height=height,
        width=width,
        centre=_centre(generator, kind, height, width, scale),
        scale=scale,
        distance=_uniform(generator, 11, 22),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        body_yaw=body,
        expression=_expression(generator, photo, yaw),
        light=_light(generator),
        exposure=float(np.exp(generator.normal(0, 0.10))),
        cloth=_colour(generator),
        neckline=_uniform(generator, 0, 1),
        blur=_uniform(generator, 0.45, 0.8),
        noise=_uniform(generator, 0.5, 2.5),
        jpeg_quality=int(generator.integers(90, 97)),
        background=int(generator.integers(1 << 31)),
    )


def with_pose(scene: Scene, yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Scene:
    """The same scene with the head turned to the given angles (degrees)."""
    return replace(scene, yaw=yaw, pitch=pitch, roll=roll, body_yaw=0.4 * yaw)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The matrix (3, 3) that turns head coordinates into world coordinates; degrees, signs as in Scene."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    around_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    around_z = np.array([[np.cos(c), np.sin(c), 0], [-np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return (around_z @ around_y @ around_x).astype(np.float32)


def _uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(generator.uniform(low, high))


def _pose(generator: np.random.Generator, photo: int) -> tuple[float, float, float]:
    if photo < FRONTAL:
        return _uniform(generator, -7, 7), _uniform(generator, -5, 5), _uniform(generator, -4, 4)
    limit = 45.0 if generator.random() < 0.12 else 30.0
    return _uniform(generator, -limit, limit), _uniform(generator, -13, 13), float(generator.normal(0, 6))


def _frame(generator: np.random.Generator, kind: str) -> tuple[int, int, float]:
    if kind == "casia-webface":
        return 250, 250, _uniform(generator, 66, 78)
    height, width = (int(v) for v in generator.integers(300, 421, 2))
    return height, width, min(height, width) * _uniform(generator, 0.235, 0.30)


def _centre(generator: np.random.Generator, kind: str, height: int, width: int, scale: float) -> tuple[float, float]:
    """The face's middle lies 0.4 units below the head's centre; vggface2's photographs have it at varied places."""
    play = 4.0 if kind == "casia-webface" else 0.07 * min(height, width)
    x, y = generator.uniform(-play, play, 2)
    return width / 2 + float(x), height / 2 - 0.36 * scale + float(y)


def _expression(generator: np.random.Generator, photo: int, yaw: float) -> Expression:
    calm = photo < FRONTAL
    smile = _uniform(generator, -0.1, 0.6) if calm else _uniform(generator, -0.3, 1.0)
    talks = generator.random() < (0.25 if calm else 0.5)
    jaw = talks * _uniform(generator, 0.1, 0.35 if calm else 0.9)
    openness = _uniform(generator, 0.92, 1.12) if calm else _uniform(generator, 0.72, 1.2) - 0.12 * max(smile, 0)
    looks_here = calm or generator.random() < 0.65
    aside = -np.clip(yaw, -24, 24) / 24 * 0.05 if looks_here else generator.normal(0, 0.025)
    return Expression(
        smile=smile,
        jaw=jaw,
        brows=float(np.clip(generator.normal(0, 0.15 if calm else 0.4), -0.5, 1)),
        eyes=(openness, openness * _uniform(generator, 0.96, 1.04)),
        gaze=(float(aside), float(generator.normal(0, 0.006))),
    )


def _light(generator: np.random.Generator) -> Light:
    azimuth = np.deg2rad(_uniform(generator, -62, 62))
    height = np.deg2rad(_uniform(generator, 8, 52))
    direction = (np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth))
    warmth = generator.normal(0, 0.09)
    contrast = _uniform(generator, 0.35, 0.80)
    sun = 1.9 * contrast * np.exp(warmth * np.array([1, 0.1, -1]))
    sky = (1.25 - contrast) * np.exp((generator.normal(0, 0.06) - 0.5 * warmth) * np.array([1, 0, -1]))
    ground = sky * _uniform(generator, 0.30, 0.65) * np.array([1.06, 0.99, 0.92])
    return Light(_triple(np.array(direction)), _triple(sun), _triple(sky), _triple(ground))


def _colour(generator: np.random.Generator) -> tuple[float, float, float]:
    """A colour that clothes have: mostly muted."""
    colour = generator.uniform(25, 215) + generator.normal(0, 22, 3)
    colour = colour + generator.random() ** 3 * generator.normal(0, 90, 3)
    return _triple(to_linear(np.clip(colour, 8, 240)))


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    a, b, c = values
    return float(a), float(b), float(c)
