"""Tests of the kernels of two dimensions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.degradation.kernels import KERNEL_ONE, fast_length, kernel, mirrored


def moments(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (x, y) and covariance."""
    share, radius = weights / weights.sum(), len(weights) // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    mean = np.array([(share * x).sum(), (share * y).sum()])
    spread = [[(share * a * b).sum() for b in (x - mean[0], y - mean[1])] for a in (x - mean[0], y - mean[1])]
    return mean, np.array(spread)


def axes(along: float, across: float, angle: float) -> np.ndarray:
    """Covariance of what varies by `along` px^2 in the direction of `angle`, and by `across` px^2 across it."""
    turn = np.radians(angle)
    u = np.array([np.cos(turn), np.sin(turn)])
    v = np.array([-u[1], u[0]])
    return along * np.outer(u, u) + across * np.outer(v, v)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 6), st.floats(0.05, 1), st.floats(0, 180), st.floats(0, 30), st.floats(0, 180))
def test_every_kernel_is_of_whole_numbers_that_sum_to_one(sigma, ratio, angle, length, way):
    found = kernel(sigma, ratio, angle, length, way)
    assert (found == np.rint(found)).all()
    assert found.min() >= 0
    assert found.sum() == KERNEL_ONE
    assert found.shape[0] == found.shape[1]
    assert found.shape[0] % 2 == 1
    np.testing.assert_allclose(moments(found)[0], 0, atol=0.01)  # nothing is shifted


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3])
def test_a_round_gaussian_is_the_product_of_two_lines(sigma):
    place = np.arange(-int(3 * sigma + 0.5), int(3 * sigma + 0.5) + 1)
    line = np.exp(-0.5 * (place / sigma) ** 2)
    wanted = np.outer(line, line) / line.sum() ** 2
    np.testing.assert_allclose(kernel(sigma, 1, 0, 0, 0) / KERNEL_ONE, wanted, atol=2e-6)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 145])
def test_a_gaussian_has_its_axes(angle):
    _, spread = moments(kernel(4, 0.4, angle, 0, 0))
    np.testing.assert_allclose(spread, axes(16, 2.56, angle), atol=0.5)  # less than 16: it is cut at 3 sigma


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 160])
def test_motion_has_its_length_and_direction(angle):
    mean, spread = moments(kernel(0, 1, 0, 12, angle))
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    np.testing.assert_allclose(spread, axes(12**2 / 12, 0, angle), atol=0.45)  # sharing out adds 1/4 at most
    level = kernel(0, 1, 0, 12, 0)
    assert np.count_nonzero(level.sum(axis=1)) == 1  # along the rows: one row alone


def test_both_blurs_together_add_their_spreads():
    _, both = moments(kernel(2, 1, 0, 10, 30))
    alone = moments(kernel(2, 1, 0, 0, 0))[1] + moments(kernel(0, 1, 0, 10, 30))[1]
    np.testing.assert_allclose(both, alone, atol=0.01)


def test_what_is_off_is_a_point():
    assert kernel(0, 1, 0, 0, 0).tolist() == [[KERNEL_ONE]]


@given(st.integers(2, 40), st.integers(0, 90))
def test_borders_are_mirrored_as_numpy_does(size, radius):
    np.testing.assert_array_equal(mirrored(size, radius), np.pad(np.arange(size), radius, mode="reflect"))


def test_a_single_pixel_is_its_own_mirror_image():
    assert mirrored(1, 3).tolist() == [0] * 7


def test_lengths_of_ffts_have_small_factors_and_are_the_next_ones():
    assert [fast_length(n) for n in (1, 7, 13, 286, 301, 512, 513)] == [1, 8, 15, 288, 320, 512, 540]
