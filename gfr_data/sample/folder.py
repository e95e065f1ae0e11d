"""Make the photographs of one identity's folder, and say what is known of each."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gfr_data.sample.camera.landmarks import landmarks
from gfr_data.sample.camera.photograph import photograph
from gfr_data.sample.camera.render import Posed, pose
from gfr_data.sample.camera.scene import draw_scene
from gfr_data.sample.defects import BROKEN, break_file, defective, defective_scene, jpeg_quality
from gfr_data.sample.person.person import make_person
from gfr_data.sample.plan import Folder, Shot
from manifests import write_bytes


@dataclass(frozen=True)
class Fact:
    """What is known of one photograph."""

    path: str
    identity: str
    person: str
    defect: str
    yaw: float
    pitch: float
    roll: float
    eyes: tuple[float, float]
    points: tuple[float, ...] | None  # 136 numbers; None where there is no face or no picture
    written: bool


def render_folder(out: Path, seed: int, folder: Folder) -> list[Fact]:
    """Make the photographs of one identity that are missing; what is known of all."""
    cv2.setNumThreads(1)  # one folder is one process's work
    person = make_person(seed, folder.person)
    facts = []
    for shot in folder.shots:
        defect = shot.defect
        if defect:
            scene = defective_scene(seed, folder.person, shot.photo, defect)
        else:
            scene = draw_scene(seed, folder.person, shot.photo, folder.kind)
        missing = not (out / shot.path).is_file()
        if missing:
            taken = defective(person, scene, shot.photo, defect) if defect else photograph(person, scene, shot.photo)
            file = encode(taken.image, jpeg_quality(defect, scene.jpeg_quality))
            write_bytes(out / shot.path, break_file(file, defect))
        posed = taken.posed if missing else pose(person, scene)
        facts.append(describe(folder.path, folder.name, shot, posed, missing))
    return facts


def encode(image: np.ndarray, quality: int) -> bytes:
    """The JPEG file of an image (H, W, 3) uint8 RGB."""
    _, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return content.tobytes()


def describe(identity: str, name: str, shot: Shot, posed: Posed, written: bool) -> Fact:
    """What is known of a photograph."""
    scene = posed.scene
    visible = shot.defect != "no_face" and shot.defect not in BROKEN
    points = tuple(round(float(value), 3) for value in landmarks(posed).ravel()) if visible else None
    eyes = scene.expression.eyes
    return Fact(shot.path, identity, name, shot.defect, scene.yaw, scene.pitch, scene.roll, eyes, points, written)
