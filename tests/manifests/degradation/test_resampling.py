"""Tests of the blur and resampling matrices against SciPy and Pillow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from manifests.degradation.resampling import WEIGHT_BITS, bicubic, downsampling, gaussian, low_size, upsampling
from manifests.degradation.space import PAPER_SETS

SIZES = sorted({low_size(scale) for scale in PAPER_SETS["scale"]})
IMAGE = np.random.default_rng(0).uniform(0, 255, (256, 256)).astype(np.float32)


def resized(image, size):
    return np.asarray(Image.fromarray(image, "F").resize((size, size), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("sigma", PAPER_SETS["blur_sigma"][1:])
def test_blur_is_scipys_cut_at_three_sigma_and_mirrored(sigma):
    matrix = gaussian(sigma, 256)
    wanted = gaussian_filter(IMAGE.astype(float), sigma, truncate=3, mode="mirror")
    np.testing.assert_allclose(matrix @ IMAGE @ matrix.T, wanted, atol=1e-10)


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 300), st.integers(8, 300))
def test_bicubic_is_pillows_in_floating_point(before, after):
    matrix = bicubic(before, after)
    row = np.random.default_rng(before).uniform(0, 255, (1, before)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(row, "F").resize((after, 1), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(matrix @ row[0], wanted[0], atol=1e-4)


@pytest.mark.parametrize("low", SIZES)
def test_resizing_both_axes_is_pillows(low):
    down, up = bicubic(256, low), bicubic(low, 256)
    small = resized(IMAGE, low)
    np.testing.assert_allclose(down @ IMAGE @ down.T, small, atol=1e-3)
    np.testing.assert_allclose(up @ small @ up.T, resized(small, 256), atol=1e-3)


@pytest.mark.parametrize("sigma", [0, 1, 2.2, 3])
@pytest.mark.parametrize("low", [*SIZES[::9], 256])
def test_fixed_point_is_within_a_thousandth_of_a_level(sigma, low):
    matrix = downsampling(sigma, low, 256).dense()
    wanted = bicubic(256, low) @ gaussian(sigma, 256)
    np.testing.assert_allclose(matrix @ IMAGE @ matrix.T, wanted @ IMAGE @ wanted.T, atol=1e-3)


def test_float64_holds_every_sum_exactly_so_that_its_order_is_free():
    for low in SIZES:
        for bands in (upsampling(low, 256), *(downsampling(sigma, low, 256) for sigma in (0, 1, 1.7, 3))):
            matrix = bands.dense()
            whole = matrix * 2.0**WEIGHT_BITS
            assert (whole == np.rint(whole)).all()
            assert (matrix.sum(axis=1) == 1).all()  # a flat image stays what it is
            assert 255 * np.abs(whole).sum(axis=1).max() ** 2 < 2.0**53


def test_scale_one_without_blur_does_nothing():
    assert (downsampling(0.0, 256, 256).dense() == np.eye(256)).all()
    assert (upsampling(256, 256).dense() == np.eye(256)).all()
