import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gfr_model.networks.discriminators import SMALLEST_BOX, PatchDiscriminator, crop_boxes, landmark_boxes
from gfr_model.networks.warp import identity_flow, normalise


def _images(size, batch=1):
    return [torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]


def test_a_verdict_sees_70_by_70_pixels():
    """By gradient, through convolutions alone: a norm would make each verdict depend on every pixel."""
    network = PatchDiscriminator(width=4, norm="none")
    image = torch.rand(1, 3, 256, 256, requires_grad=True)
    logits = network(*_images(256)[:2], image)
    assert logits.shape == (1, 1, 30, 30)
    seen = torch.autograd.grad(logits[0, 0, 15, 15], image)[0].abs().amax(dim=(0, 1))
    rows, columns = (torch.nonzero(seen.amax(dim=axis)).flatten() for axis in (1, 0))
    assert int(rows[-1] - rows[0]) + 1 == int(columns[-1] - columns[0]) + 1 == 70


def test_parameters_are_those_of_pix2pix():
    counted = sum(parameter.numel() for parameter in PatchDiscriminator().parameters())
    layers = [(9, 64, 64), (64, 128, 256), (128, 256, 512), (256, 512, 1024), (512, 1, 1)]  # inputs, outputs, rest
    assert counted == sum(16 * inputs * outputs + rest for inputs, outputs, rest in layers)


@pytest.mark.parametrize("size", [24, 32, 128, 256])
def test_a_single_image_of_any_size_is_judged_in_training(size):
    logits = PatchDiscriminator(width=4).train()(*_images(size))
    logits.mean().backward()
    assert logits.isfinite().all()


def test_every_image_has_its_part_in_the_verdict():
    images = [image.requires_grad_() for image in _images(32)]
    PatchDiscriminator(width=4)(*images).sum().backward()
    assert all(image.grad.abs().max() > 0 for image in images)


def test_an_image_too_small_to_judge_is_refused():
    with pytest.raises(ValueError, match="at least 24 px"):
        PatchDiscriminator(width=4)(*_images(16))


def test_the_box_is_the_tightest_around_all_landmarks():
    points = torch.rand(5, 68, 2, dtype=torch.float64) * 1.6 - 0.8
    boxes = landmark_boxes(points)
    torch.testing.assert_close(boxes[:, :2], points.amin(dim=1))
    torch.testing.assert_close(boxes[:, 2:], points.amax(dim=1))


@given(
    points=hnp.arrays(
        "float32", (2, 68, 2), elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([float("nan"), float("inf")])
    )
)
def test_any_points_give_a_box_inside_the_image(points):
    boxes = landmark_boxes(torch.from_numpy(points))
    assert boxes.isfinite().all()
    assert (boxes.abs() <= 1 + 1e-6).all()
    assert ((boxes[:, 2:] - boxes[:, :2]) >= 2 * SMALLEST_BOX - 1e-5).all()


@pytest.mark.parametrize("place", [-5.0, -1.0, 0.0, 1.0, 5.0])
def test_points_that_fall_together_give_a_crop_with_gradients(place):
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    crop = crop_boxes(image, landmark_boxes(torch.full((1, 68, 2), place)), size=16)
    assert crop.shape == (1, 3, 16, 16)
    crop.sum().backward()
    assert image.grad.isfinite().all()
    assert image.grad.abs().max() > 0


def test_crops_hold_what_lies_in_their_boxes():
    """On images that say where they are, each sample at its own box."""
    image = identity_flow(64, 64, dtype=torch.float64).expand(2, -1, -1, -1)
    boxes = torch.tensor([[-0.5, -0.25, 0.25, 0.75], [-1, -1, 1, 1]], dtype=torch.float64)
    crop = crop_boxes(image, boxes, size=10)
    assert crop.shape == (2, 2, 10, 10)
    corners = torch.stack((crop[:, :, 0, 0], crop[:, :, -1, -1]), dim=1).reshape(2, 4)
    torch.testing.assert_close(corners, boxes)
    assert (crop[:, 0].diff(dim=-1) > 0).all()
    assert (crop[:, 1].diff(dim=-2) > 0).all()


def test_a_box_on_pixel_centres_copies_these_pixels():
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    box = normalise(torch.tensor([[8.0, 4.0, 15.0, 11.0]], dtype=torch.float64), 32)
    torch.testing.assert_close(crop_boxes(image, box, size=8), image[:, :, 4:12, 8:16])
