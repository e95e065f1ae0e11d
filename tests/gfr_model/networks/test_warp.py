import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gfr_model.networks.warp import identity_flow, normalise, sample_flow, to_pixels, warp


def _equation_2(image, flow):
    """eq. 2 literally: each pixel of the result sums over the whole image, (H, W, C) and (h, w, 2) in px."""
    height, width, _ = image.shape
    result = np.zeros((*flow.shape[:2], image.shape[2]))
    for i, j in np.ndindex(*flow.shape[:2]):
        x, y = flow[i, j]
        across = np.maximum(0, 1 - np.abs(x - np.arange(width)))
        down = np.maximum(0, 1 - np.abs(y - np.arange(height)))
        result[i, j] = np.einsum("h,w,hwc->c", down, across, image)
    return result


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(2, 7), width=st.integers(2, 7))
def test_warp_is_equation_2(seed, height, width):
    generator = np.random.default_rng(seed)
    image = generator.random((height, width, 3))
    pixels = generator.random((5, 4, 2)) * (width - 1, height - 1)
    flow = pixels / (width - 1, height - 1) * 2 - 1
    found = warp(torch.tensor(image).permute(2, 0, 1)[None], torch.tensor(flow).permute(2, 0, 1)[None])
    np.testing.assert_allclose(found[0].permute(1, 2, 0), _equation_2(image, pixels), atol=1e-12)


def test_identity_flow_changes_nothing():
    image = torch.rand(2, 3, 9, 6, dtype=torch.float64)
    flow = identity_flow(9, 6, dtype=torch.float64).expand(2, -1, -1, -1)
    torch.testing.assert_close(warp(image, flow), image)


def test_x_comes_first_in_a_flow():
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 2, 5] = 1  # row 2, column 5
    flow = normalise(torch.tensor([5.0, 2.0]), 8).view(1, 2, 1, 1)
    assert warp(image, flow).item() == pytest.approx(1)


def test_warp_has_the_gradients_of_equation_2():
    image = torch.rand(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    flow = (torch.rand(1, 2, 3, 3, dtype=torch.float64) * 1.6 - 0.8).requires_grad_()
    assert torch.autograd.gradcheck(warp, (image, flow))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_positions_are_never_rounded_to_short_types(dtype):
    assert warp(torch.rand(1, 3, 8, 8, dtype=dtype), identity_flow(8, 8)).dtype == torch.float32
    assert sample_flow(identity_flow(8, 8).to(dtype), torch.zeros(1, 1, 2)).dtype == torch.float32


@given(x=st.floats(0, 63), y=st.floats(0, 63))
def test_a_flow_is_read_bilinearly_at_points(x, y):
    """The identity flow is linear, so that reading it between pixels gives the point itself."""
    point = normalise(torch.tensor([[[x, y]]], dtype=torch.float64), 64)
    found = sample_flow(identity_flow(64, 64, dtype=torch.float64), point)
    torch.testing.assert_close(found, point, rtol=0, atol=1e-9)


def test_points_outside_the_image_read_the_border():
    found = sample_flow(identity_flow(4, 4), torch.tensor([[[-3.0, 0.0], [1.5, 2.0]]]))
    torch.testing.assert_close(found, torch.tensor([[[-1.0, 0.0], [1.0, 1.0]]]))


@given(value=st.floats(-1e3, 1e3), size=st.integers(2, 1024))
def test_pixels_and_positions_are_each_others_inverse(value, size):
    point = torch.tensor(value, dtype=torch.float64)
    assert to_pixels(normalise(point, size), size).item() == pytest.approx(value, abs=1e-9)


def test_first_and_last_pixel_centres_are_minus_one_and_one():
    assert normalise(torch.tensor([0.0, 255.0])).tolist() == [-1, 1]


def test_a_flow_of_another_batch_is_refused():
    with pytest.raises(ValueError, match=r"flow must have shape \(2, 2, h, w\), but is \(1, 2, 4, 4\)"):
        warp(torch.rand(2, 3, 4, 4), identity_flow(4, 4))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_position_that_is_not_finite_gives_nan_and_does_not_end_the_process(value):
    """`grid_sample`'s backward pass on a CPU would write outside the image."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            flow = identity_flow(64, 64).clone()
            flow[0, 0, 5:50, 7] = value
            flow.requires_grad_()
            image = torch.rand(1, 3, 64, 64, requires_grad=True)
            points = torch.zeros(1, 68, 2).index_fill(1, torch.tensor(3), value)
            warped, found = warp(image, flow), sample_flow(identity_flow(64, 64).requires_grad_(), points)
            (warped.sum() + found.sum()).backward()
            lost = torch.zeros(64, 64, dtype=torch.bool)
            lost[5:50, 7] = True
            right = warped.isnan().all(1)[0].equal(lost) and found.isnan().all(2)[0].nonzero().tolist() == [[3]]
            code = 0 if right else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
