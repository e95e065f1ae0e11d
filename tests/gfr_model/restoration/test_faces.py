"""Tests of looking for faces: crops are taken whole, hidden faces are looked for again."""

import numpy as np
import pytest

from gfr_model.restoration.faces import FoundFace, covers, look
from manifests.crops import CropGeometry


class Eyes:
    def __init__(self, *answers):
        self.answers, self.seen = list(answers), []

    def read(self, path):
        raise AssertionError("nothing is read here")

    def find(self, image):
        self.seen.append(image)
        return self.answers.pop(0) if self.answers else []

    def cut(self, image, square, size):
        raise AssertionError("nothing is cut here")


def face(x0, y0, side):
    return FoundFace(CropGeometry(float(x0), float(y0), float(side), float(side)), 0.99, np.zeros((5, 2)))


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_faces_come_from_left_to_right():
    right, left = face(300, 0, 50), face(10, 100, 120)
    assert look(picture(300, 400), Eyes([right, left])) == [left, right]


@pytest.mark.parametrize(
    ("shape", "taken"), [((250, 250), True), ((256, 260), True), ((250, 300), False), ((600, 600), False)]
)
def test_a_small_square_without_a_face_is_taken_whole(shape, taken):
    found = look(picture(*shape), Eyes())
    assert len(found) == taken
    if taken:
        assert found[0].square == CropGeometry(0.0, 0.0, float(shape[1]), float(shape[0]))
        assert found[0].keypoints is None


@pytest.mark.parametrize(
    "image", [picture(1, 1), picture(15, 15), np.full((200, 200, 3), 255, np.uint8), 120 + picture(64, 64) // 64]
)
def test_a_picture_that_shows_nothing_is_no_crop_of_a_face(image):
    assert look(image, Eyes()) == []


@pytest.mark.parametrize(
    ("x0", "side", "whole"),
    [(-20, 290, True), (5, 240, True), (60, 120, False), (-100, 450, False)],
)
def test_a_crop_is_taken_whole_when_it_is_framed_like_one(x0, side, whole):
    found = look(picture(250, 250), Eyes([face(x0, x0, side)]))
    assert (found[0].square == CropGeometry(0.0, 0.0, 250.0, 250.0)) == whole
    assert found[0].keypoints is not None


def test_a_hidden_face_is_looked_for_in_smoother_pictures():
    hidden = face(10, 10, 90)
    image = picture(200, 300)
    eyes = Eyes([], [hidden])
    assert look(image, eyes) == [hidden]
    assert np.array_equal(eyes.seen[0], image)
    assert eyes.seen[1].std() < image.std() / 3


def test_a_hidden_face_is_looked_for_in_the_colours_of_skin():
    hidden = face(10, 10, 90)
    image = np.repeat(picture(200, 300)[..., :1], 3, axis=2)
    eyes = Eyes([], [], [], [hidden])
    assert look(image, eyes) == [hidden]
    red, green, blue = np.moveaxis(eyes.seen[-1].astype(float), 2, 0)
    assert red.mean() > green.mean() > blue.mean()
    assert eyes.seen[-1].dtype == np.uint8
    assert len(eyes.seen) == 4


def test_covers_tells_whether_anything_lies_outside():
    image = picture(100, 120)
    assert covers(CropGeometry(0.0, 0.0, 120.0, 100.0), image)
    assert covers(CropGeometry(-5.0, -9.0, 130.0, 130.0), image)
    assert not covers(CropGeometry(0.5, 0.0, 120.0, 120.0), image)
