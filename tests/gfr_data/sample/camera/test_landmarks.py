"""The exact landmarks lie on what they name, in every pose."""

from dataclasses import replace

import numpy as np
import pytest

from gfr_data.sample.camera.landmarks import landmarks
from gfr_data.sample.camera.render import pose
from gfr_data.sample.camera.scene import draw_scene, with_pose

EYES, NOSE_TIP, CHIN, BROWS = (slice(36, 42), slice(42, 48)), 30, 8, slice(17, 27)
MIRRORED = np.concatenate(
    [
        np.arange(16, -1, -1),
        np.arange(26, 16, -1),
        np.arange(27, 31),
        np.arange(35, 30, -1),
        [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],
        [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65],
    ]
)


def points_at(person, yaw=0.0, pitch=0.0, roll=0.0):
    return landmarks(pose(person, with_pose(draw_scene(4, 0, 0, "casia-webface"), yaw, pitch, roll)))


@pytest.mark.parametrize("number", range(4))
def test_all_lie_inside_the_picture_in_the_order_of_a_face(taken, number):
    for photo in (0, 3):
        picture = taken(number, photo)
        points = picture.landmarks
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        assert (points > 0).all()
        assert (points < 250).all()
        height = points[:, 1]
        assert height[BROWS].mean() < height[36:48].mean() < height[NOSE_TIP] < height[48:68].mean() < height[CHIN]
        assert points[EYES[0], 0].mean() < points[EYES[1], 0].mean()


@pytest.mark.parametrize("number", range(4))
def test_eyes_hold_a_dark_iris_between_their_corners(taken, number):
    for photo in (0, 1):
        picture = taken(number, photo)
        grey = picture.image.astype(float).mean(axis=2)
        for eye in EYES:
            corners = picture.landmarks[eye]
            x, y = corners.mean(axis=0)
            width = np.ptp(corners[:, 0])
            rows = slice(round(y - 0.12 * width), round(y + 0.12 * width) + 1)
            iris = grey[rows, round(x - 0.2 * width) : round(x + 0.2 * width) + 1]
            cheek = grey[
                round(y + 0.9 * width) : round(y + 1.2 * width), round(x - 0.3 * width) : round(x + 0.3 * width)
            ]
            assert iris.min() < 0.75 * np.median(cheek)


def test_lips_differ_from_the_skin_around_them(taken):
    redder = []
    for number in range(4):
        picture = taken(number, 0)
        tint = picture.image[..., 0].astype(float) / (picture.image[..., 1].astype(float) + 1)
        x, y = np.rint(picture.landmarks[[48, 54, 51, 57, 8]]).astype(int).T
        lower_lip = tint[round((picture.landmarks[57, 1] + picture.landmarks[66, 1]) / 2), x[3]]
        chin = tint[round(0.45 * y[3] + 0.55 * y[4]), x[3]]
        redder.append(lower_lip > 1.05 * chin)
    assert sum(redder) >= 3


def test_a_symmetric_face_seen_from_the_other_side_is_mirrored(person_of):
    person = person_of(0)
    identity = replace(person.identity, shape=replace(person.identity.shape, nose_crooked=0.0))
    person = replace(person, identity=identity, skin=(person.skin + person.skin[:, ::-1]) / 2)
    middle = draw_scene(4, 0, 0, "casia-webface").centre[0]
    one, other = (points_at(person, yaw=yaw, roll=yaw / 5) for yaw in (24.0, -24.0))
    eyes = np.linalg.norm(one[36] - one[45])
    difference = np.linalg.norm(other[MIRRORED] * [-1, 1] + [2 * middle, 0] - one, axis=1)
    # The gaze and the openness of the two eyes are the scene's and not mirrored: the lids may differ a little.
    assert difference.max() < 0.03 * eyes


def test_yaw_is_positive_to_the_pictures_right_pitch_up_roll_clockwise(person_of):
    person = person_of(1)

    def nose(points):
        return points[NOSE_TIP] - points[36:48].mean(axis=0)

    straight = points_at(person)
    assert nose(points_at(person, yaw=20))[0] > nose(straight)[0] + 5
    assert nose(points_at(person, yaw=-20))[0] < nose(straight)[0] - 5
    assert nose(points_at(person, pitch=15))[1] < nose(straight)[1] - 3
    leaned = points_at(person, roll=15)
    across = leaned[EYES[1]].mean(axis=0) - leaned[EYES[0]].mean(axis=0)
    assert np.rad2deg(np.arctan2(across[1], across[0])) == pytest.approx(15, abs=3)


def test_the_jaw_follows_the_visible_outline(taken):
    """Beyond the outline of a turned face there is no face, and inside it there is."""
    picture = taken(0, 2)
    head = np.isfinite(picture.surface[..., 0])
    points = picture.landmarks
    assert abs(picture.scene.yaw) > 15
    far = range(3, 8) if picture.scene.yaw < 0 else range(9, 14)
    for k in far:
        towards = points[NOSE_TIP] - points[k]
        x, y = np.rint(points[k] + 0.06 * towards).astype(int)
        assert head[y, x]


def test_mtcnn_finds_the_people_and_its_keypoints_agree(taken):
    """It stands for the annotators: 98% at |yaw| up to 30 degrees are wanted, and of 16 one may be missed."""
    from gfr_data.faces.mtcnn import Mtcnn

    pictures = [taken(number, photo) for number in range(4) for photo in range(4)]
    found = Mtcnn()([picture.image for picture in pictures])
    errors = []
    for picture, faces in zip(pictures, found, strict=True):
        sure = [face for face in faces if face.score >= 0.9]
        if abs(picture.scene.yaw) > 30 or not sure:
            continue
        points = picture.landmarks
        exact = np.array([*(points[eye].mean(axis=0) for eye in EYES), *points[[NOSE_TIP, 48, 54]]])
        best = max(sure, key=lambda face: face.score)
        errors.append(np.linalg.norm(best.keypoints - exact, axis=1) / np.linalg.norm(exact[0] - exact[1]))
    wanted = sum(abs(picture.scene.yaw) <= 30 for picture in pictures)
    assert len(errors) >= wanted - 1
    assert np.median(errors) < 0.10
