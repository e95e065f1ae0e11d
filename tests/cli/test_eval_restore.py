"""Tests of `gfr-eval restore` and `export` as commands: rendered and real people, errors, help."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cli.eval import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def untrained(folder, **settings):
    """Write the run folder of a small untrained network and return it."""
    import torch

    from gfr_model.checkpoint import MODEL_FILE, write
    from gfr_model.config import TrainConfig
    from gfr_model.networks.build import build_network

    config = TrainConfig(width=2, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build_network(config)
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    write(folder / MODEL_FILE, tensors, config, {})
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A run folder of the paper's network."""
    return untrained(tmp_path_factory.mktemp("restore") / "run")


@pytest.fixture(scope="module")
def unsure(tmp_path_factory):
    """A run folder of a network that finds landmarks itself, and is sure of none, for it is untrained."""
    settings = {"variant": "-W", "alignment": "landmarks", "recnet": "attentive", "points_width": 4}
    return untrained(tmp_path_factory.mktemp("unsure") / "run", **settings)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """The album of the sample people: an old photograph and its guides."""
    from gfr_data.sample.album import render_album
    from gfr_data.sample.plan import plan_album

    root = tmp_path_factory.mktemp("people")
    render_album(root, 1, *plan_album(2, 1))
    return root / "album"


def test_an_old_photograph_of_the_sample_is_restored(album, network, tmp_path):
    out = tmp_path / "restored/photograph.png"
    arguments = ("restore", album / "photograph.jpg", "--guide", album / "guides", "--run", network, "--out", out)
    arguments += ("--strength", 1)
    first = run(*arguments, "--compare")
    assert first.exit_code == 0, first.output
    assert f"{album}/guides/" in first.stderr
    assert "fits best of 4" in first.stderr
    with Image.open(album / "photograph.jpg") as before, Image.open(out) as after:
        assert after.size == before.size
        changed = np.argwhere((np.asarray(before.convert("RGB")) != np.asarray(after)).any(axis=2))
    assert 0 < len(changed) < 0.8 * before.size[0] * before.size[1]
    with Image.open(out.with_name("photograph.compare.png")) as page:
        assert page.size[0] > 4 * 256
    assert f"written: {out}" in first.stdout
    again = run(*arguments, "--compare").stdout
    assert "nothing to do" in again
    assert f"there already: {out}" in again


def test_the_summary_for_programs(album, network, tmp_path):
    arguments = ("restore", album / "photograph.jpg", "--guide", album / "guides/01.jpg", "--run", network)
    found = json.loads(run(*arguments, "--out", tmp_path, "--json").stdout)
    assert found["restored"] == 1
    assert found["photographs"][0]["out"] == str(tmp_path / "photograph.jpg")
    assert found["photographs"][0]["faces"][0]["guide"].endswith("01.jpg")


def test_a_dry_run_writes_nothing(album, network, tmp_path):
    arguments = ("restore", album / "photograph.jpg", "--guide", album / "guides", "--run", network)
    for out, wanted in (("new.png", "new.png"), ("new", "new/photograph.jpg")):
        found = run(*arguments, "--out", tmp_path / out, "--dry-run")
        assert found.exit_code == 0, found.output
        assert f"-> {tmp_path / wanted}" in found.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_seven_real_low_quality_faces_are_restored(real_faces, network, tmp_path):
    files = sorted((real_faces / "real_lq").glob("*.jpg"))
    assert len(files) == 7
    for file in files:
        with Image.open(file) as both:
            for kind, left in (("photos", 0), ("guides", 256)):
                path = tmp_path / kind / file.stem / "face.png"
                path.parent.mkdir(parents=True)
                both.convert("RGB").crop((left, 0, left + 256, 256)).save(path)
    arguments = ("restore", tmp_path / "photos", "--guide", tmp_path / "guides", "--run", network)
    found = run(*arguments, "--out", tmp_path / "out", "--compare")
    assert found.exit_code == 0, found.output
    assert "7 restored" in found.stdout
    for file in files:
        with Image.open(tmp_path / "out" / file.stem / "face.png") as result:
            assert result.size == (256, 256)


def test_the_model_that_ships_restores_where_no_run_is_named(album, network, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("gfr_model.inference.FOLDER", network)
    arguments = ("restore", album / "photograph.jpg", "--guide", album / "guides")
    found = run(*arguments, "--out", tmp_path / "a.png")
    assert found.exit_code == 0, found.output
    assert "research only" in found.stderr
    monkeypatch.setattr("gfr_model.inference.FOLDER", tmp_path)
    found = run(*arguments, "--out", tmp_path / "b.png")
    assert found.exit_code == 1
    assert "not part of this installation" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_what_serves_as_no_guide_is_left_aside_and_said(album, unsure, tmp_path):
    arguments = ("restore", album / "photograph.jpg", "--run", unsure)
    found = run(*arguments, "--guide", album / "guides/01.jpg", "--out", tmp_path / "a.png", "--json")
    assert found.exit_code == 0, found.output
    assert "no guide: no usable guide in" in found.stderr
    assert "01.jpg shows no face that the network is sure of" in found.stderr
    face = json.loads(found.stdout)["photographs"][0]["faces"][0]
    assert face["guide"] is None
    assert "no face" in face["why"]
    found = run(*arguments, "--out", tmp_path / "b.png")
    assert found.exit_code == 0, found.output
    assert "no guide: none was given" in found.stderr
    assert np.array_equal(Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png"))


def test_a_picture_explains_a_guide(album, unsure, tmp_path):
    arguments = ("explain", album / "photograph.jpg", "--guide", album / "guides", "--out", tmp_path / "a.png")
    found = run(*arguments, "--run", unsure, "--other-guide", album / "guides/01.jpg", "--json")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert said["out"] == str(tmp_path / "a.png")
    assert set(said["change"]) == {"a grey guide", "another person's guide"}
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] > 1000
    again = run(*arguments, "--run", unsure)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr


def test_the_model_that_ships_tells_faces_from_other_pictures(real_faces, tmp_path, monkeypatch):
    from cli.finder import Finder
    from gfr_model.default import FOLDER
    from gfr_model.inference import load_model
    from gfr_model.restoration.doubt import doubt
    from gfr_model.restoration.guides import read_guides
    from gfr_model.restoration.restore import run_network

    if not (FOLDER / "model.safetensors").is_file():
        pytest.skip(f"needs the weights in {FOLDER}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model, finder = load_model("default"), Finder()
    files = sorted((real_faces / "vggface2").rglob("*.jpg"))[:20]
    guides = [guide.image for file in files for guide in read_guides(file, finder, 256).usable]
    assert len(guides) >= 8
    assert sum(doubt(run_network(model, guide, guide)) == "" for guide in guides) >= 0.9 * len(guides)
    others = []
    for file in sorted((real_faces / "defects").glob("no_face_*.jpg")):
        with Image.open(file) as picture:
            others.append(np.asarray(picture.convert("RGB").resize((256, 256))))
    assert others
    assert all("no face" in doubt(run_network(model, guides[0], other)) for other in others)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("{photo}", "--guide", "{guides}"), 2, "Missing option '--out'"),
        (("{photo}", "--out", "x.png", "--run", "{run}"), 2, "needs a guide"),
        (
            ("{photo}", "--out", "x.png", "--run", "{run}", "--guide", "{guides}", "--face", "0"),
            2,
            "a number from 1 on",
        ),
        (("{photo}", "--out", "x.bmp", "--run", "{run}", "--guide", "{guides}"), 2, "must end in .png, .jpg"),
        (("{photo}", "--out", "x.png", "--run", ".", "--guide", "{guides}"), 1, "holds no model.safetensors"),
        (("{photo}", "--out", "x.png", "--run", "{run}", "--guide", "nowhere"), 1, "no usable guide: nowhere does not"),
        (
            ("{run}/model.safetensors", "--out", "x.png", "--run", "{run}", "--guide", "{guides}"),
            1,
            "cannot be read: no",
        ),
        (("nowhere.jpg", "--out", "x.png", "--run", "{run}", "--guide", "{guides}"), 1, "nowhere.jpg does not exist"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(album, network, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    names = {"photo": album / "photograph.jpg", "guides": album / "guides", "run": network}
    found = run("restore", *(argument.format(**names) for argument in arguments))
    assert found.exit_code == code, found.output
    assert message in found.stderr
    assert code == 2 or len(found.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_export_writes_a_file_that_was_run(network, tmp_path):
    found = run("export", network, "--format", "torchscript", "--out", tmp_path / "net.pt")
    assert found.exit_code == 0, found.output
    assert "differs from torch by at most" in found.stdout
    again = run("export", network, "--format", "torchscript", "--out", tmp_path / "net.pt")
    assert again.exit_code == 0
    assert "nothing to do" in again.stdout
    (tmp_path / "mine.onnx").write_bytes(b"mine")
    other = run("export", network, "--out", tmp_path / "mine.onnx")
    assert other.exit_code == 1
    assert "--overwrite" in other.stderr


@pytest.mark.parametrize("command", ["restore", "explain", "app", "export"])
def test_help_starts_without_torch(command):
    code = f"import sys; from cli.eval import main\ntry: main(['{command}', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'cv2', 'PIL', 'matplotlib'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("--port" if command == "app" else "--out") in done.stdout
