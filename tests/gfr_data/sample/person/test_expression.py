"""The map of a face's movement: invertible, and still where nothing moves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.sample.camera.landmarks import rest_places
from gfr_data.sample.person.expression import Expression, lips, to_current, to_rest
from gfr_data.sample.person.identity import draw_identity

expressions = st.builds(
    Expression,
    smile=st.floats(-0.3, 1.0),
    jaw=st.floats(0, 0.9),
    brows=st.floats(-0.5, 1.0),
    eyes=st.tuples(st.floats(0.3, 1.2), st.floats(0.3, 1.2)),
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), expressions)
def test_landmarks_come_back_to_their_places_at_rest(number, expression):
    shape = draw_identity(2, number).shape
    rest = rest_places(shape)
    now = to_current(shape, expression, rest[:, 0], rest[:, 1])
    back = np.stack(to_rest(shape, expression, *now), axis=-1)
    np.testing.assert_allclose(back, rest, atol=5e-3)


def test_a_face_at_rest_does_not_move():
    shape = draw_identity(2, 1).shape
    s, t = np.random.default_rng(0).uniform(-1.2, 1.2, (2, 500))
    moved = to_rest(shape, Expression(), s, t)
    np.testing.assert_allclose(np.stack(moved), np.stack([s, t]), atol=2e-4)


def test_an_open_jaw_parts_the_lips_and_lowers_the_chin():
    shape = draw_identity(2, 1).shape
    upper, lower = lips(shape, Expression(jaw=0.8), np.zeros(1))
    assert upper - lower > 0.08
    chin = to_current(shape, Expression(jaw=0.8), np.zeros(1), np.array([shape.chin_low]))[1]
    assert chin < shape.chin_low - 0.05
