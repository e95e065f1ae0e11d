"""Soft-argmax against known peaks; what PointsNet returns for images of any size; points corrected by each other."""

import pytest
import torch

from gfr_model.networks.points import STRETCH, Correction, Landmarks, PointsNet, face_frame, soft_argmax
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


def _faces(count: int) -> torch.Tensor:
    """Points (count, 68, 2) that lie as of faces: the same cloud moved, turned and made larger or smaller."""
    generator = torch.Generator().manual_seed(3)
    cloud = torch.rand(68, 2, generator=generator) - 0.5
    cloud[36:42] -= torch.tensor([0.6, 0.3])
    cloud[42:48] += torch.tensor([0.6, -0.3])
    size, angle = (0.5 + torch.rand(2, count, generator=generator) * 0.5).unbind()
    matrix = _turn(angle - 0.75) * size[:, None, None]
    return cloud @ matrix.transpose(1, 2) + torch.rand(count, 1, 2, generator=generator) * 0.4


def _turn(angle: torch.Tensor) -> torch.Tensor:
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack((torch.stack((cosine, -sine), -1), torch.stack((sine, cosine), -1)), -2)


def test_a_faces_frame_moves_turns_and_grows_with_it():
    faces = _faces(1).double()
    middle, frame = face_frame(faces)
    matrix = 1.7 * _turn(torch.tensor([0.4], dtype=torch.float64))
    moved_middle, moved = face_frame(faces @ matrix.transpose(1, 2) + 0.3)
    torch.testing.assert_close(moved_middle, middle @ matrix.transpose(1, 2) + 0.3)
    torch.testing.assert_close(moved, matrix @ frame)
    torch.testing.assert_close(frame[0].T @ frame[0], torch.eye(2).double() * (faces - middle).square().sum() / 68)
    eyes = (faces[:, 42:48].mean(1) - faces[:, 36:42].mean(1))[0]
    assert eyes @ frame[0, :, 0] > 0
    assert abs(float(eyes @ frame[0, :, 1])) < 1e-12


def test_points_that_coincide_have_the_frame_of_the_image():
    _, frame = face_frame(torch.full((2, 68, 2), 0.25))
    torch.testing.assert_close(frame, torch.eye(2).expand(2, 2, 2) * 1e-3)


def test_a_correction_begins_as_if_it_were_not_there():
    torch.manual_seed(0)
    corrected, plain = PointsNet(8, 16).eval(), PointsNet(8).eval()
    assert not plain.load_state_dict(corrected.state_dict(), strict=False).missing_keys
    image = torch.rand(2, 3, 64, 64)
    for found, wanted in zip(corrected(image), plain(image), strict=True):
        assert torch.equal(found, wanted)


def test_points_that_all_faces_have_wrong_alike_are_corrected_wherever_the_face_lies():
    """Brows a tenth of the face too high: what one heatmap cannot know, the face's other points tell."""
    torch.manual_seed(0)
    correction = Correction(channels=4, hidden=32)
    wanted, features = _faces(64), torch.zeros(64, 4, 4, 4)
    wrong = wanted.clone()
    wrong[:, 17:27] -= 0.1 * face_frame(wanted)[1][:, None, :, 1]
    found = Landmarks(wrong, torch.full((64, 68), 0.05))
    optimiser = torch.optim.Adam(correction.parameters(), 3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        made = correction(Landmarks(*(v[:48] for v in found)), features[:48])
        (made.points - wanted[:48]).norm(dim=-1).mean().backward()
        optimiser.step()
    with torch.no_grad():
        correction.eval()
        held = correction(Landmarks(*(v[48:] for v in found)), features[48:])
    before, after = ((points - wanted[48:]).norm(dim=-1).mean() for points in (wrong[48:], held.points))
    assert after < 0.4 * before
    assert torch.equal(held.spread, found.spread[48:])
