"""Tests of what goes along with the pixels: EXIF, colour profile, resolution, format."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from gfr_data.faces.decode import decode_image, read_image
from gfr_model.restoration.metadata import (
    EXIF_FOLDER,
    FORMATS,
    HISTORY,
    ORIENTATION,
    Metadata,
    encode,
    read_made_from,
    read_metadata,
)

MAKER, DATE, WIDTH, LATITUDE, GPS_FOLDER = 0x010F, 0x9003, 0xA002, 2, 0x8825


@pytest.fixture
def photograph(tmp_path):
    """A JPEG that lies on its side, with camera, date, place, profile and resolution."""
    exif = Image.Exif()
    exif[MAKER] = "Camera"
    exif[ORIENTATION] = 6
    exif.get_ifd(EXIF_FOLDER)[DATE] = "1964:05:03 10:00:00"
    exif.get_ifd(EXIF_FOLDER)[WIDTH] = 30
    exif.get_ifd(GPS_FOLDER)[LATITUDE] = (51.0, 30.0, 0.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "photograph.jpg"
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    picture.save(path, exif=exif, icc_profile=profile, dpi=(600, 600))
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_exif_and_profile_go_along_and_the_result_is_upright(photograph, suffix):
    image = read_image(photograph)
    content = encode(image, read_metadata(photograph), suffix, "0123")
    with Image.open(io.BytesIO(content)) as result, Image.open(photograph) as original:
        exif = result.getexif()
        assert exif[MAKER] == "Camera"
        assert exif.get_ifd(EXIF_FOLDER)[DATE] == "1964:05:03 10:00:00"
        assert exif.get_ifd(GPS_FOLDER)[LATITUDE] == (51.0, 30.0, 0.0)
        assert ORIENTATION not in exif
        assert WIDTH not in exif.get_ifd(EXIF_FOLDER)
        assert result.size == (20, 30)  # turned
        assert result.info["icc_profile"] == original.info["icc_profile"]
        if suffix != ".webp":  # which has no field for it
            assert np.allclose(result.info["dpi"], 600, atol=0.1)
    again = decode_image(content)
    assert again.shape == image.shape
    assert suffix != ".png" or np.array_equal(again, image)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_result_says_that_it_was_restored_and_from_what(photograph, tmp_path, suffix):
    image, result = read_image(photograph), tmp_path / f"result{suffix}"
    assert read_made_from(photograph) == ""
    result.write_bytes(encode(image, read_metadata(photograph), suffix, "0123"))
    assert read_made_from(result) == "0123"
    result.write_bytes(encode(image, read_metadata(result), suffix, "4567"))  # a result, restored again
    assert read_made_from(result) == "4567"
    with Image.open(result) as picture:
        history = picture.getexif()[HISTORY].splitlines()
    assert len(history) == 2
    assert all("no evidence" in line for line in history)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe1\x00\x10Exif\0\0II*\0"])
def test_files_of_others_say_nothing_of_what_they_were_made_from(tmp_path, content):
    (tmp_path / "mine.jpg").write_bytes(content)
    assert read_made_from(tmp_path / "mine.jpg") == ""


def test_jpeg_keeps_colours_at_full_resolution():
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, ::2] = (255, 0, 0)
    image[:, 1::2] = (0, 0, 255)
    result = decode_image(encode(image, Metadata(), ".jpg", "0123"))
    assert np.abs(result.astype(int) - image).mean() < 6


def test_a_profile_of_cmyk_or_grey_is_left_out(tmp_path):
    grey = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    grey[16:20] = b"GRAY"
    Image.new("L", (8, 8)).save(tmp_path / "grey.png", icc_profile=bytes(grey))
    assert read_metadata(tmp_path / "grey.png").icc == b""


def test_odd_metadata_costs_itself_alone(photograph):
    content = photograph.read_bytes()
    place = content.index(b"Exif\0\0") + 10
    photograph.write_bytes(content[:place] + bytes([255] * 40) + content[place + 40 :])
    assert read_metadata(photograph).icc
    assert read_metadata(photograph.with_name("missing.jpg")) == Metadata()


def test_the_thumbnail_of_the_old_state_does_not_go_along(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, format="JPEG")
    thumbnail = content.getvalue()
    # IFD0 with one entry (camera), then IFD1 with offset and length of the thumbnail; little-endian TIFF.
    first = (
        struct.pack("<2sHIH", b"II", 42, 8, 1) + struct.pack("<HHI4s", MAKER, 2, 4, b"Cam\0") + struct.pack("<I", 26)
    )
    second = (
        struct.pack("<H", 2)
        + struct.pack("<HHII", 0x0201, 4, 1, 56)
        + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
    )
    exif = b"Exif\0\0" + first + second + struct.pack("<I", 0) + thumbnail
    Image.new("RGB", (32, 32)).save(tmp_path / "old.jpg", exif=exif)
    assert thumbnail in (tmp_path / "old.jpg").read_bytes()
    result = encode(read_image(tmp_path / "old.jpg"), read_metadata(tmp_path / "old.jpg"), ".jpg", "0123")
    assert thumbnail not in result
    assert Image.open(io.BytesIO(result)).getexif()[MAKER] == "Cam"
