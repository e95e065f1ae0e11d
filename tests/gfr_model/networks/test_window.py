"""Windows around faces: what is cut, where points then lie, and that a network with one restores that part."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_model.models import MODELS
from gfr_model.networks.attentive import Shape
from gfr_model.networks.gfrnet import GfrNet
from gfr_model.networks.window import STEP, corners, cut, in_window


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([32, 64, 96]))
def test_a_window_lies_inside_around_the_face_and_its_points_stay_on_their_pixels(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(3, 68, 2, generator=generator) * 3 - 1.5
    corner = corners(points, 96, size)
    assert ((corner >= 0) & (corner <= 96 - size) & (corner % STEP == 0)).all()
    images = torch.rand(3, 2, 96, 96, generator=generator)
    for image, part, (x, y) in zip(images, cut(images, corner, size), corner.tolist(), strict=True):
        assert torch.equal(part, image[:, y : y + size, x : x + size])
    moved = (in_window(points, corner, 96, size) + 1) * (size - 1) / 2 + corner[:, None]
    torch.testing.assert_close(moved, (points + 1) * 95 / 2, atol=1e-3, rtol=0)


def test_a_face_at_the_right_is_in_the_middle_of_its_window() -> None:
    points = torch.tensor([0.5, -0.25]).expand(1, 68, 2)
    # The middle lies at 191.25, 95.6 px of 256: 96 px before and behind it.
    assert corners(points, 256, 128).tolist() == [[128, 32]]


@pytest.mark.parametrize("variant", ["-W", "-WG"])
def test_a_network_restores_the_window_and_aligns_by_the_whole(variant: str) -> None:
    torch.manual_seed(0)
    net = GfrNet(MODELS[variant], 4, image_size=64, alignment="landmarks", attentive=Shape(), points_width=8).eval()
    degraded, guide = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    corner = torch.tensor([[0, 8], [16, 32]])
    with torch.no_grad():
        torch.nn.init.normal_(net.recnet.last.weight, std=0.05)
        whole, part = net(degraded, guide), net(degraded, guide, corner, 32)
        everything = net(degraded, guide, torch.zeros(2, 2, dtype=torch.long), 64)
    torch.testing.assert_close(everything.restored, whole.restored)
    assert part.restored.shape == (2, 3, 32, 32)
    # Far from the window's borders, which the network sees as an image's, it is the same part of the face.
    changed = (part.restored - cut(degraded, corner, 32)).abs().mean()
    apart = (part.restored - cut(whole.restored, corner, 32)).abs().mean()
    assert apart < changed
    if variant == "-W":
        assert torch.equal(part.flow, whole.flow)
