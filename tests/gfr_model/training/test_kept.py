"""What a run keeps: nothing of it may be lost, changed or another's without a word, and what can be is made again."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gfr_model import checkpoint
from gfr_model.presets import resolve
from gfr_model.training import judges
from gfr_model.training import train as training
from gfr_model.training.judges import judges_of, load_features
from gfr_model.training.processes import World
from gfr_model.training.run import read_metrics
from gfr_model.training.train import train
from manifests import ConfigError, DataError, hash_file
from manifests.weights import named

SETTINGS = {
    "image_size": 32,
    "width": 2,
    "lambda_adv_global": 0.0,
    "lambda_adv_local": 0.0,
    "lambda_perceptual": 0.0,
    "vgg_face": "off",
    "batch_size": 2,
    "warp_epochs": 0.5,
    "max_steps": 10,
    "validate_every": 2,
    "log_every": 4,
    "checkpoint_every": 3,
    "ema": 0.9,
    "samples": 1,
}
BEST = 4  # the step of the best validation, long before the end


def _config(**changes):
    return resolve("paper", changes=SETTINGS | changes)


@pytest.fixture(scope="module")
def pairs(make_pairs) -> Path:
    return make_pairs(size=32)


@pytest.fixture(scope="module", autouse=True)
def _validation_is_best_early():
    """Let each validation after the step BEST be worse than the one before."""
    real, patch = training.validate, pytest.MonkeyPatch()

    def validate(learner, *arguments, **options):
        found, picture = real(learner, *arguments, **options)
        step = int(next(iter(learner.optimisers["network"].state.values()), {"step": 0})["step"])
        return found | {"reconstruction": float(abs(step - BEST))}, picture

    patch.setattr(training, "validate", validate)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def finished(pairs, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    train(pairs, run, _config())
    return run


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def _steps(run):
    return [checkpoint.read_header(path).state["step"] for path in checkpoint.existing(run)]


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def _of_another_step(path):
    shutil.copy(path.parent / "checkpoints/step-00000009.safetensors", path)


@pytest.mark.parametrize("damage", [Path.unlink, _truncate, _of_another_step])
def test_a_model_that_is_gone_cut_or_of_another_step_is_made_again(run, finished, pairs, damage):
    damage(run / checkpoint.MODEL_FILE)
    said = []
    assert train(pairs, run, _config(), say=said.append).new_steps == 0
    assert any("made again from" in line for line in said)
    assert (run / checkpoint.MODEL_FILE).read_bytes() == (finished / checkpoint.MODEL_FILE).read_bytes()


def test_the_newest_checkpoints_stay_and_that_of_the_best_validation(finished):
    assert _steps(finished) == [10, 9, BEST]


def test_without_the_checkpoint_of_its_step_a_lost_model_is_refused_and_overwrite_helps(run, pairs):
    (run / checkpoint.MODEL_FILE).unlink()
    checkpoint.path_of(run, BEST).unlink()
    with pytest.raises(DataError, match=r"model\.safetensors is missing, and it cannot be made again.*--overwrite"):
        train(pairs, run, _config())
    assert train(pairs, run, _config(), overwrite=True).new_steps == 10
    assert (run / checkpoint.MODEL_FILE).is_file()


def test_a_model_without_checkpoints_is_not_written_over(run, pairs):
    before = (run / checkpoint.MODEL_FILE).read_bytes()
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(DataError, match=r"no checkpoint to go on from.*--overwrite"):
        train(pairs, run, _config())
    assert (run / checkpoint.MODEL_FILE).read_bytes() == before
    assert train(pairs, run, _config(), overwrite=True).new_steps == 10


def test_a_run_too_short_to_validate_has_its_last_weights_as_model_always(pairs, tmp_path):
    run = tmp_path / "run"
    train(pairs, run, _config(max_steps=2))
    before = (run / checkpoint.MODEL_FILE).read_bytes()
    (run / checkpoint.MODEL_FILE).unlink()
    train(pairs, run, _config(max_steps=2))
    assert (run / checkpoint.MODEL_FILE).read_bytes() == before
    train(pairs, run, _config(max_steps=10))
    assert checkpoint.read(run / checkpoint.MODEL_FILE).state["step"] == BEST


@pytest.mark.parametrize("note", ["width = 2", "width = [", None])
def test_a_note_of_settings_changed_by_hand_is_said_and_written_anew(run, finished, pairs, note):
    path = run / "config.toml"
    whole = path.read_text()
    path.write_text(whole.replace("width = 2", "width = 16") if note == "width = 2" else whole[:200] + str(note or ""))
    said = []
    assert train(pairs, run, _config(), say=said.append).new_steps == 0
    assert any("config.toml did not say what the run was trained with" in line for line in said)
    assert path.read_text() == whole


def test_settings_that_only_the_note_has_are_refused(run, pairs):
    path = run / "config.toml"
    path.write_text(path.read_text().replace("clip = 0.0", "clip = 1.0"))
    with pytest.raises(ConfigError, match=r"clip was 0\.0 and is 1\.0"):
        train(pairs, run, _config(clip=1.0))
    assert train(pairs, run, _config()).new_steps == 0


def _killed(work):
    """Do `work` in a child, which may kill itself, and wait for it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _kill_at(step):
    def progress(stage, done, total, note=""):
        if stage.startswith("train") and done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


def test_an_interruption_changes_no_row_of_the_metrics(finished, pairs, tmp_path):
    run = tmp_path / "run"
    _killed(lambda: train(pairs, run, _config(), progress=_kill_at(4)))
    assert _steps(run)[0] == 3  # the means of the next row are of steps before and after it
    train(pairs, run, _config())
    assert read_metrics(run).equals(read_metrics(finished))


@pytest.mark.parametrize("beside", [False, True])
def test_a_run_killed_before_its_first_note_is_begun_again(pairs, tmp_path, monkeypatch, beside):
    run = tmp_path / "run"

    def die(source, target):
        os.kill(os.getpid(), signal.SIGKILL)

    def work():
        monkeypatch.setattr(os, "replace", die)
        train(pairs, run, _config(max_steps=2))

    _killed(work)
    assert not (run / "config.toml").exists()
    assert any(run.iterdir())  # the note of who holds it, and the part that was written
    assert train(pairs, run, _config(max_steps=2), overwrite=beside).new_steps == 2
    assert not list(run.rglob("*.part*"))


def test_parts_that_a_killed_run_left_are_removed(run, pairs):
    left = [
        run / "checkpoints/.step-00000012.0123456789ab.part.safetensors",
        run / ".model.0123456789ab.part.safetensors",
    ]
    for path in left:
        path.write_bytes(b"half")
    train(pairs, run, _config())
    assert not any(path.exists() for path in left)


def _kept_steps(monkeypatch, pairs, run, config):
    steps, real = [], training.save

    def save(run, learner, sums, position, origin):
        steps.append(position.step)
        real(run, learner, sums, position, origin)

    monkeypatch.setattr(training, "save", save)
    train(pairs, run, config)
    return sorted(set(steps))


def test_checkpoints_come_by_time_by_steps_and_at_the_best(pairs, tmp_path, monkeypatch):
    config = _config(checkpoint_every=0, checkpoint_minutes=0.0, max_steps=8)
    first = [2, BEST, 8]  # the last step of stage 1, the best, the last
    assert _kept_steps(monkeypatch, pairs, tmp_path / "0", config) == first
    late = replace(config, checkpoint_minutes=1e-9)
    assert _kept_steps(monkeypatch, pairs, tmp_path / "1", late) == list(range(1, 9))
    both = replace(config, checkpoint_every=5, checkpoint_minutes=1e9)
    assert _kept_steps(monkeypatch, pairs, tmp_path / "2", both) == sorted([*first, 5])


def test_a_judge_that_comes_goes_or_is_another_is_refused_and_one_that_moved_is_not(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "load_perceptual", lambda config, world: torch.nn.Identity())
    files = [tmp_path / name for name in ("a", "moved", "b")]
    for path, content in zip(files, (b"1", b"1", b"2"), strict=True):
        path.write_bytes(content)
    on, moved, other = (_config(vgg_face=str(path), lambda_perceptual=1.0, max_steps=3) for path in files)
    train(pairs, tmp_path / "run", on)
    assert train(pairs, tmp_path / "run", replace(moved, max_steps=4)).new_steps == 1
    with pytest.raises(ConfigError, match=r"vgg_face .*b is another file than before"):
        train(pairs, tmp_path / "run", replace(other, max_steps=5))
    off = replace(on, vgg_face="off", max_steps=5)
    with pytest.raises(ConfigError, match="the loss by vgg_face was on and is off"):
        train(pairs, tmp_path / "run", off)
    train(pairs, tmp_path / "without", replace(off, max_steps=3))
    with pytest.raises(ConfigError, match="the loss by vgg_face was off and is on"):
        train(pairs, tmp_path / "without", on)


def test_weights_that_no_loss_would_ask_are_refused(pairs, tmp_path):
    (tmp_path / "vgg").write_bytes(b"")
    with pytest.raises(ConfigError, match="lambda_perceptual is 0"):
        train(pairs, tmp_path / "run", _config(vgg_face=str(tmp_path / "vgg")))
    assert not (tmp_path / "run").exists()


def test_the_networks_that_losses_ask_are_known_by_name_by_path_and_where_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path))
    for file in named("dlib-recognition").files:
        with (tmp_path / file.name).open("wb") as sparse:
            sparse.truncate(file.size)
    path = tmp_path / "face_recognition_model.bin"
    for given in ("", "dlib-recognition", str(path)):
        found = judges_of(_config(lambda_identity=1.0, identity_weights=given))
        assert found == {"vgg_face": "", "vgg19": "", "identity_weights": hash_file(path)}
    with pytest.raises(DataError, match="get vgg-face"):
        judges_of(_config(lambda_perceptual=1.0, vgg_face="vgg-face"))
    assert judges_of(_config()) == {"vgg_face": "", "vgg19": "", "identity_weights": ""}
    with pytest.raises(DataError, match=r"get vgg19.*--vgg19 vgg16-hed takes.*--vgg19 off"):
        load_features(_config(model="deblurgan"), World())
    assert load_features(_config(model="deblurgan", vgg19="off"), World()) is None
    with pytest.raises(ConfigError, match="lambda_vgg19 is 0"):
        load_features(_config(model="srresnet", vgg19="vgg16-hed"), World())
