"""A photograph of an invented person with everything that is known of it, and the exact flow between two of them."""

from dataclasses import dataclass

import numpy as np

from gfr_data.sample.camera.landmarks import facing, follow, landmarks
from gfr_data.sample.camera.render import Posed, develop, draw, pose
from gfr_data.sample.camera.scene import Scene, draw_scene
from gfr_data.sample.person.person import Person, make_person

_HIDDEN = 0.06  # head units: a point this far behind what a pixel shows is hidden there


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


def true_flow(target: Photograph, guide: Photograph) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of `target` the place in `guide` that shows the same point of the same person.

    Returns places (H, W, 2) float32 in px of the guide, NaN off the head, and (H, W) bool: whether the guide shows that
    point, neither hidden nor outside its frame.
    """
    height, width = target.depth.shape
    flow = np.full((height, width, 2), np.nan, dtype=np.float32)
    seen = np.zeros((height, width), dtype=bool)
    on_head = np.isfinite(target.surface[..., 0])
    place = target.surface[on_head]
    pixels, distance = follow(guide.posed, place)
    flow[on_head] = pixels
    shown = _nearest(guide.depth, pixels)
    seen[on_head] = facing(guide.posed, place) & (distance < shown + _HIDDEN)
    return flow, seen


def _nearest(values: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Values (H, W) at the pixels nearest to places (N, 2); -inf outside the frame."""
    x, y = np.rint(pixels).astype(int).T
    height, width = values.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.where(inside, values[y.clip(0, height - 1), x.clip(0, width - 1)], -np.inf)
