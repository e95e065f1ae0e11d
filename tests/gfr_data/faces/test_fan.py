"""The network of face-alignment in batches, against the package's own API. Weights are random: mechanics only."""

import hashlib
import shutil

import numpy as np
import pytest
import torch

from gfr_data.faces import fan
from gfr_data.faces.crop import square_around
from gfr_data.faces.fan import Fan, _cut, _window
from gfr_data.faces.landmarks import LandmarkRequest
from gfr_data.faces.providers import open_provider, require_weights
from manifests import DataError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    models = pytest.importorskip("face_alignment.models", reason="needs face-alignment: the extra fan")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("fan") / "weights.pth"
    torch.save(models.FAN(4).state_dict(), path)
    return path


def _package(network):
    """The package's object around a network that is there; making one would download."""
    from types import SimpleNamespace

    from face_alignment import FaceAlignment, LandmarksType

    alignment = object.__new__(FaceAlignment)
    alignment.device, alignment.dtype, alignment.flip_input, alignment.max_batch_size = "cpu", torch.float32, True, 1
    alignment.landmarks_type = LandmarksType.TWO_D
    alignment.face_alignment_net = network
    alignment.face_detector = SimpleNamespace(reference_scale=195)
    return alignment


def test_points_and_scores_equal_the_packages_own(weights):
    provider = open_provider("fan", weights)
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    boxes = [np.array([-20.7, 10.2, 120.9, 170.0]), np.array([260.3, 150.0, 420.0, 330.4])]
    found = provider([LandmarkRequest("", "a.jpg", image, box, square_around(box)) for box in boxes])
    points, scores, _ = _package(provider.network).get_landmarks_from_image(image, boxes, return_landmark_score=True)
    for box, mine, theirs, sure in zip(boxes, found, points, scores, strict=True):
        # The package names the pixel that holds the point, 0.5 px from its centre at most; it cuts towards zero.
        geometry = square_around(box)
        px = 256 / geometry.width
        off = np.abs(mine.points - geometry.to_crop(theirs))[theirs > 0] / px
        assert off.max() < 0.5 + 1e-3
        assert off.std() > 0.05  # no whole px, though
        assert mine.scores == pytest.approx(sure.ravel(), abs=1e-4)
        assert mine.points.dtype == np.float32
        assert mine.points.shape == (68, 2)


def test_missing_weights_say_what_to_get_and_where_to_put_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for look in (lambda: require_weights("fan"), Fan):
        with pytest.raises(DataError, match=r"gfr-data weights get fan.*--fan-weights"):
            look()


def test_what_was_downloaded_is_found_here_or_in_the_packages_cache(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path / "shelf"))
    name = "2DFAN4-11f355bf06.pth.tar"
    for folder in (tmp_path / "hub" / "checkpoints", tmp_path / "shelf"):
        folder.mkdir(parents=True)
        shutil.copy(weights, folder / name)
        require_weights("fan")
        assert isinstance(Fan().network, torch.nn.Module)
        (folder / name).unlink()


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    if content is None:
        torch.save({"layer": torch.zeros(3)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match="2DFAN-4"):
        Fan(path)


class _Stub(torch.nn.Module):
    """A network of TorchScript that sees the same peak in every picture."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = torch.zeros(images.shape[0], 68, 64, 64)
        maps[:, :, 20, 31] = 1.0
        return maps


def _found(path, box, trust_program=False):
    image = np.zeros((300, 300, 3), np.uint8)
    (found,) = Fan(path, trust_program=trust_program)([LandmarkRequest("", "a.jpg", image, box, square_around(box))])
    return found


def test_weights_of_older_versions_are_programs_and_run_when_trusted_or_the_packages_own(tmp_path, monkeypatch):
    path = tmp_path / "2DFAN4-cd938726ad.zip"
    torch.jit.save(torch.jit.script(_Stub()), path)
    for refuse in (Fan, lambda path: require_weights("fan", path)):
        with pytest.raises(DataError, match=r"is a TorchScript program.*--trust-program"):
            refuse(path)
    require_weights("fan", path, trust_program=True)
    box = np.array([60.0, 40.0, 160.0, 170.0])
    geometry = square_around(box)
    # Columns 31 and, of the mirror, 32 are as high; the window is 236 px wide around (110, 89.4).
    wanted = geometry.to_crop(np.array([110 + 236 * (31.75 / 64 - 0.5), 89.4 + 236 * (20.5 / 64 - 0.5)]) - 0.5)
    assert np.abs(_found(path, box, trust_program=True).points - wanted).max() < 0.05
    monkeypatch.setattr(fan, "OLD_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    assert np.array_equal(_found(path, box).points, _found(path, box, trust_program=True).points)


def test_safetensors_are_read(weights, tmp_path):
    from safetensors.torch import save_file

    tensors = torch.load(weights, weights_only=True)
    save_file(tensors, tmp_path / "fan.safetensors")
    read = Fan(tmp_path / "fan.safetensors").network.state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_a_face_larger_than_the_limit_is_shown_with_pixels_left_out():
    """Its surroundings would take gigabytes in full."""
    image = np.zeros((100, 12000, 3), np.uint8)
    image[:, 6000:] = 255
    shown = _cut(image, *_window(np.array([0.0, -5950.0, 12000.0, 6050.0])))
    assert shown.shape == (256, 256, 3)
    assert shown.any()
