"""Head pose against the exact pose of rendered people; eye openness."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.faces.crop import square_around
from gfr_data.faces.pose import HEAD, RIGID, eye_openness, head_pose, mouth_shape


@pytest.fixture(scope="module")
def heads():
    """Landmarks in crop px and the scenes of 40 photographs."""
    from gfr_data.sample.camera.landmarks import landmarks
    from gfr_data.sample.camera.render import pose
    from gfr_data.sample.camera.scene import draw_scene
    from gfr_data.sample.person.person import make_person

    found = []
    for number in range(10):
        person = make_person(5, number)
        for photo in (0, 2, 3, 4):
            scene = draw_scene(5, number, photo)
            points = landmarks(pose(person, scene))
            geometry = square_around(np.array([*points.min(axis=0), *points.max(axis=0)]), 1.4)
            found.append((geometry.to_crop(points), scene))
    return found


def test_pose_of_rendered_people_is_found_within_three_degrees(heads):
    poses = [(head_pose(points), scene) for points, scene in heads]
    for angle in ("yaw", "pitch", "roll"):
        misses = [abs(getattr(pose, angle) - getattr(scene, angle)) for pose, scene in poses]
        assert np.median(misses) < 3, angle


def _seen(turn, flip=(1, -1, -1)):
    """Points of the mean head turned, far away, as the camera sees them."""
    import cv2

    rotation = cv2.Rodrigues(np.array(turn, float))[0]
    points = np.zeros((68, 2), np.float32)
    world = HEAD @ rotation.T
    points[list(RIGID)] = world[:, :2] * [70, -70] / (1 - world[:, 2:] / 18) + 128
    return points


@given(st.floats(-35, 35), st.floats(-25, 25), st.floats(-30, 30))
@settings(max_examples=40, deadline=None)
def test_each_angle_has_its_sign_and_unit(yaw, pitch, roll):
    """Rz(-roll) Ry(yaw) Rx(-pitch): yaw to the picture's right, pitch upwards, roll clockwise in the picture."""
    import cv2

    turns = [cv2.Rodrigues(np.deg2rad(axis))[0] for axis in ([0, 0, -roll], [0, yaw, 0], [-pitch, 0, 0])]
    vector = cv2.Rodrigues(turns[0] @ turns[1] @ turns[2])[0].ravel()
    found = head_pose(_seen(vector))
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=1.5)


def test_a_mirrored_face_looks_the_other_way(heads):
    points = heads[1][0]
    pairs = [(27, 27), (28, 28), (29, 29), (30, 30), (31, 35), (32, 34), (33, 33), (36, 45), (39, 42), (48, 54)]
    mirrored = points.copy()
    for left, right in pairs:
        mirrored[left], mirrored[right] = points[right] * [-1, 1] + [255, 0], points[left] * [-1, 1] + [255, 0]
    plain, other = head_pose(points), head_pose(mirrored)
    assert (other.yaw, other.roll) == pytest.approx((-plain.yaw, -plain.roll), abs=0.5)
    assert other.pitch == pytest.approx(plain.pitch, abs=0.5)


def test_points_at_one_place_are_refused():
    with pytest.raises(ValueError, match="one place"):
        head_pose(np.full((68, 2), 3.0))


def test_eye_openness_is_lid_distance_over_width_of_each_eye():
    points = np.zeros((68, 2))
    points[36:42] = [(0, 0), (3, -1), (7, -1), (10, 0), (7, 1), (3, 1)]
    points[42:48] = [(20, 0), (23, -2), (27, -2), (30, 0), (27, 2), (23, 2)]
    assert eye_openness(points) == pytest.approx((0.4, 0.2))  # the subject's left eye is the picture's right one


def test_eyes_at_one_point_are_closed():
    assert eye_openness(np.zeros((68, 2))) == (0.0, 0.0)


def test_mouth_shape_of_known_points() -> None:
    points = np.zeros((68, 2), np.float32)
    points[36:42], points[42:48] = (0, 0), (50, 0)
    points[48], points[54], points[62], points[66] = (5, 60), (45, 60), (25, 55), (25, 65)
    assert np.allclose(mouth_shape(points), (10 / 40, 40 / 50))
