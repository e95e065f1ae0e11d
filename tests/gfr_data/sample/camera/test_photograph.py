"""Photographs repeat exactly, show the same person, and know where each point of a person went."""

import cv2
import numpy as np
import pytest

from gfr_data.sample.camera.photograph import photograph, render_person
from gfr_data.sample.camera.scene import FRONTAL, draw_scene
from gfr_data.sample.person.person import make_person

INNER = slice(17, 68)


def read_at(values, points):
    """`values` (H, W, C) at places (N, 2) px, bilinearly: (N, C)."""
    x, y = points.T
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = (x - column)[:, None], (y - row)[:, None]
    upper = values[row, column] * (1 - u) + values[row, column + 1] * u
    lower = values[row + 1, column] * (1 - u) + values[row + 1, column + 1] * u
    return upper * (1 - v) + lower * v


def test_the_same_numbers_give_the_same_picture(taken):
    again = render_person(4, 0, 3, "casia-webface")
    np.testing.assert_array_equal(again.image, taken(0, 3).image)
    np.testing.assert_array_equal(again.landmarks, taken(0, 3).landmarks)


def test_other_photographs_and_other_people_differ(taken):
    assert np.abs(taken(0, 0).image.astype(int) - taken(0, 1).image).mean() > 5
    assert np.abs(taken(0, 0).image.astype(int) - taken(1, 0).image).mean() > 5


@pytest.mark.parametrize("number", range(3))
def test_the_true_flow_leads_the_targets_landmarks_to_the_guides(taken, number, true_flow):
    for of_target, of_guide in ((1, 0), (3, 0), (2, 1)):
        target, guide = taken(number, of_target), taken(number, of_guide)
        flow, seen = true_flow(target, guide)
        points = target.landmarks[INNER]
        sure = read_at(seen[..., None].astype(float), points)[:, 0] > 0.99
        missed = np.linalg.norm(read_at(flow, points) - guide.landmarks[INNER], axis=1)[sure]
        assert sure.sum() >= 40
        assert np.median(missed) < 0.15
        assert (missed < 1).mean() > 0.85  # the flow jumps at the outline of nose and lips


def test_the_true_flow_brings_the_guides_skin_onto_the_targets(taken, true_flow):
    """Places on the person's chart, not colours, which the light changes."""
    target, guide = taken(1, 2), taken(1, 0)
    flow, seen = true_flow(target, guide)
    index = np.argwhere(seen)[::97]
    places = target.surface[index[:, 0], index[:, 1]]
    inside = (flow[seen][::97] > 1).all(axis=1) & (flow[seen][::97] < 248).all(axis=1)
    reached = read_at(guide.surface, flow[seen][::97][inside])
    missed = np.linalg.norm(reached - places[inside], axis=1)
    assert np.nanmedian(missed) < 0.004  # chart units: a third of a pixel


def test_a_photograph_flows_onto_itself_without_moving(taken, true_flow):
    picture = taken(2, 1)
    flow, seen = true_flow(picture, picture)
    y, x = np.nonzero(seen)
    away = np.linalg.norm(flow[y, x] - np.stack([x, y], axis=-1), axis=1)
    assert np.median(away) < 0.05
    assert np.quantile(away, 0.95) < 0.5


def test_hidden_places_are_not_called_seen(taken, true_flow):
    """A turned head hides one ear; a frontal one shows both."""
    turned = max((taken(number, photo) for number in range(3) for photo in (2, 3)), key=lambda p: abs(p.scene.yaw))
    frontal = taken(turned.posed.person.identity.key[1], 0)
    _, seen = true_flow(frontal, turned)
    on_head = np.isfinite(frontal.surface[..., 0])
    assert 0.3 < seen[on_head].mean() < 0.97


def test_skin_is_fine_at_full_size_and_gone_at_a_quarter(taken):
    """What a guide can give back: fine texture on the cheeks that shrinking to a quarter destroys."""
    for number in range(3):
        picture = taken(number, 0)
        points = picture.landmarks
        x0, x1 = np.sort([points[4, 0] * 0.6 + points[30, 0] * 0.4, points[30, 0] * 0.75 + points[4, 0] * 0.25])
        y0, y1 = points[29, 1], points[33, 1] + 6
        crop = cv2.resize(picture.image, (256, 256), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        small = cv2.resize(
            cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA), (256, 256), interpolation=cv2.INTER_CUBIC
        )
        region = tuple(slice(int(a * 1.024), int(b * 1.024)) for a, b in ((y0, y1), (x0, x1)))
        assert (crop - small)[region].std() > 2.0


def test_the_first_photographs_of_everybody_can_be_guides():
    for number in range(20):
        for photo in range(FRONTAL):
            for kind in ("vggface2", "casia-webface"):
                scene = draw_scene(1, number, photo, kind)
                assert max(abs(scene.yaw), abs(scene.pitch), abs(scene.roll)) <= 8
                assert min(scene.expression.eyes) > 0.85


def test_frames_are_those_of_the_two_datasets(taken):
    assert taken(0, 0).image.shape == (250, 250, 3)
    person = make_person(4, 0)
    widths, shares = set(), []
    for photo in range(3):
        scene = draw_scene(4, 0, photo)
        picture = photograph(person, scene, photo)
        widths.add(picture.image.shape[:2])
        shares.append(np.ptp(picture.landmarks[:, 1]) / min(picture.image.shape[:2]))
    assert len(widths) > 1
    assert 0.25 < min(shares) < max(shares) < 0.55
