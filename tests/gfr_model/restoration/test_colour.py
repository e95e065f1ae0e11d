"""Tests of photographs without colour: what counts as one, and that it stays one."""

import io

import numpy as np
import pytest
from PIL import Image

from gfr_model.restoration.colour import LUMA, change_brightness_alone, tint_of


def photograph(seed=0, size=256):
    """Soft shapes in random colours."""
    small = np.random.default_rng(seed).integers(40, 220, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC))


def grey(image):
    return np.repeat(np.rint(image @ LUMA)[..., None], 3, axis=2).astype(np.uint8)


def as_jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def noisy(image, scale=1):
    """With noise of its own in each channel, taken of a picture `scale` times smaller."""
    small = np.asarray(Image.fromarray(image).resize((256 // scale, 256 // scale), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(1).normal(0, 7, small.shape)
    low = (small + noise).clip(0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(low).resize((256, 256), Image.Resampling.BICUBIC))


def sepia(image):
    return (image @ LUMA[:, None] * [0.95, 0.83, 0.65] + [12, 6, 0]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        grey,
        sepia,
        lambda image: noisy(grey(image)),
        lambda image: noisy(grey(image), 4),
        lambda image: noisy(sepia(image), 8),
        lambda image: as_jpeg(noisy(grey(image)), 15),
        lambda image: np.full_like(image, 90),
    ],
    ids=["grey", "sepia", "noise", "noise at 4x", "sepia, noise at 8x", "noise, JPEG", "one level"],
)
def test_a_photograph_without_colour_is_known_as_one(make):
    assert tint_of(make(photograph())) is not None


@pytest.mark.parametrize("quality", [15, 95])
def test_a_photograph_with_faint_colours_is_not(quality):
    faint = (0.8 * grey(photograph()) + 0.2 * photograph(3)).astype(np.uint8)
    assert tint_of(as_jpeg(faint, quality)) is None
    assert tint_of(noisy(faint, 4)) is None


def test_brightness_changes_and_grey_stays_grey():
    before, after = grey(photograph()), photograph(5)
    changed = change_brightness_alone(before, after, tint_of(before))
    assert (changed == changed[..., :1]).all()
    assert np.abs(changed[..., 0] - after @ LUMA).max() <= 1.01


def test_a_tint_stays_the_same_at_every_brightness():
    before, darker = sepia(photograph()), (0.6 * photograph()).astype(np.uint8)
    changed = change_brightness_alone(before, sepia(darker), tint_of(before))
    assert np.abs(changed.astype(int) - sepia(darker)).max() <= 2
    assert np.abs(changed.astype(int) - sepia(darker)).mean() < 0.6
