"""Defects on demand: photographs that dataset construction must reject, or must not take as a guide, and why.

Each kind changes the scene, the drawing or the finished picture. DEFECTS says for each what a build should answer.
"""

from dataclasses import replace

import cv2
import numpy as np

from gfr_data.sample.camera.background import paint_background
from gfr_data.sample.camera.landmarks import landmarks
from gfr_data.sample.camera.photograph import Photograph
from gfr_data.sample.camera.render import Drawing, Posed, develop, draw, pose
from gfr_data.sample.camera.scene import Scene, draw_scene, with_pose
from gfr_data.sample.person.chart import smoothstep
from gfr_data.sample.person.identity import draw_identity
from gfr_data.sample.person.person import Person, make_person

ACCEPT = "accept"
# What is wrong, and the reason a build should give; a face with closed eyes is accepted, but no guide.
DEFECTS = {
    "closed_eyes": ACCEPT,
    "dark_glasses": "occluded",
    "hand": "occluded",
    "cloth": "occluded",
    "low_resolution": "low_resolution",
    "heavy_jpeg": "artifacts",
    "cartoon": "cartoon",
    "blurred": "blurred",
    "dark": "bad_exposure",
    "bright": "bad_exposure",
    "profile": "extreme_pose",
    "two_people": "multiple_faces",
    "no_face": "no_face",
    "truncated": "unreadable",
    "empty": "unreadable",
    "text": "unreadable",
}
_ELSEWHERE = 200_003  # shifts the numbers of persons, so that a defect shares no scene with an ordinary photograph
BROKEN = ("truncated", "empty", "text")  # defects of the file, not of the picture


def defective_scene(seed: int, person: int, photo: int, defect: str) -> Scene:
    """Draw the scene of a photograph with a defect of DEFECTS: frontal, so that nothing else is wrong with it."""
    generator = np.random.default_rng([seed, person, photo, 9])
    scene = draw_scene(seed, person + _ELSEWHERE * (photo + 1), photo % 2)
    skin = float(np.mean(draw_identity(seed, person).look.skin))
    return _changed_scene(generator, scene, defect, skin)


def defective(person: Person, scene: Scene, photo: int, defect: str) -> Photograph:
    """Take the photograph of `defective_scene`; with a defect of BROKEN, which is the writer's, it is ordinary."""
    seed, number = person.identity.key
    generator = np.random.default_rng([seed, number, photo, 11])
    posed = pose(person, scene)
    drawing = draw(posed, _second_person(posed, number, photo) if defect == "two_people" else None)
    covers = {"dark_glasses": _glasses, "cloth": _cloth, "hand": _hand}
    if defect in covers:
        drawing = replace(drawing, linear=covers[defect](generator, posed, drawing))
    if defect == "no_face":
        drawing = replace(drawing, linear=paint_background(scene.background, scene.height, scene.width))
    image = develop(drawing, scene, [seed, number, photo])
    image = _changed_picture(generator, image, scene, defect)
    return Photograph(image, landmarks(posed), drawing.place, drawing.depth, posed)


def jpeg_quality(defect: str, usual: int) -> int:
    """Quality of the file: only heavy JPEG is meant to show."""
    return 7 if defect == "heavy_jpeg" else usual


def break_file(content: bytes, defect: str) -> bytes:
    """What is left of a file's bytes by a defect of BROKEN."""
    broken = {
        "truncated": content[: len(content) * 2 // 5],
        "empty": b"",
        "text": b"<html><body>404 Not Found</body></html>\n",
    }
    return broken.get(defect, content)


def _changed_scene(generator: np.random.Generator, scene: Scene, defect: str, skin: float) -> Scene:
    if defect == "closed_eyes":
        return replace(scene, expression=replace(scene.expression, eyes=(0.0, 0.0)))
    if defect == "profile":
        return with_pose(scene, float(generator.choice([-1, 1]) * generator.uniform(68, 85)))
    if defect == "dark":
        return replace(scene, exposure=float(generator.uniform(0.020, 0.035)), noise=3.0)
    if defect == "bright":
        fair = (0.30 / skin) ** 0.38  # the camera makes up for the rest; see `develop`
        return replace(scene, exposure=float(generator.uniform(4.2, 5.4)) * fair)
    if defect == "two_people":
        y = scene.centre[1]
        shrunk = min(scene.height, scene.width) * 0.19
        return replace(scene, scale=shrunk, centre=(scene.width * 0.29, y + 0.36 * (scene.scale - shrunk)))
    return scene


def _second_person(posed: Posed, number: int, photo: int) -> np.ndarray:
    """Somebody else beside the subject, drawn before the scene's background."""
    scene = posed.scene
    seed = posed.person.identity.key[0]
    other = draw_scene(seed, number + 100_003, photo % 2)
    shared = {name: getattr(scene, name) for name in ("height", "width", "scale", "light", "background")}
    beside = replace(other, **shared, centre=(scene.width * 0.74, scene.centre[1]))
    return draw(pose(make_person(seed, number + 100_003), beside)).linear.reshape(-1, 3)


def _changed_picture(generator: np.random.Generator, image: np.ndarray, scene: Scene, defect: str) -> np.ndarray:
    height, width = image.shape[:2]
    if defect == "low_resolution":  # the face is about 25 px wide
        shrink = generator.uniform(16, 22) / scene.scale
        small = cv2.resize(image, (round(width * shrink), round(height * shrink)), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    if defect == "blurred":
        return cv2.GaussianBlur(image, (0, 0), scene.scale * generator.uniform(0.045, 0.065))
    return _cartoon(image) if defect == "cartoon" else image


def _cartoon(image: np.ndarray) -> np.ndarray:
    """Flat colours with inked lines."""
    flat = image
    for _ in range(4):
        flat = cv2.bilateralFilter(flat, 9, 40, 7)
    levels = cv2.medianBlur((flat // 36 * 36 + 18).astype(np.uint8), 5)
    grey = cv2.GaussianBlur(cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY), (0, 0), 0.8).astype(np.float32)
    wide = cv2.GaussianBlur(grey, (0, 0), 2.0)
    ink = smoothstep(1.5, 5.0, wide - grey)[..., None]
    colour = cv2.cvtColor(levels, cv2.COLOR_RGB2HSV).astype(np.float32)
    colour[..., 1] = np.minimum(colour[..., 1] * 1.5, 255)
    vivid = cv2.cvtColor(colour.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.rint(vivid * (1 - ink) + 12 * ink).astype(np.uint8)


def _glasses(generator: np.random.Generator, posed: Posed, drawing: Drawing) -> np.ndarray:
    """Dark lenses with their temples, laid on the face by its chart."""
    shape = posed.person.identity.shape
    s, t = np.moveaxis(np.nan_to_num(drawing.place, nan=9.0), -1, 0)
    wide, high = generator.uniform(0.20, 0.235), generator.uniform(0.13, 0.17)
    u, v = (np.abs(s) - shape.eye_x) / wide, (t + 0.01) / high
    round_ = (np.abs(u) ** 3 + np.abs(v) ** 3) ** (1 / 3)
    lens, frame = smoothstep(1.0, 0.96, round_), smoothstep(1.13, 1.08, round_)
    bridge = smoothstep(0.022, 0.014, np.abs(t - 0.06)) * (np.abs(s) < shape.eye_x - wide * 0.9)
    temple = smoothstep(0.035, 0.025, np.abs(t - 0.05)) * (np.abs(s) > shape.eye_x + wide) * (np.abs(s) < 1.5)
    tint = generator.uniform(0.004, 0.02, 3)
    sheen = (0.02 + 0.10 * smoothstep(-0.6, 1.2, v + 0.6 * u))[..., None] * np.asarray(posed.scene.light.sky)
    solid = np.maximum(np.maximum(frame, bridge), temple)[..., None]
    image = drawing.linear + (np.full(3, 0.012) - drawing.linear) * solid
    return (image + (tint + sheen - image) * lens[..., None] * 0.985).astype(np.float32)


def _cloth(generator: np.random.Generator, posed: Posed, drawing: Drawing) -> np.ndarray:
    """A scarf or mask from the nose down, with folds."""
    s, t = np.moveaxis(np.nan_to_num(drawing.place, nan=9.0), -1, 0)
    edge = -0.23 + generator.uniform(-0.03, 0.03) + 0.10 * s * s
    cover = (smoothstep(0.012, -0.012, t - edge) * (np.abs(s) < 1.6))[..., None]
    y, x = np.mgrid[: s.shape[0], : s.shape[1]] / posed.scene.scale
    folds = 1 + 0.22 * np.sin(17 * y + 5 * np.sin(2.5 * x)) * np.cos(2 * x) + 0.10 * np.sin(41 * y - 6 * x)
    colour = generator.uniform(0.05, 0.55, 3) * np.exp(generator.normal(0, 0.2, 3))
    shade = cv2.GaussianBlur(drawing.linear.mean(axis=2), (0, 0), 0.12 * posed.scene.scale)
    cloth = colour * (folds * shade / max(float(np.mean(posed.person.identity.look.skin)), 0.05))[..., None]
    return (drawing.linear + (cloth - drawing.linear) * cover).astype(np.float32)


def _hand(generator: np.random.Generator, posed: Posed, drawing: Drawing) -> np.ndarray:
    """Fingers over half of the face, in the person's own skin."""
    scale, scene = posed.scene.scale, posed.scene
    points = landmarks(posed)
    side = generator.choice([-1.0, 1.0])
    middle = points[27:68].mean(axis=0) + scale * np.array([side * 0.16, 0.10])
    height = np.zeros(drawing.linear.shape[:2], dtype=np.float32)
    y, x = np.mgrid[: scene.height, : scene.width].astype(np.float32)
    for finger in range(4):
        start = middle + scale * np.array([side * 0.95, 0.75 - 0.05 * finger])
        tip = middle + scale * np.array([-side * (0.28 + 0.10 * np.sin(1.2 * finger)), 0.33 - 0.27 * finger])
        knuckle = 0.5 * (start + tip) + scale * np.array([side * 0.05, 0.05 - 0.12 * finger])
        for a, b in ((start, knuckle), (knuckle, tip)):
            share = np.clip(((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / np.sum((b - a) ** 2), 0, 1)
            gap = np.hypot(x - a[0] - share * (b - a)[0], y - a[1] - share * (b - a)[1]) / (0.125 * scale)
            height = np.maximum(height, np.sqrt(np.maximum(1 - gap * gap, 0)))
    height = height.astype(np.float32)
    slope_x, slope_y = cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)
    light = np.asarray(scene.light.direction)
    facing = np.clip(0.62 + 0.30 * (-slope_x * light[0] + slope_y * light[1]), 0.15, 1.1) * (0.45 + 0.55 * height)
    skin = np.asarray(posed.person.identity.look.skin) * np.asarray(scene.light.sun)
    hand = skin * facing[..., None]
    shadow = 1 - 0.45 * cv2.GaussianBlur((height > 0).astype(np.float32), (0, 0), 0.06 * scale)[..., None]
    cover = smoothstep(0.02, 0.25, height)[..., None]
    return (drawing.linear * shadow * (1 - cover) + hand * cover).astype(np.float32)
