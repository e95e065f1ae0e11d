"""The 68 iBUG landmarks of a rendered face, solved on its surface."""

from typing import TYPE_CHECKING

import numpy as np

from gfr_data.sample.person.expression import lids
from gfr_data.sample.person.head import JAW, jaw_edge
from gfr_data.sample.person.identity import Shape
from gfr_data.sample.person.skin import brow_curve, lip_edges

if TYPE_CHECKING:
    from gfr_data.sample.camera.render import Posed

_INNER = np.stack(
    [[0.60, 0.58, 0.54, 0.48, 0.40, 0.30, 0.20, 0.10, 0], [0, -0.12, -0.24, -0.36, -0.46, -0.54, -0.60, -0.63, -0.64]],
    1,
)  # chart places between the face and the jaw's edge, from ear to chin
_STEPS = 48
_OUTER_EYE = np.array([1.0, 0.38, -0.38, -1.0, -0.38, 0.38])  # outer corner, upper lid, inner corner, lower lid
_CORNER = 0.985


def rest_places(shape: Shape) -> np.ndarray:
    """Chart places at rest of landmarks 18-68 (brows, nose, eyes, mouth), (51, 2); they do not depend on the view."""
    brow = np.stack(brow_curve(shape, np.array([0.98, 0.74, 0.5, 0.26, 0.02])), axis=-1)
    tip, half = shape.nose_tip_y, shape.nose_half
    bridge = np.stack([np.zeros(4), np.linspace(0.035, tip, 4)], axis=-1)
    bridge[:, 0] = shape.nose_crooked * np.sin(np.pi * np.clip((0.12 - bridge[:, 1]) / (0.12 - tip), 0, 1))
    base_x = half * np.array([-0.86, -0.45, 0, 0.45, 0.86])
    base = np.stack([base_x, tip - np.array([0.088, 0.116, 0.13, 0.116, 0.088])], axis=-1)
    upper, lower = lids(shape, _OUTER_EYE, 1.0)
    lid = np.where(np.arange(6) < 4, upper, lower)
    eye = np.stack([shape.eye_x + shape.eye_half * _OUTER_EYE, lid], axis=-1)
    mirror = np.array([-1.0, 1.0])
    right = eye[[3, 2, 1, 0, 5, 4]]  # the picture's right eye runs from its inner corner
    return np.concatenate([brow * mirror, brow[::-1], bridge, base, eye * mirror, right, _mouth(shape)])


def _mouth(shape: Shape) -> np.ndarray:
    half = shape.mouth_half
    s = half * np.array([-_CORNER, -0.58, -0.17, 0, 0.17, 0.58, _CORNER, 0.60, 0.25, 0, -0.25, -0.60])
    upper, line, lower = lip_edges(shape, s)
    outer = np.where(np.arange(12) < 7, upper, lower)
    outer[[0, 6]] = line[[0, 6]]
    s_in = half * np.array([-0.86, -0.36, 0, 0.36, 0.86, 0.36, 0, -0.36])
    _, inner, _ = lip_edges(shape, s_in)
    inner[5:] -= 1e-4  # just below the line: the edge of the lower lip
    return np.concatenate([np.stack([s, outer], axis=-1), np.stack([s_in, inner], axis=-1)])


def landmarks(posed: "Posed") -> np.ndarray:
    """All 68 in px of the photograph, (68, 2) float32; 1-17 follow the visible contour, as annotators draw it."""
    rest = rest_places(posed.person.identity.shape)
    inner = posed.project(posed.skin_surface(*posed.skin_now(rest[:, 0], rest[:, 1])))
    return np.concatenate([_contour(posed), inner]).astype(np.float32)


def _contour(posed: "Posed") -> np.ndarray:
    """For each landmark of the jaw the outermost visible point between the face and the jaw's edge."""
    azimuth = np.deg2rad(JAW[::-1, 0])
    height = jaw_edge(posed.person.identity.shape, azimuth)
    d = np.stack([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)], axis=-1)
    edge = d[:, :2] * np.sqrt(2 / (1 + d[:, 2:]))
    share = np.linspace(0, 1, _STEPS)[:, None]
    half = _INNER[:, None] + (edge - _INNER)[:, None] * share  # (9, steps, 2), from ear to chin
    paths = np.concatenate([half * [-1.0, 1.0], half[7::-1]]).reshape(-1, 2)
    surface = posed.skin_surface(*posed.skin_now(paths[:, 0], paths[:, 1]))
    pixels = posed.project(surface).reshape(17, _STEPS, 2)
    surface = surface.reshape(17, _STEPS, 3)
    x, y = (surface[:, -1] - surface[:, 0]).T[:2, :, None]
    roll = np.deg2rad(posed.scene.roll)
    across = pixels[..., 0] * (x * np.cos(roll) + y * np.sin(roll))
    across = across + pixels[..., 1] * (x * np.sin(roll) - y * np.cos(roll))
    return pixels[np.arange(17), np.argmax(across, axis=1)]
