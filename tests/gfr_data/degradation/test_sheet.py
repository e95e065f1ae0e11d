"""Tests of the sheet that shows the degradation."""

import numpy as np
import pytest

from gfr_data.degradation.sheet import ALONG, BEYOND, CAPTION, COLUMNS, TITLE, draw_sheet, preview_pairs
from manifests import DataError
from manifests.crops import CROP_SIZE
from manifests.degradation.passes import WIDE
from manifests.settings import change

IMAGE = np.random.default_rng(0).integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), np.uint8)


def cell(sheet, row):
    """The first picture of a row."""
    top = row * (TITLE + CROP_SIZE + CAPTION) + TITLE
    return np.asarray(sheet)[top : top + CROP_SIZE, 8 : 8 + CROP_SIZE]


def test_the_sheet_shows_four_parameters_and_both_implementations():
    sheet = draw_sheet(IMAGE, batched=lambda images, draws: np.zeros(images.shape, np.float32))
    assert sheet.height >= (len(ALONG) + 3) * CROP_SIZE
    assert sheet.width >= COLUMNS * CROP_SIZE
    for row in range(len(ALONG)):
        np.testing.assert_array_equal(cell(sheet, row), IMAGE)  # each parameter begins at 'off'
    assert not cell(sheet, len(ALONG) + 1).any()  # what `batched` gave
    assert cell(sheet, len(ALONG) + 2).max() == 255  # a difference is seen


def test_what_goes_beyond_eq_4_is_below_it():
    sheet = draw_sheet(IMAGE, batched=lambda images, draws: np.zeros(images.shape, np.float32), space=WIDE)
    first = len(ALONG) + 3 + len(BEYOND)
    assert (sheet.height - 8) / (TITLE + CROP_SIZE + CAPTION) == first + 6
    for row in (first + 1, first + 4):
        assert not cell(sheet, row).any()  # what `batched` gave
        assert cell(sheet, row + 1).max() == 255
    webp = change(WIDE, {"last": {"codec": "webp"}})
    without = draw_sheet(IMAGE, batched=lambda images, draws: np.zeros(images.shape, np.float32), space=webp)
    assert (without.height - 8) / (TITLE + CROP_SIZE + CAPTION) == first + 2  # no batch makes it


def test_the_sheet_of_pairs_is_not_written_over_a_file(make_pairs, tmp_path):
    folder = make_pairs(train=1, val=1, size=256)
    preview_pairs(folder, tmp_path / "sheet.png", None, None)
    before = (tmp_path / "sheet.png").read_bytes()
    with pytest.raises(DataError, match=r"sheet\.png exists"):
        preview_pairs(folder, tmp_path / "sheet.png", None, None)
    preview_pairs(folder, tmp_path / "sheet.png", ["train"], None, overwrite=True)
    assert (tmp_path / "sheet.png").read_bytes() != before
