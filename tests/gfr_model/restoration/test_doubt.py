"""Tests of what is said of a guide by landmarks: a face of about the same pose serves, others do not."""

import numpy as np
import pytest
import torch

from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.points import Landmarks
from gfr_model.restoration.doubt import MOST_SPREAD, distance, doubt, five_points, unbent
from gfr_model.restoration.head import head_of

# 68 points of a head seen from the front: width, height and depth, in units of half a crop.
HEAD = np.random.default_rng(0).uniform(-0.4, 0.4, (68, 3))
HEAD[36:42] = [-0.2, -0.15, 0.05]
HEAD[42:48] = [0.2, -0.15, 0.05]
HEAD[[30, 48, 54]] = [[0, 0.08, 0.22], [-0.16, 0.25, 0.03], [0.16, 0.25, 0.03]]


def turned(degrees, spread=0.03):
    angle = np.deg2rad(degrees)
    x = HEAD[:, 0] * np.cos(angle) + HEAD[:, 2] * np.sin(angle)
    points = torch.tensor(np.stack((x, HEAD[:, 1]), axis=1), dtype=torch.float32)[None]
    return Landmarks(points, torch.full((1, 68), spread))


def said(target, guide):
    return doubt(Restoration(torch.zeros(1, 3, 8, 8), target_landmarks=target, guide_landmarks=guide))


def test_a_guide_of_about_the_same_pose_serves():
    assert said(turned(0), turned(8)) == ""


def test_a_guide_far_larger_or_rolled_serves_since_a_similarity_undoes_that():
    points, spread = turned(0)
    roll = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    moved = Landmarks(1.5 * points @ roll.T + 0.1, spread)
    assert distance(turned(0), moved) < 1e-3
    assert said(turned(0), moved) == ""


def test_the_distance_is_measured_in_the_photograph_whatever_the_guides_size():
    apart = distance(turned(0), turned(40))
    larger = Landmarks(2 * turned(40).points, turned(40).spread)
    assert distance(turned(0), larger) == pytest.approx(apart, rel=1e-4)


def test_a_guide_of_another_pose_does_not_serve():
    assert "another pose than the warp can bring" in said(turned(-40), turned(40))


def test_a_guide_without_a_face_does_not_serve():
    assert "shows no face" in said(turned(0), turned(0, MOST_SPREAD + 0.01))


def test_of_a_photograph_whose_points_are_unsure_no_pose_is_held_against_a_guide():
    assert said(turned(-40, MOST_SPREAD + 0.01), turned(40)) == ""


def test_of_a_network_that_finds_no_landmarks_nothing_is_said():
    assert said(None, None) == ""


@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_the_five_points_tell_how_a_head_is_turned(degrees):
    head = head_of(five_points(turned(degrees)))
    assert head.yaw == pytest.approx(degrees, abs=10)
    assert five_points(turned(degrees, MOST_SPREAD + 0.01)) is None


def test_a_guide_that_no_spline_brings_is_said_to_be_moved_as_a_whole():
    points, spread = turned(0)
    mirrored = Landmarks(points * torch.tensor([-1.0, 1.0]), spread)
    image = torch.zeros(1, 3, 8, 8)
    assert "moved and turned as a whole" in unbent(Restoration(image, None, None, turned(0), mirrored))
    assert unbent(Restoration(image, None, None, turned(0), turned(8))) == ""
    assert unbent(Restoration(image)) == ""
