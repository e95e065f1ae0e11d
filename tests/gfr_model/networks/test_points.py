"""Soft-argmax against known peaks; what PointsNet returns for images of any size."""

import pytest
import torch

from gfr_model.networks.points import STRETCH, PointsNet, soft_argmax
from manifests.crops import MIRROR


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 20), (31, 31), (16, 3)])
def test_a_sharp_peak_is_found_where_it_is(row: int, column: int) -> None:
    logits = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    logits[0, 0, row, column] = 1000
    found = soft_argmax(logits)
    # Cell i of 32 has its centre at 8 i + 3.5 of 256 px, pixel centres at integers.
    wanted = torch.tensor([8 * column + 3.5, 8 * row + 3.5], dtype=torch.float64)
    centre = torch.full_like(wanted, 127.5)
    torch.testing.assert_close((found.points[0, 0] + 1) * 127.5, centre + STRETCH * (wanted - centre))
    assert found.spread[0, 0] < 1e-4


def test_the_spread_of_a_gaussian_heatmap_is_its_standard_deviation() -> None:
    axis = torch.arange(32, dtype=torch.float64)
    logits = -((axis[:, None] - 12) ** 2 + (axis[None] - 18) ** 2) / (2 * 2.5**2)
    found = soft_argmax(logits[None, None])
    torch.testing.assert_close(
        found.spread[0, 0] / (STRETCH * 256 / 255), torch.tensor(2.5 * 2 / 32, dtype=torch.float64), rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("size", [64, 128, 256])
def test_points_do_not_depend_on_the_size_of_the_image(size: int) -> None:
    torch.manual_seed(0)
    net = PointsNet(8).eval()
    small = torch.rand(2, 3, 8, 8)
    image = torch.nn.functional.interpolate(small, size=(size, size), mode="bilinear")
    reference = torch.nn.functional.interpolate(small, size=(512, 512), mode="bilinear")
    found = net(image)
    assert found.points.shape == (2, 68, 2)
    assert found.spread.shape == (2, 68)
    torch.testing.assert_close(found.points, net(reference).points, atol=0.02, rtol=0)


def test_landmarks_of_a_mirrored_face_are_mirrored() -> None:
    """`find` looks at both: what it finds in the mirror image is exactly the mirror image of what it finds."""
    torch.manual_seed(0)
    net = PointsNet(8).eval()
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        found, mirrored, plain = net.find(image), net.find(image.flip(-1)), net(image)
    torch.testing.assert_close(mirrored.points[:, MIRROR] * torch.tensor([-1.0, 1.0]), found.points)
    torch.testing.assert_close(mirrored.spread[:, MIRROR], found.spread)
    assert not torch.allclose(plain.points, found.points)
