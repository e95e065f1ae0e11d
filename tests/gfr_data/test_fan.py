"""The network of face-alignment in batches, against the package's own API. Weights are random: mechanics only."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gfr_data.crop import square_around
from gfr_data.fan import FILE, Fan, find_weights
from gfr_data.landmarks import LandmarkRequest, open_provider
from manifests import DataError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from face_alignment.models import FAN

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("fan") / "weights.pth"
    torch.save(FAN(4).state_dict(), path)
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
    boxes = [
        np.array(box)
        for box in ([100.3, 80.2, 250.9, 290.0], [-20.0, 10.0, 120.0, 170.0], [260.0, 150.0, 420.0, 330.0])
    ]
    found = provider([LandmarkRequest(Path(), "a.jpg", image, box, square_around(box)) for box in boxes])
    points, scores, _ = _package(provider.network).get_landmarks_from_image(image, boxes, return_landmark_score=True)
    for box, mine, theirs, sure in zip(boxes, found, points, scores, strict=True):
        assert np.abs(square_around(box).to_source(mine.points) - theirs).max() < 0.05
        assert mine.scores == pytest.approx(sure.ravel(), abs=1e-4)
        assert mine.points.dtype == np.float32
        assert mine.points.shape == (68, 2)


def test_missing_weights_say_what_to_get_and_where_to_put_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(DataError, match=rf"{FILE}.*--fan-weights"):
        find_weights()


def test_the_packages_cache_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / FILE
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert find_weights() == cached


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    if content is None:
        torch.save({"layer": torch.zeros(3)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match="2DFAN-4"):
        Fan(path)
