"""The landmark loss against the exact flow between two photographs of a rendered person."""

import numpy as np
import pytest
import torch

from gfr_data.sample.camera.photograph import render_person
from gfr_model.networks.warp import identity_flow, normalise, warp
from gfr_model.training.losses import landmark_loss

SIZE = 250  # px of the rendered photographs
SURE = 2  # px: no jump of the flow this near to a landmark that counts


@pytest.fixture(scope="module")
def pair():
    """A turned target and a frontal guide."""
    return render_person(4, 1, 2, "casia-webface"), render_person(4, 1, 0, "casia-webface")


def tensor(values):
    return torch.from_numpy(np.ascontiguousarray(values)).double()


def whole(flow):
    """The flow (H, W, 2) px with each hole looking at itself."""
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    return np.where(np.isfinite(flow), flow, np.stack([x, y], axis=-1))


def smooth_landmarks(flow, points):
    """Which landmarks 18-68 have no hole or jump of the flow beside them."""
    sure = []
    for k in range(17, 68):
        x, y = np.rint(points[k]).astype(int)
        near = flow[y - SURE : y + SURE + 1, x - SURE : x + SURE + 1]
        step = max(np.abs(np.diff(near, axis=axis)).max(initial=0) for axis in (0, 1))
        if np.isfinite(near).all() and step < 3:
            sure.append(k)
    return sure


def test_the_exact_flow_has_no_landmark_loss_and_standing_still_has_much(pair, true_flow):
    target, guide = pair
    flow, _ = true_flow(target, guide)
    sure = smooth_landmarks(flow, target.landmarks)
    assert len(sure) >= 35
    wanted = normalise(tensor(whole(flow)), SIZE).permute(2, 0, 1)[None]
    points = [normalise(tensor(picture.landmarks[sure]), SIZE)[None] for picture in pair]
    exact = landmark_loss(wanted, *points).item()
    still = landmark_loss(identity_flow(SIZE, SIZE, dtype=torch.float64), *points).item()
    half_a_pixel = len(sure) * (0.5 * 2 / (SIZE - 1)) ** 2
    assert exact < half_a_pixel
    assert still > 100 * exact


def test_warping_the_guide_by_the_exact_flow_brings_its_skin_onto_the_target(pair, true_flow):
    target, guide = pair
    flow, seen = true_flow(target, guide)
    wanted = normalise(tensor(whole(flow)), SIZE).permute(2, 0, 1)[None]
    charts = [tensor(np.nan_to_num(picture.surface, nan=9.0)).permute(2, 0, 1)[None] for picture in pair]
    warped = warp(charts[1], wanted)
    mask = torch.from_numpy(seen)
    missed = (warped - charts[0])[0][:, mask].norm(dim=0)
    before = (charts[1] - charts[0])[0][:, mask].norm(dim=0)
    assert missed.median() < 0.01  # chart units; a pixel is 0.014
    assert before.median() > 10 * missed.median()
