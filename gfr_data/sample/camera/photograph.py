"""A photograph of an invented person with everything that is known of it."""

from dataclasses import dataclass

import numpy as np

from gfr_data.sample.camera.landmarks import landmarks
from gfr_data.sample.camera.render import Posed, develop, draw, pose
from gfr_data.sample.camera.scene import Scene, draw_scene
from gfr_data.sample.person.person import Person, make_person


@dataclass(frozen=True)
class Photograph:
    image: np.ndarray  # (H, W, 3) uint8 RGB
    landmarks: np.ndarray  # (68, 2) float32, px, iBUG order
    surface: np.ndarray  # (H, W, 2) float32: which place of the person's chart a pixel shows, NaN off the head
    depth: np.ndarray  # (H, W) float32: distance from the camera, head units; infinite for the background
    posed: Posed

    @property
    def scene(self) -> Scene:
        return self.posed.scene


def photograph(person: Person, scene: Scene, photo: int) -> Photograph:
    """Photograph a person; `photo` keys the noise of the camera."""
    posed = pose(person, scene)
    drawing = draw(posed)
    image = develop(drawing, scene, [*person.identity.key, photo])
    return Photograph(image, landmarks(posed), drawing.place, drawing.depth, posed)


def render_person(seed: int, person: int, photo: int, kind: str = "vggface2") -> Photograph:
    """Photograph number `photo` of person number `person`: the same numbers always give the same picture."""
    return photograph(make_person(seed, person), draw_scene(seed, person, photo, kind), photo)
