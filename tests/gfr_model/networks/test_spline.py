"""The spline against SciPy's, the similarity against an exact one, and points that allow no spline."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from gfr_model.networks.spline import GRID, serves, similarity, similarity_flow, spline_flow
from gfr_model.networks.warp import sample_flow


def some_points(seed: int, count: int = 68) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.7, 0.7, (1, count, 2)))


@pytest.mark.parametrize("ridge", [1e-4, 6.8e-3, 0.5])
def test_the_spline_is_scipys(ridge: float) -> None:
    at = some_points(1)
    to = at + 0.1 * some_points(2)
    flow = spline_flow(at, to, GRID, ridge)
    axis = np.linspace(-1, 1, GRID)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    # SciPy's kernel is r^2 log r, half of ours, and so is its smoothing.
    peer = RBFInterpolator(at[0].numpy(), to[0].numpy(), smoothing=ridge / 2, kernel="thin_plate_spline")(grid)
    np.testing.assert_allclose(flow[0].flatten(1).T.numpy(), peer, atol=1e-6)


def test_a_face_moved_by_an_affine_map_is_met_everywhere() -> None:
    at = some_points(3)
    to = at @ torch.tensor([[1.1, 0.2], [-0.1, 0.9]], dtype=at.dtype) + 0.05
    flow = spline_flow(at, to, 256)
    assert (sample_flow(flow, at) - to).abs().max() < 1e-3


def test_an_uncertain_point_bends_the_spline_less() -> None:
    at = some_points(4)
    to = at.clone()
    to[0, 0, 0] += 0.2
    spread = torch.full((1, 68), 0.02, dtype=at.dtype)
    sure = sample_flow(spline_flow(at, to, 256, spread=spread), at)[0, 0, 0]
    spread[0, 0] = 0.2
    unsure = sample_flow(spline_flow(at, to, 256, spread=spread), at)[0, 0, 0]
    assert abs(unsure - at[0, 0, 0]) < 0.5 * abs(sure - at[0, 0, 0])


@given(
    scale=st.floats(0.3, 3),
    angle=st.floats(-3, 3),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_a_similarity_is_found_exactly(scale: float, angle: float, shift: tuple[float, float], seed: int) -> None:
    turn = scale * torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    at = some_points(seed)
    to = at @ turn.T + torch.tensor(shift, dtype=at.dtype)
    matrix, moved = similarity(at, to)
    torch.testing.assert_close(matrix[0], turn, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(moved[0], torch.tensor(shift, dtype=at.dtype), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", ["coincident", "collinear", "far"])
def test_points_without_a_spline_give_the_similarity(kind: str) -> None:
    at = some_points(5)
    if kind == "coincident":
        at = torch.zeros_like(at)
    elif kind == "collinear":
        at[..., 1] = 0.0
    to = some_points(6) * (1000 if kind == "far" else 1)
    flow = spline_flow(at, to, 64, ridge=0.0)
    assert flow.isfinite().all()
    torch.testing.assert_close(flow, similarity_flow(at, to, 64), atol=1e-6 * float(to.abs().max()), rtol=1e-4)
    assert not serves(at, to, ridge=0.0).any()
    assert serves(some_points(5), some_points(5) * 1.1).all()


def test_mirrored_points_give_the_similarity() -> None:
    at = some_points(7)
    to = at * torch.tensor([-1.0, 1.0], dtype=at.dtype)
    torch.testing.assert_close(spline_flow(at, to, 64), similarity_flow(at, to, 64), atol=1e-6, rtol=1e-4)
