"""Whom a photograph is of."""

import numpy as np

from gfr_data.faces.mtcnn import Face
from gfr_data.faces.subject import find_subject, overlap


def _face(x, y, side, score=0.99):
    return Face(np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]), score, np.zeros((5, 2)))


def test_nobody_is_no_face():
    assert find_subject([], 400, 400).reason == "no_face"


def test_the_only_face_is_the_subject():
    face = _face(100, 100, 50)
    found = find_subject([face], 400, 400)
    assert (found.face, found.reason) == (face, None)


def test_small_faces_behind_do_not_matter():
    subject = _face(200, 200, 150)
    assert find_subject([_face(40, 60, 50), subject], 400, 400).face is subject
    assert find_subject([_face(40, 60, 50), subject], 400, 400).reason is None


def test_two_of_comparable_size_are_unclear():
    assert find_subject([_face(100, 200, 120), _face(300, 200, 100)], 400, 400).reason == "multiple_faces"


def test_an_unsure_find_is_no_rival():
    assert find_subject([_face(100, 200, 120), _face(300, 200, 100, score=0.85)], 400, 400).reason is None


def test_two_finds_of_one_face_are_no_rivals():
    assert find_subject([_face(200, 200, 120), _face(205, 198, 110)], 400, 400).reason is None


def test_the_central_one_of_two_is_preferred():
    central = _face(200, 200, 100)
    assert find_subject([_face(30, 30, 110), central], 400, 400).face is central


def test_the_datasets_own_box_decides_in_a_company():
    left, right = _face(100, 200, 120), _face(300, 200, 140)
    found = find_subject([left, right], 400, 400, np.array([50.0, 150.0, 150.0, 250.0]))
    assert (found.face, found.reason) == (left, None)


def test_a_box_where_nobody_is_found_is_no_face():
    assert find_subject([_face(100, 200, 60)], 400, 400, np.array([300.0, 300.0, 390.0, 390.0])).reason == "no_face"


def test_overlap_is_intersection_over_union():
    assert overlap(np.array([0.0, 0, 2, 2]), np.array([1.0, 0, 3, 2])) == 2 / 6
    assert overlap(np.array([0.0, 0, 1, 1]), np.array([2.0, 2, 3, 3])) == 0
