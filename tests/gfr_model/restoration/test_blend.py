"""Tests of blending: no seam, nothing outside touched, fine detail kept, placed to the pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfr_data.faces.crop import crop
from gfr_model.restoration.blend import FEATHER, blend, fade
from manifests.crops import CropGeometry

SIZE = 64  # of the crop


def seen(photograph, square):
    return crop(photograph, square, SIZE)


def smooth(height=200, width=240):
    y, x = np.mgrid[:height, :width]
    return np.stack([60 + x / 4, 60 + y / 4, 90 + (x + y) / 8], axis=-1).astype(np.uint8)


squares = st.builds(
    lambda x, y, side: CropGeometry(x, y, side, side), st.floats(-60, 200), st.floats(-60, 160), st.floats(20, 190)
)


@given(square=squares, strength=st.sampled_from([80, -60]))
def test_no_edge_appears_where_the_change_begins_or_ends(square, strength):
    photograph = smooth()
    first = np.full((SIZE, SIZE, 3), 100, np.uint8)
    result = blend(photograph, first, (first.astype(int) + strength).astype(np.uint8), square)
    change = result.astype(int) - photograph
    steepest = abs(strength) * np.pi / 2 / (FEATHER * square.width) + 1  # of the fade, and 1 for rounding
    for axis in (0, 1):
        assert np.abs(np.diff(change, axis=axis)).max() <= steepest + 1


@given(square=squares)
def test_pixels_outside_the_square_stay_as_they_are(square):
    photograph = np.random.default_rng(0).integers(0, 256, (120, 150, 3), dtype=np.uint8)
    first = np.zeros((SIZE, SIZE, 3), np.uint8)
    result = blend(photograph, first, first + 90, square)
    y, x = np.mgrid[:120, :150] + 0.5
    outside = (x < square.x0) | (x > square.x0 + square.width) | (y < square.y0) | (y > square.y0 + square.height)
    assert np.array_equal(result[outside], photograph[outside])


@given(square=squares)
def test_a_network_that_changes_nothing_leaves_every_bit(square):
    photograph = np.random.default_rng(1).integers(0, 256, (120, 150, 3), dtype=np.uint8)
    same = seen(photograph, square)
    assert np.array_equal(blend(photograph, same, same, square), photograph)


def test_the_whole_face_box_gets_the_whole_change():
    photograph, square = smooth(), CropGeometry(20.0, 10.0, 180.0, 180.0)
    first = np.full((SIZE, SIZE, 3), 100, np.uint8)
    change = blend(photograph, first, first + 40, square).astype(int) - photograph
    margin = 180 * (1 - 1 / 1.8) / 2  # the crop is 1.8 times the face's box
    inner = change[int(10 + margin) : int(190 - margin), int(20 + margin) : int(200 - margin)]
    assert (inner == 40).all()


@pytest.mark.parametrize("side", [32.0, 64.0, 150.5])
def test_the_change_lies_where_the_crop_was(side):
    """Crop, change one spot, blend: the spot is where it was in the photograph, to a tenth of a pixel of the crop."""
    photograph, square = np.full((200, 240, 3), 100, np.uint8), CropGeometry(30.3, 20.7, side, side)
    first = seen(photograph, square)
    y, x = np.mgrid[:SIZE, :SIZE]
    spot = 100 * np.exp(-((x - 30.0) ** 2 + (y - 34.0) ** 2) / 2 / 3**2)
    result = blend(photograph, first, (first + spot[..., None]).astype(np.uint8), square).astype(float) - photograph
    weight = result[..., 0].clip(0)
    rows, columns = np.mgrid[:200, :240]
    found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    wanted = (np.array([30.0, 34.0]) + 0.5) * side / SIZE + [square.x0, square.y0] - 0.5
    assert np.abs(found - wanted).max() < 0.1 * side / SIZE


def test_detail_finer_than_the_crop_survives():
    photograph = smooth(400, 400)
    photograph[::2, ::2] += 20
    square = CropGeometry(0.0, 10.0, 380.0, 380.0)
    first = seen(photograph, square)
    result = blend(photograph, first, first + 15, square)
    assert abs(int(result[200, 200, 0]) - int(result[200, 201, 0])) == 20


def test_a_crop_taken_whole_changes_up_to_its_border():
    photograph = np.full((128, 128, 3), 50, np.uint8)
    first = np.full((SIZE, SIZE, 3), 50, np.uint8)
    assert (blend(photograph, first, first + 30, CropGeometry(0.0, 0.0, 128.0, 128.0)) == 80).all()


def test_the_fade_starts_level_and_ends_level():
    line = fade(np.linspace(0, 1, 2001))
    assert line[0] == 0
    assert line[1000] == 1
    assert line[-1] == 0
    slope = np.diff(line)
    assert abs(slope[0]) < 1e-4
    assert np.abs(np.diff(slope)).max() < 1e-4
