"""Tests of the model that ships: stored in half precision, found by its name, its licence said once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from gfr_model import default, inference
from gfr_model.checkpoint import MODEL_FILE, read, write
from gfr_model.config import TrainConfig
from gfr_model.default.__main__ import main, ship
from gfr_model.networks.build import build_network
from manifests import DataError

CONFIG = TrainConfig(width=2, variant="-W", image_size=32, vgg_face="/somebody/vgg.t7", init=("/somebody/run",))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of a small untrained network."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = build_network(CONFIG)
    folder = tmp_path_factory.mktemp("run")
    write(folder / MODEL_FILE, {f"network.{k}": v for k, v in network.state_dict().items()}, CONFIG, {"step": 3})
    return folder


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder in the place of the package's, and a user without a past."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(inference, "FOLDER", tmp_path / "default")
    (tmp_path / "default").mkdir()
    return tmp_path / "default"


def test_a_run_becomes_the_default_in_half_precision_and_does_the_same(run, package):
    line = ship(run, package)
    assert "half precision changes at most" in line
    assert (package / MODEL_FILE).stat().st_size < 0.6 * (run / MODEL_FILE).stat().st_size
    stored, exact = inference.load_model("default"), inference.load_model(run)
    assert stored.name == "default"
    assert (stored.config.vgg_face, stored.config.init) == ("", ())
    images = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found, wanted = (model.network(*images).restored for model in (stored, exact))
    assert found.dtype == torch.float32
    assert 0 < (found - wanted).abs().max() < 0.5 / 255
    assert [path.name for path in package.iterdir()] == [MODEL_FILE]


def test_numbers_that_half_precision_does_not_hold_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"does not hold the numbers of network\.a"):
        write(tmp_path / MODEL_FILE, {"network.a": torch.tensor([1e6])}, CONFIG, {}, half=True)
    assert list(tmp_path.iterdir()) == []


def test_half_precision_keeps_whole_numbers_and_is_checked_when_read(tmp_path):
    path = tmp_path / MODEL_FILE
    write(path, {"a": torch.tensor([0.1, 2.0]), "count": torch.tensor(70000)}, CONFIG, {}, half=True)
    found = read(path).tensors
    assert found["count"].item() == 70000
    assert torch.equal(found["a"], torch.tensor([0.1, 2.0]).half().float())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_a_model_that_is_too_large_leaves_the_one_before(run, package, monkeypatch):
    (package / MODEL_FILE).write_bytes(b"before")
    monkeypatch.setattr("gfr_model.default.__main__.MOST_BYTES", 1000)
    with pytest.raises(DataError, match="may ship"):
        ship(run, package)
    assert (package / MODEL_FILE).read_bytes() == b"before"
    assert len(list(package.iterdir())) == 1


def test_without_its_weights_one_sentence_says_what_to_do(package):
    with pytest.raises(DataError, match=r"not part of this installation.*install"):
        inference.load_model("default")


def test_any_other_name_is_a_path(package):
    assert inference.model_path("runs/default") == Path("runs/default")
    assert inference.model_path(Path("run")) == Path("run")


def test_the_licence_is_said_at_the_first_use_alone(run, package, capsys):
    ship(run, package)
    inference.model_path("default")
    assert "research only" in capsys.readouterr().err
    inference.model_path("default")
    assert capsys.readouterr().err == ""


def test_where_nothing_can_be_remembered_the_model_works_all_the_same(run, package, capsys, monkeypatch):
    ship(run, package)
    (package / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(package / "file"))
    for _ in range(2):
        assert inference.load_model("default").name == "default"
        assert "research only" in capsys.readouterr().err


def test_card_and_licence_lie_beside_the_weights():
    assert "non-commercial research" in (default.FOLDER / "LICENSE").read_text()
    card = (default.FOLDER / "MODEL_CARD.md").read_text()
    assert all(part in card for part in ("Data", "Figures", "Limits", "Not for", "Licence"))


def test_the_command_that_ships_a_run_says_what_is_wrong(tmp_path):
    found = CliRunner().invoke(main, [str(tmp_path)])
    assert found.exit_code == 1
    assert "holds no model.safetensors" in found.stderr


@pytest.mark.slow
def test_a_wheel_installed_elsewhere_restores_a_photograph(repository, tmp_path):
    if not (default.FOLDER / MODEL_FILE).is_file():
        pytest.skip(f"needs the weights {default.FOLDER / MODEL_FILE}")
    from gfr_data.sample.album import render_album
    from gfr_data.sample.plan import plan_album

    def call(*arguments, **options):
        done = subprocess.run(
            [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, **options
        )
        assert done.returncode == 0, done.stderr
        return done

    pip = ("pip", "--disable-pip-version-check")
    # A copy, because a build leaves files beside the source.
    source = _copied(repository, tmp_path / "source")
    call(*pip, "wheel", str(source), "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path))
    wheel = next(tmp_path.glob("*.whl"))
    call(*pip, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    render_album(tmp_path, 1, *plan_album(2, 1))
    album = tmp_path / "album"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    restore = ("restore", str(album / "photograph.jpg"), "--guide", str(album / "guides"), "--out", "restored.png")
    done = call("cli.eval", *restore, cwd=tmp_path, env=environment)
    assert "1 restored" in done.stdout
    assert str(tmp_path / "site") in done.stderr  # where the licence lies: it was the installed model
    assert (tmp_path / "restored.png").stat().st_size > 10_000


def _copied(repository, folder):
    folder.mkdir()
    for name in ("cli", "gfr_data", "gfr_model", "manifests"):
        shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(repository / name, folder / name)
    return folder
