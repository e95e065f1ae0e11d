"""A crop's place in its photograph, its landmarks in a mirror, and its file: read, or refused with the reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from manifests import hash_file
from manifests.crops import MIRROR, CropGeometry, UnusableError, mirror_points, read_picture

SIDES = st.floats(20, 3000)
PLACES = st.floats(-500, 500)


@given(PLACES, PLACES, SIDES, SIDES, st.floats(-2, 3), st.floats(-2, 3))
def test_points_keep_their_share_of_the_crop(x0, y0, side, height, across, down):
    """Edges lie half a px outside the centres of the outermost pixels, in the photograph as in the crop."""
    points = np.array([[x0 + across * side, y0 + down * height]]) - 0.5
    found = CropGeometry(x0, y0, side, height).to_crop(points)
    assert found == pytest.approx(np.array([[256 * across, 256 * down]]) - 0.5, abs=1e-3)


def test_points_come_back_when_mirrored_twice():
    points = np.random.default_rng(0).uniform(0, 255, (5, 68, 2)).astype(np.float32)
    np.testing.assert_allclose(mirror_points(mirror_points(points, 256), 256), points, atol=1e-4)


def test_mirror_exchanges_left_and_right_of_the_ibug_scheme():
    pairs = {
        0: 16,
        8: 8,
        17: 26,
        27: 27,
        30: 30,
        31: 35,
        36: 45,
        39: 42,
        40: 47,
        48: 54,
        51: 51,
        59: 55,
        60: 64,
        67: 65,
    }
    for one, other in pairs.items():
        assert MIRROR[one] == other
        assert MIRROR[other] == one
    assert sorted(MIRROR) == list(range(68))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK"])
def test_any_mode_is_read_as_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (256, 256), (51, 51, 51)).convert(mode).save(path)
    found = read_picture(path, hash_file(path))
    assert found.shape == (256, 256, 3)
    assert np.abs(found.astype(int) - 51).max() <= 1


def test_what_is_no_such_image_says_which_and_why(tmp_path):
    with pytest.raises(UnusableError, match=r"nothing\.png is missing"):
        read_picture(tmp_path / "nothing.png", side=None)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(UnusableError, match="cannot be read as an image"):
        read_picture(tmp_path / "text.png", side=None)
    Image.new("RGB", (64, 32)).save(tmp_path / "wide.png")
    with pytest.raises(UnusableError, match="64x32 px, but must be square"):
        read_picture(tmp_path / "wide.png", side=None)
    with pytest.raises(UnusableError, match="other bytes"):
        read_picture(tmp_path / "wide.png", "0" * 32, side=None)
    content = (tmp_path / "wide.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableError, match=r"torn\.png"):
        read_picture(tmp_path / "torn.png", side=None)


def test_more_than_8_bits_are_refused_and_not_cut(tmp_path):
    Image.fromarray(np.full((256, 256), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UnusableError, match="not in 8 bits"):
        read_picture(tmp_path / "deep.png", side=None)


def test_a_giant_image_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(path)
    with pytest.raises(UnusableError, match=r"bomb\.png"):
        read_picture(path, side=None)
