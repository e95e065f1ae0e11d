"""Crops show what their geometry says, and points go with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gfr_data.faces.crop import crop, square_around, whole_image
from manifests.crops import CropGeometry


def test_corners_of_the_square_are_corners_of_the_crop():
    geometry = square_around(np.array([100.0, 50.0, 200.0, 130.0]))
    assert (geometry.x0, geometry.y0, geometry.width) == (60.0, 0.0, 180.0)
    assert geometry.to_crop([[59.5, -0.5], [239.5, 179.5]]) == pytest.approx(np.array([[-0.5, -0.5], [255.5, 255.5]]))


def test_whole_image_is_only_resized():
    image = np.random.default_rng(0).integers(0, 256, (250, 240, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((256, 256), Image.Resampling.BICUBIC))
    inner = slice(3, -3)  # at the border Pillow drops what is outside, a crop repeats it
    assert np.array_equal(crop(image, whole_image(250, 240))[inner, inner], expected[inner, inner])


@given(st.integers(-300, 300), st.integers(-300, 300))
def test_whole_pixels_inside_are_copied_and_outside_repeat_the_border(x0, y0):
    image = np.random.default_rng(1).integers(0, 256, (200, 310, 3), dtype=np.uint8)
    found = crop(image, CropGeometry(x0, y0, 64, 64), size=64)
    rows, columns = (np.arange(start, start + 64) for start in (y0, x0))
    assert np.array_equal(found, image[rows.clip(0, 199)[:, None], columns.clip(0, 309)])


def test_shrinking_is_antialiased():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(crop(stripes, CropGeometry(0, 0, 1024, 1024), 128)[:, 4:-4]) <= 2


def test_part_is_cropped_as_if_the_rest_were_there():
    """Only the pixels that the filter needs are read: the result is that of the whole photograph."""
    image = np.random.default_rng(2).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    found = crop(image, CropGeometry(200.3, 100.7, 400.5, 400.5))
    whole = Image.fromarray(image).resize((256, 256), Image.Resampling.BICUBIC, box=(200.3, 100.7, 600.8, 501.2))
    assert np.abs(found.astype(int) - np.asarray(whole)).max() <= 1
