"""Tests of the head's pose from five points: against a head in perspective, and against 68 landmarks of real people."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfr_model.restoration.head import MOUTH_DOWN, MOUTH_OUT, NOSE_DOWN, NOSE_OUT, head_of

# x right, y down, z to the camera
HEAD = np.array(
    [
        (-0.5, 0.0, 0.0),
        (0.5, 0.0, 0.0),
        (0.0, NOSE_DOWN, NOSE_OUT),
        (-0.45, MOUTH_DOWN, MOUTH_OUT),
        (0.45, MOUTH_DOWN, MOUTH_OUT),
    ]
)


def picture(yaw, pitch, roll, scale=80.0):
    """Keypoints of HEAD, turned, seen from far away."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return (HEAD @ (about_z @ about_y @ about_x).T)[:, :2] * scale + [200, 150]


@given(yaw=st.floats(-35, 35), roll=st.floats(-40, 40))
def test_yaw_and_roll_of_a_turned_head(yaw, roll):
    head = head_of(picture(yaw, 0.0, roll))
    assert abs(head.yaw - yaw) < 0.01
    assert abs(head.roll - roll) < 0.01
    assert abs(head.pitch) < 0.01


@given(pitch=st.floats(-25, 20), roll=st.floats(-40, 40))
def test_pitch_of_a_nodding_head(pitch, roll):
    head = head_of(picture(0.0, pitch, roll))
    assert abs(head.pitch - pitch) < 1
    assert abs(head.yaw) < 0.01


@given(yaw=st.floats(-35, 35), pitch=st.floats(-20, 15), roll=st.floats(-30, 30))
def test_a_mirrored_picture_mirrors_yaw_and_roll(yaw, pitch, roll):
    points = picture(yaw, pitch, roll)
    mirrored = (points * [-1, 1])[[1, 0, 2, 4, 3]]
    first, second = head_of(points), head_of(mirrored)
    assert np.allclose(
        [first.yaw, first.pitch, first.roll, first.mouth], [-second.yaw, second.pitch, -second.roll, second.mouth]
    )


def test_points_on_one_another_are_no_head():
    assert head_of(np.full((5, 2), 7.0)) is None
    assert head_of(np.full((5, 2), np.nan)) is None


def test_real_heads_are_close_to_what_68_landmarks_say(real_faces):
    pytest.importorskip("cv2")
    from gfr_data.faces.pose import head_pose

    gaps = []
    with open(real_faces / "landmarks68.csv") as file:
        for row in csv.DictReader(file):
            if row["path"].startswith("defects"):
                continue
            points = np.array([[float(row[f"x{n}"]), float(row[f"y{n}"])] for n in range(68)])
            points *= 256 / 1.8 / np.ptp(points, axis=0).max()  # as in a crop
            eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
            head, pose = head_of(np.stack([*eyes, points[30], points[48], points[54]])), head_pose(points)
            gaps.append(np.abs([head.yaw - pose.yaw, head.pitch - pose.pitch, head.roll - pose.roll]))
    assert (np.median(gaps, axis=0) < [5, 5, 3]).all()
