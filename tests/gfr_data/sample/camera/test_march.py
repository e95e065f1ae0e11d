"""Rays against the radial map, where the answer is known."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.sample.camera.march import intersect
from gfr_data.sample.person.chart import coordinates, direction

ORIGIN = np.array([0, 0, 10], dtype=np.float32)


def rays_through(points: np.ndarray) -> np.ndarray:
    rays = points - ORIGIN
    return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)


def test_rays_meet_a_ball_where_algebra_says():
    grid = np.stack(np.meshgrid(np.linspace(-0.65, 0.65, 12), np.linspace(-0.65, 0.65, 12)), axis=-1).reshape(-1, 2)
    rays = rays_through(np.column_stack([grid, np.zeros(len(grid))]))
    distance, hit = intersect(np.ones((384, 384), dtype=np.float32), ORIGIN, rays)
    along = -(rays @ ORIGIN)
    wanted = along - np.sqrt(along**2 - (ORIGIN @ ORIGIN - 1))
    assert hit.all()
    np.testing.assert_allclose(distance, wanted, atol=2e-3)


def test_rays_beside_a_ball_meet_nothing():
    rays = rays_through(np.array([[1.1, 0, 0], [0, -1.2, 0], [0.9, 0.9, 0]]))
    distance, hit = intersect(np.ones((384, 384), dtype=np.float32), ORIGIN, rays)
    assert not hit.any()
    assert np.isinf(distance).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(-1.3, 1.3), st.floats(-1.3, 1.3), st.floats(0.2, 3.0))
def test_chart_places_lead_to_directions_and_back(s, t, radius):
    s, t = np.array([s], dtype=np.float32), np.array([t], dtype=np.float32)
    point = direction(s, t) * np.float32(radius)
    assert abs(np.linalg.norm(point) - radius) < 1e-4 * radius + 1e-5
    back = coordinates(point[:, 0], point[:, 1], point[:, 2], np.linalg.norm(point, axis=1))
    np.testing.assert_allclose(np.concatenate(back), [s[0], t[0]], atol=2e-3)
