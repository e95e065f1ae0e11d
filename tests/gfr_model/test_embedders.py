"""An embedder is found by name or file, opened where a worker is, and is the network that scores are made with."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from gfr_model.embedders import COSINES, IDENTITY, open_embedder
from gfr_model.networks.dlib_face import load_dlib_face
from gfr_model.networks.warp import normalise
from manifests import ConfigError, DataError
from tests.gfr_model.networks.test_dlib_face import _write as write_weights


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_weights(tmp_path / "weights")
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights" / "face_recognition_model.bin"


def test_it_embeds_as_its_network_does(weights: Path) -> None:
    embedder = pickle.loads(pickle.dumps(open_embedder(str(weights))))  # as a worker gets it
    assert (embedder.name, hash(embedder)) == ("dlib-recognition", hash(open_embedder(str(weights))))
    assert embedder.strangers < embedder.person
    rng = np.random.default_rng(0)
    crops = list(rng.integers(0, 256, (3, 64, 64, 3), np.uint8))
    points = rng.uniform(10, 54, (3, 68, 2)).astype(np.float32)
    found = embedder.open("cpu")(crops, points)
    network = load_dlib_face(weights)
    for crop, places, embedding in zip(crops, points, found, strict=True):
        image = torch.from_numpy(crop).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            wanted = network(image, normalise(torch.from_numpy(places)[None], 64))[0]
        assert np.allclose(embedding, wanted, atol=1e-4)


def test_other_weights_than_the_build_began_with_are_refused(weights: Path) -> None:
    embedder = open_embedder(str(weights))
    write_weights(weights.parent, seed=1)
    with pytest.raises(DataError, match="others here"):
        embedder.open("cpu")


def test_what_is_missing_or_something_else_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path))
    with pytest.raises(DataError, match="gfr-data weights get sface"):
        open_embedder("sface")
    with pytest.raises(ConfigError, match="it takes sface, dlib-recognition"):
        open_embedder("lpips")
    (tmp_path / "else.pt").write_bytes(b"")
    with pytest.raises(DataError, match="takes SFace"):
        open_embedder(str(tmp_path / "else.pt"))


def test_every_name_has_its_scale() -> None:
    assert COSINES.keys() == set(IDENTITY)
