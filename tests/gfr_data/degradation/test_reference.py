"""Tests of the reference: each step against an independent implementation."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from gfr_data.degradation.axes import upsample
from gfr_data.degradation.coding import decode, encode
from gfr_data.degradation.reference import degrade_image, low_resolution
from manifests import DataError
from manifests.degradation.draws import Degradation, draw_many, pair_keys
from manifests.degradation.noise import noise
from manifests.degradation.space import PAPER_SPACE

BICUBIC = Image.Resampling.BICUBIC


def plainly(image: np.ndarray, one: Degradation) -> np.ndarray:
    """Eq. 4 up to its noise with SciPy and Pillow, a channel at a time in floating point."""
    side = round(256 / one.scale)
    planes = []
    for channel in image.transpose(2, 0, 1).astype(np.float64):
        blurred = gaussian_filter(channel, one.blur_sigma, truncate=3, mode="mirror") if one.blur_sigma else channel
        small = Image.fromarray(blurred.astype(np.float32), "F").resize((side, side), BICUBIC)
        planes.append(np.asarray(small).round().clip(0, 255))
    low = np.stack(planes, axis=2) + noise(one.noise_sigma, one.noise_key, side, side).transpose(1, 2, 0)
    return low.clip(0, 255).astype(np.uint8)


def test_blur_and_downsampling_are_scipys_and_pillows_after_rounding(image):
    draws = draw_many(PAPER_SPACE, pair_keys(0, [str(number) for number in range(60)]), 0)
    different, total = 0, 0
    for number in range(60):
        found, wanted = low_resolution(image, draws.at(number)), plainly(image, draws.at(number))
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).max() <= 1
        different, total = different + int((found != wanted).sum()), total + found.size
    assert different / total < 1e-3  # values within 2e-4 of a half: Pillow's own float32 rounding


def test_the_file_is_pillows_jpeg_of_the_low_resolution_image(image):
    one = Degradation(blur_sigma=1.5, scale=3.3, noise_sigma=4, jpeg_quality=25, noise_key=9)
    found = degrade_image(image, one)
    file = io.BytesIO()
    Image.fromarray(plainly(image, one)).save(file, "jpeg", quality=25)  # libjpeg's own choice is 4:2:0
    assert found.extension == ".jpg"
    np.testing.assert_array_equal(found.low, np.asarray(Image.open(file)))
    assert Image.open(io.BytesIO(found.content)).size == (78, 78)


def test_opencv_reads_the_file_to_the_same_pixels_and_writes_such_files_itself(image):
    for quality in (10, 25, 40):
        small = image[:78, :78]
        content, _ = encode(small, quality)
        seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        np.testing.assert_array_equal(decode(content), seen)
        _, own = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        np.testing.assert_array_equal(decode(own.tobytes()), decode(content))


def test_upsampling_is_pillows(image):
    for side in (32, 37, 64, 100, 233):
        small = image[:side, :side]
        wanted = [
            np.asarray(Image.fromarray(channel, "F").resize((256, 256), BICUBIC))
            for channel in np.ascontiguousarray(small.transpose(2, 0, 1)).astype(np.float32)
        ]
        np.testing.assert_allclose(upsample(small), np.stack(wanted, axis=2).clip(0, 255), atol=1e-3)


def test_quality_zero_is_stored_without_loss(image):
    found = degrade_image(image, Degradation(scale=4))
    assert found.extension == ".png"
    np.testing.assert_array_equal(found.low, low_resolution(image, Degradation(scale=4)))


def test_everything_off_changes_nothing(image):
    found = degrade_image(image, Degradation())
    np.testing.assert_array_equal(found.low, image)
    np.testing.assert_array_equal(found.image, image)


def test_noise_has_its_strength_on_the_small_image():
    grey = np.full((256, 256, 3), 128, np.uint8)
    for sigma in (1, 4, 7):
        low = low_resolution(grey, Degradation(scale=2, noise_sigma=sigma, noise_key=3))
        assert low.astype(float).std() == pytest.approx(sigma, rel=0.06)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((256, 256, 3), np.float32),
        np.zeros((256, 256), np.uint8),
        np.zeros((256, 256, 4), np.uint8),
        np.zeros((128, 128, 3), np.uint8),
    ],
    ids=lambda bad: f"{bad.dtype}-{bad.shape}",
)
def test_what_is_no_crop_is_refused_by_name(bad):
    with pytest.raises(DataError, match=r"must be uint8 RGB of shape \(256, 256, 3\), but is " + str(bad.dtype)):
        degrade_image(bad, Degradation())
