"""Tests of the picture of how a guide helps: what it holds, what is said with it."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gfr_data.faces.crop import crop
from gfr_model.checkpoint import MODEL_FILE, write
from gfr_model.config import TrainConfig
from gfr_model.networks.build import build_network
from gfr_model.restoration import explain as module
from gfr_model.restoration.explain import Cell, ExplainConfig, draw, explain
from gfr_model.restoration.faces import FoundFace
from manifests import ConfigError, DataError
from manifests.crops import CropGeometry

FRONT = np.array([(-20.0, -20), (20, -20), (0, 3), (-18, 21), (18, 21)])


class Eyes:
    def read(self, path):
        return np.asarray(Image.open(path).convert("RGB"))

    def find(self, image):
        return [FoundFace(CropGeometry(10.0, 10.0, 80.0, 80.0), 0.9, FRONT + 50)]

    def cut(self, image, square, size):
        return crop(image, square, size)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("bad", "good", "other")):
        small = np.random.default_rng(number).integers(0, 256, (8, 9, 3), dtype=np.uint8)
        Image.fromarray(small).resize((120, 100)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """Return a function that makes a run folder of a small network whose guide matters."""

    def make(**settings):
        config = TrainConfig(**{"width": 4, "image_size": 64, "points_width": 4} | settings)
        with torch.random.fork_rng():
            torch.manual_seed(3)
            network = build_network(config)
            if config.recnet == "attentive":
                torch.nn.init.normal_(network.recnet.last.weight, 0, 0.05)
        folder = tmp_path_factory.mktemp("run")
        write(folder / MODEL_FILE, {f"network.{k}": v for k, v in network.state_dict().items()}, config, {})
        return folder

    return make


LANDMARKS = {"variant": "-W", "alignment": "landmarks", "recnet": "attentive"}


@pytest.fixture
def titles(monkeypatch):
    """The titles of what is drawn, row by row."""
    drawn = []
    monkeypatch.setattr(module, "draw", lambda rows: drawn.extend([c.title for c in row] for row in rows) or draw(rows))
    return drawn


def test_the_picture_shows_points_flow_output_and_what_other_guides_change(photos, run_of, tmp_path, titles):
    config = ExplainConfig(
        photos / "bad.png", photos / "good.png", tmp_path / "a.png", run_of(**LANDMARKS), photos / "other.png"
    )
    found = explain(config, Eyes)
    assert [len(row) for row in titles] == [3, 4, 4]
    assert titles[2][0] == "output with a grey guide"
    assert "times" in titles[2][1]
    assert found.guide == str(photos / "good.png")
    assert found.change.keys() == {"a grey guide", "another person's guide"}
    assert min(found.change.values()) > 0
    assert 0.4 < found.spread["guide"] < 0.7  # an untrained network's heatmaps are flat
    assert "shows no face" in found.doubt
    assert "leaves it aside" in found.text()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] > 1000


def test_of_several_guides_each_has_its_row_and_what_it_brings(photos, run_of, tmp_path, titles, monkeypatch):
    monkeypatch.setattr("gfr_model.restoration.restore.doubts", lambda made: [])
    folder = tmp_path / "guides"
    folder.mkdir()
    for name in ("good", "other"):
        (folder / f"{name}.png").write_bytes((photos / f"{name}.png").read_bytes())
    run = run_of(**LANDMARKS)
    found = explain(ExplainConfig(photos / "bad.png", folder, tmp_path / "a.png", run), Eyes)
    assert [len(row) for row in titles] == [3, 5, 5, 2]
    assert titles[1][-1].startswith("what it brings beside the others")
    assert found.brought.keys() == {str(folder / "good.png"), str(folder / "other.png")}
    assert min(found.brought.values()) > 0
    assert found.guide in found.brought
    # Without the one, the output is what the other alone makes of the photograph.
    alone = explain(ExplainConfig(photos / "bad.png", folder, tmp_path / "b.png", run, most_guides=1), Eyes)
    assert alone.brought == {}
    assert found.change["a grey guide"] != alone.change["a grey guide"]


def test_a_network_without_landmarks_shows_what_it_has(photos, run_of, tmp_path, titles):
    for name, settings, wanted in (("a", {"variant": "full"}, [2, 3, 2]), ("b", {"variant": "-W"}, [2, 1, 2])):
        titles.clear()
        config = ExplainConfig(photos / "bad.png", photos / "good.png", tmp_path / f"{name}.png", run_of(**settings))
        found = explain(config, Eyes)
        assert [len(row) for row in titles] == wanted
        assert found.spread == {}
        assert found.doubt == ""


def test_the_grid_and_the_points_lie_where_they_were_found():
    black = np.zeros((64, 64, 3), np.uint8)
    flow = np.full((2, 64, 64), 0.5)
    flow[0] += np.linspace(-0.01, 0.01, 64)  # looks at a spot right of the middle, below it
    page = np.asarray(
        Image.open(io.BytesIO(draw([[Cell("", black, module._grid(flow)), Cell("", black)]]))).convert("RGB")
    )
    bright = np.argwhere((page[..., 0] > 100) & (page[..., 2] < 100))
    cells = np.argwhere((page < 20).all(axis=2))
    top, left = cells.min(axis=0)
    side = cells[:, 0].max() - top
    place = (bright.mean(axis=0) - [top, left]) / side
    assert np.abs(place - 0.75).max() < 0.02


def test_what_cannot_be_explained_is_said_before_work(photos, run_of, tmp_path):
    full = {"photo": photos / "bad.png", "guide": photos / "good.png", "out": tmp_path / "a.png"}
    with pytest.raises(ConfigError, match="uses no guide"):
        explain(ExplainConfig(**full, run=run_of(variant="-WG")), Eyes)
    with pytest.raises(ConfigError, match=r"must end in \.png"):
        explain(ExplainConfig(**full | {"out": Path("a.jpg")}), Eyes)
    with pytest.raises(ConfigError, match="one face"):
        explain(ExplainConfig(**full, face="all"), Eyes)
    for name in ("bad.png", "good.png", "more.png"):
        with pytest.raises(ConfigError, match="among photographs that are read"):
            explain(ExplainConfig(**full | {"out": photos / name}, other_guide=photos, overwrite=True), Eyes)
    full["out"].write_bytes(b"mine")
    with pytest.raises(DataError, match="--overwrite"):
        explain(ExplainConfig(**full), Eyes)
    assert full["out"].read_bytes() == b"mine"
