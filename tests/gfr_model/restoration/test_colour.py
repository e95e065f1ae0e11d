"""Tests of photographs without colour: what counts as one, and that it stays one."""

import io

import numpy as np
import pytest
from PIL import Image

from gfr_model.restoration.colour import LUMA, change_brightness_alone, is_colourless


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


def noisy(image):
    return (image + np.random.default_rng(1).normal(0, 7, image.shape)).clip(0, 255).astype(np.uint8)


def sepia(image):
    return (image @ LUMA[:, None] * [0.95, 0.83, 0.65] + [12, 6, 0]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        grey,
        sepia,
        lambda image: noisy(grey(image)),
        lambda image: as_jpeg(noisy(grey(image)), 15),
        lambda image: np.full_like(image, 90),
    ],
    ids=["grey", "sepia", "grey, noise", "grey, noise, JPEG", "one level"],
)
def test_a_photograph_without_colour_is_known_as_one(make):
    assert is_colourless(make(photograph()))


@pytest.mark.parametrize("quality", [15, 95])
def test_a_photograph_with_faint_colours_is_not(quality):
    faint = (0.8 * grey(photograph()) + 0.2 * photograph(3)).astype(np.uint8)
    assert not is_colourless(as_jpeg(faint, quality))


def test_brightness_changes_and_colour_does_not():
    before, after = grey(photograph()), photograph(5)
    changed = change_brightness_alone(before, after)
    assert (changed == changed[..., :1]).all()
    assert np.abs(changed[..., 0] - after @ LUMA).max() <= 1.01
    tinted = sepia(photograph())
    change = change_brightness_alone(tinted, (tinted * 0.9).astype(np.uint8)).astype(int) - tinted
    assert (change == change[..., :1]).all()
    assert change.min() < 0
