"""Tests of JPEG in tensors against the files that libjpeg writes and reads."""

import io

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gfr_model.degradation.jpeg import CELL, jpeg

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def picture(kind: str, side: int, seed: int = 0) -> np.ndarray:
    """(side, side, 3) uint8."""
    generator = np.random.default_rng([seed, side])
    if kind == "extremes":
        return generator.integers(0, 2, (side, side, 3), np.uint8) * 255
    if kind == "noise":
        return generator.integers(0, 256, (side, side, 3), np.uint8)
    if kind == "flat":
        return np.broadcast_to(generator.integers(0, 256, 3, np.uint8), (side, side, 3)).copy()
    coarse = generator.integers(0, 256, (6, 6, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)).astype(int)
    return (smooth + generator.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)


def padded(images: list[np.ndarray]) -> torch.Tensor:
    """(B, 3, N, N) float64, each image's last row and column repeated."""
    side = -(-max(len(image) for image in images) // CELL) * CELL
    large = [np.pad(image, ((0, side - len(image)), (0, side - len(image)), (0, 0)), mode="edge") for image in images]
    return torch.from_numpy(np.stack(large).transpose(0, 3, 1, 2)).double()


def in_tensors(
    images: list[np.ndarray], qualities: list[int], device: str = "cpu", full: list[bool] | None = None
) -> list[np.ndarray]:
    sizes = torch.tensor([len(image) for image in images])
    chosen = None if full is None else torch.tensor(full).to(device)
    coded = jpeg(padded(images).to(device), sizes.to(device), torch.tensor(qualities).to(device), chosen).cpu()
    found = [one[:, :size, :size].permute(1, 2, 0).numpy() for one, size in zip(coded, sizes.tolist(), strict=True)]
    return [one.astype(np.uint8) for one in found]


def with_pillow(image: np.ndarray, quality: int, sampling: str = "4:2:0") -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality, subsampling=sampling)
    return np.asarray(Image.open(file))


def with_opencv(image: np.ndarray, quality: int) -> np.ndarray:
    _, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["face-like", "noise", "extremes", "flat"])
def test_every_quality_gives_pillows_pixels_to_the_last_bit(kind, device):
    qualities = list(range(10, 41))
    images = [picture(kind, 33 + 3 * number, number) for number in range(len(qualities))]
    for image, quality, found in zip(images, qualities, in_tensors(images, qualities, device), strict=True):
        np.testing.assert_array_equal(found, with_pillow(image, quality))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["face-like", "noise", "extremes"]), st.integers(1, 130), st.integers(1, 95), st.integers(0, 2**32)
)
def test_any_size_and_quality_gives_pillows_pixels(kind, side, quality, seed):
    image = picture(kind, side, seed)
    np.testing.assert_array_equal(in_tensors([image], [quality])[0], with_pillow(image, quality))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["face-like", "noise", "extremes"]), st.integers(1, 130), st.integers(1, 100), st.integers(0, 2**32)
)
def test_chroma_of_full_size_gives_pillows_pixels_beside_what_is_halved(kind, side, quality, seed):
    images = [picture(kind, side, seed), picture("face-like", 40, seed), picture(kind, 33, seed)]
    found = in_tensors(images, [quality, quality, quality], full=[True, True, False])
    for image, one, sampling in zip(images, found, ("4:4:4", "4:4:4", "4:2:0"), strict=True):
        np.testing.assert_array_equal(one, with_pillow(image, quality, sampling))


@pytest.mark.parametrize("quality", [10, 23, 40])
def test_opencvs_own_files_have_the_same_pixels(quality):
    image = picture("face-like", 77)
    np.testing.assert_array_equal(in_tensors([image], [quality])[0], with_opencv(image, quality))


def test_quality_zero_leaves_an_image_alone_beside_others():
    images = [picture("noise", 50), picture("face-like", 64)]
    found = in_tensors(images, [0, 20])
    np.testing.assert_array_equal(found[0], images[0])
    np.testing.assert_array_equal(found[1], with_pillow(images[1], 20))
