"""An album: one person's old photograph, what it showed when it was new, and good photographs of the same person.

It is what restoration is for, on a small scale: the person is in no training folder.
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from gfr_data.sample.camera.background import paint_room
from gfr_data.sample.camera.photograph import photograph
from gfr_data.sample.camera.render import develop, draw, pose
from gfr_data.sample.camera.scene import Scene, draw_scene, with_pose
from gfr_data.sample.folder import Fact, describe, encode
from gfr_data.sample.person.expression import Expression
from gfr_data.sample.person.person import make_person
from gfr_data.sample.plan import Shot
from manifests import write_bytes

ALBUM = "album"
OLD, TRUTH = f"{ALBUM}/photograph.jpg", f"{ALBUM}/truth.jpg"
_POSES = ((2.0, 0.0), (19.0, -3.0), (-23.0, 4.0), (-8.0, -6.0))  # yaw and pitch of the guides
GUIDES = tuple(f"{ALBUM}/guides/{k + 1:02d}.jpg" for k in range(len(_POSES)))
PATHS = (OLD, TRUTH, *GUIDES)
_FIRST = 3000  # where the album's photographs start among a person's numbers
_HEIGHT, _WIDTH, _SCALE = 700, 900, 142.0
_SHRINK = 5.0  # of the old photograph; on the face's crop of 256 px it is about a scale of 4
_BLUR, _NOISE, _QUALITY = 1.6, 3.0, 40  # px of the whole photograph; grey levels and JPEG quality of the small one
_USUAL = 94  # JPEG quality of the good photographs


def render_album(out: Path, seed: int, number: int, name: str) -> list[Fact]:
    """Make the album's files that are missing; what is known of all."""
    person = make_person(seed, number)
    old, facts = pose(person, _old_scene(seed, number)), []
    missing = {path for path in PATHS if not (out / path).is_file()}
    if missing & {OLD, TRUTH}:
        room = paint_room(old.scene.background, _HEIGHT, _WIDTH)
        new = develop(draw(old, room.reshape(-1, 3)), old.scene, [seed, number, _FIRST - 1])
        worn = _wear(new, np.random.default_rng([seed, number, 12]))
        write_bytes(out / TRUTH, encode(new, _USUAL))
        write_bytes(out / OLD, encode(worn, _USUAL))
    for k, path in enumerate(GUIDES):
        scene = _guide_scene(seed, number, k)
        if path in missing:
            write_bytes(out / path, encode(photograph(person, scene, _FIRST + k).image, _USUAL))
        facts.append(describe(ALBUM, name, Shot(path, _FIRST + k), pose(person, scene), path in missing))
    shots = [Shot(path, _FIRST - 1) for path in (OLD, TRUTH)]
    return [describe(ALBUM, name, shot, old, shot.path in missing) for shot in shots] + facts


def _guide_scene(seed: int, number: int, k: int) -> Scene:
    """Good light and open eyes; the first is frontal."""
    scene = draw_scene(seed, number, _FIRST + k)
    yaw, pitch = _POSES[k]
    calm = replace(scene.expression, eyes=(1.02, 1.02), brows=0.0, gaze=(-yaw / 500, 0.0))
    return replace(with_pose(scene, yaw, pitch), expression=calm, exposure=1.0)


def _old_scene(seed: int, number: int) -> Scene:
    """Somebody in a room, a little aside, who smiles at the camera."""
    scene = with_pose(draw_scene(seed, number, _FIRST - 1), 11.0, 2.0, -4.0)
    return replace(
        scene,
        height=_HEIGHT,
        width=_WIDTH,
        centre=(0.42 * _WIDTH, 0.38 * _HEIGHT),
        scale=_SCALE,
        distance=14.0,
        expression=Expression(smile=0.55, brows=0.1, gaze=(-0.02, 0.0)),
        exposure=1.0,
        blur=0.6,
        noise=1.0,
    )


def _wear(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Blur, shrink, add noise, compress, and enlarge again to the old size, as a forgotten scan comes back."""
    height, width = image.shape[:2]
    soft = cv2.GaussianBlur(image, (0, 0), _BLUR)
    small = cv2.resize(soft, (round(width / _SHRINK), round(height / _SHRINK)), interpolation=cv2.INTER_AREA)
    noisy = small + _NOISE * generator.standard_normal(small.shape)
    content = encode(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), _QUALITY)
    scan = np.asarray(cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR))
    return cv2.cvtColor(cv2.resize(scan, (width, height), interpolation=cv2.INTER_CUBIC), cv2.COLOR_BGR2RGB)
