"""Tests of the reference beyond eq. 4: each step against an independent implementation, and eq. 4 unchanged."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate

from gfr_data.degradation.coding import decode, encode
from gfr_data.degradation.reference import blurred, degrade_image, low_resolution
from manifests.degradation.draws import Degradation, draw_many, pair_keys
from manifests.degradation.kernels import KERNEL_ONE, kernel
from manifests.degradation.noise import noise
from manifests.degradation.passes import WIDE, Chain, Pass
from manifests.degradation.space import PAPER_SPACE
from manifests.degradation.spaces import draw_one

BICUBIC = Image.Resampling.BICUBIC


def test_eq_4_has_the_bits_that_it_always_had():
    y, x = np.mgrid[:256, :256]
    image = np.stack([(x * y) % 251, (x * x + y) % 253, (x + 3 * y) % 255], axis=2).astype(np.uint8)
    draws = draw_many(PAPER_SPACE, pair_keys(0, [f"pair {number}" for number in range(40)]), 0)
    digest = hashlib.blake2b(digest_size=16)
    for number in range(40):
        digest.update(degrade_image(image, draws.at(number)).low.tobytes())
    assert digest.hexdigest() == "b7394deba32f1a87c7ce12d254829b68"  # taken before there was anything beyond it


@pytest.mark.parametrize("side", [5, 20, 61])
@pytest.mark.parametrize("shape", [(1.0, 1, 0, 0, 0), (3.0, 0.3, 40, 0, 0), (0, 1, 0, 11, 25), (2.0, 0.5, 130, 7, 90)])
def test_a_blur_is_scipys_sum_to_the_last_bit(image, side, shape):
    small, weights = image[:side, :side], kernel(*shape)
    planes = small.transpose(2, 0, 1).astype(np.int64)
    sums = [correlate(plane, weights.astype(np.int64), mode="mirror") for plane in planes]
    wanted = np.rint(np.stack(sums, axis=2) / KERNEL_ONE)
    np.testing.assert_array_equal(blurred(small, weights), wanted)


def plainly(image: np.ndarray, one: Pass) -> np.ndarray:
    """A pass without its file, with SciPy and Pillow."""
    side, weights = round(256 / one.scale), kernel(*one.kernel(len(image))) / KERNEL_ONE
    planes = []
    for channel in image.transpose(2, 0, 1).astype(np.float64):
        soft = correlate(channel, weights, mode="mirror").round().clip(0, 255)
        small = Image.fromarray(soft.astype(np.float32), "F").resize((side, side), BICUBIC)
        planes.append(np.asarray(small).round().clip(0, 255))
    low = np.stack(planes, axis=2) + noise(one.noise_sigma, one.noise_key, side, side).transpose(1, 2, 0)
    return low.clip(0, 255).astype(np.uint8)


FIRST = Pass(2.5, 0.4, 35, 6, 100, scale=1.7, noise_sigma=12, jpeg_quality=60, codec="jpeg444", noise_key=4)
LAST = Pass(1.5, 0.7, 80, 0, 0, scale=4.3, noise_sigma=20, jpeg_quality=35, noise_key=9)


def test_a_pass_is_blur_shrinking_noise_and_file(image):
    found = low_resolution(image, Chain(FIRST))
    assert found.shape == (151, 151, 3)
    different = found != plainly(image, FIRST)
    assert np.abs(found.astype(int) - plainly(image, FIRST)).max() <= 1
    assert different.mean() < 1e-3  # Pillow's own float32 rounding


def test_of_two_passes_the_second_takes_what_the_first_one_s_file_holds(image):
    between = decode(encode(low_resolution(image, Chain(FIRST)), 60, "jpeg444")[0])
    found = degrade_image(image, Chain(LAST, FIRST))
    wanted = plainly(between, LAST)
    assert wanted.shape == (60, 60, 3)
    assert (low_resolution(image, Chain(LAST, FIRST)) != wanted).mean() < 1e-3
    assert found.content == encode(low_resolution(image, Chain(LAST, FIRST)), 35)[0]


def test_a_last_pass_may_enlarge_what_the_first_one_left(image):
    one = Chain(Pass(scale=2), Pass(scale=6.4))
    found = low_resolution(image, one)
    small = low_resolution(image, Chain(Pass(scale=6.4)))
    planes = [Image.fromarray(plane.astype(np.float32), "F") for plane in small.transpose(2, 0, 1)]
    wanted = np.stack([np.asarray(plane.resize((128, 128), BICUBIC)) for plane in planes], axis=2)
    assert np.abs(found - wanted.clip(0, 255)).max() < 0.51


@pytest.mark.parametrize(("codec", "form", "extension"), [("jpeg444", "jpeg", ".jpg"), ("webp", "webp", ".webp")])
def test_files_of_other_codecs_are_pillows(image, codec, form, extension):
    found = degrade_image(image, Chain(Pass(scale=4, jpeg_quality=40, codec=codec)))
    low = low_resolution(image, Chain(Pass(scale=4)))
    file = io.BytesIO()
    Image.fromarray(low).save(file, form, quality=40, **({"subsampling": 0} if form == "jpeg" else {}))
    assert (found.content, found.extension) == (file.getvalue(), extension)
    np.testing.assert_array_equal(found.low, np.asarray(Image.open(file).convert("RGB")))
    error = np.abs(found.low.astype(int) - low).mean()
    assert 0.1 < error < 12


def test_full_chroma_keeps_more_of_a_red_edge(image):
    low = low_resolution(image, Chain(Pass()))
    edge = (slice(70, 130), slice(50, 210))
    coded = [decode(encode(low, 90, codec)[0]) for codec in ("jpeg444", "jpeg420")]
    errors = [np.abs(one.astype(int) - low)[edge].mean() for one in coded]
    assert errors[0] < 0.8 * errors[1]


def test_everything_off_changes_nothing(image):
    found = degrade_image(image, Chain(Pass(), Pass()))
    assert found.extension == ".png"
    np.testing.assert_array_equal(found.low, image)
    np.testing.assert_array_equal(found.image, image)


def test_a_face_is_blurred_alike_whatever_the_size_of_its_crop(image):
    """A crop of half the size has half as many px of blur, and looks the same."""
    half = np.asarray(Image.fromarray(image).resize((128, 128), Image.Resampling.BOX))
    large = low_resolution(image, Chain(Pass(blur_sigma=8, blur_ratio=0.5, blur_angle=45, scale=2)))
    small = low_resolution(half, Chain(Pass(blur_sigma=8, blur_ratio=0.5, blur_angle=45)), size=128)
    assert np.abs(large.astype(int) - small).mean() < 1.5
    large, small = low_resolution(image, Degradation(3, 2)), low_resolution(half, Degradation(3), size=128)
    assert np.abs(large.astype(int) - small).mean() < 1.5


def test_the_same_key_gives_the_same_file(image):
    one, again = (draw_one(WIDE, 3, "somebody", 1) for _ in range(2))
    assert one == again
    assert degrade_image(image, one).content == degrade_image(image, again).content
    assert degrade_image(image, one).content != degrade_image(image, draw_one(WIDE, 3, "somebody", 2)).content
