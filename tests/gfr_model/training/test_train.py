import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

from gfr_model import checkpoint
from gfr_model.inference import load_model
from gfr_model.presets import resolve
from gfr_model.training import step
from gfr_model.training.run import read_metrics
from gfr_model.training.train import train
from manifests import ConfigError, DataError

SETTINGS = {
    "image_size": 64,
    "width": 4,
    "discriminator_width": 4,
    "batch_size": 2,
    "warp_epochs": 4.0,
    "max_steps": 24,
    "validate_every": 6,
    "log_every": 4,
    "checkpoint_every": 2,
    "vgg_face": "off",
    "lambda_perceptual": 0.0,
    "learning_rates": (1e-3, 1e-4),
    "rate_steps": (8,),
    "patience": 99,
    "samples": 2,
}


def _config(**changes):
    return resolve("paper", changes=SETTINGS | changes)


@pytest.fixture(scope="module")
def undisturbed(tiny_pairs, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    train(tiny_pairs, run, _config())
    return run


def _values(run, split, name):
    table = read_metrics(run)
    chosen = table.filter(pc.and_(pc.equal(table["split"], split), pc.equal(table["name"], name)))
    return chosen["value"].to_pylist()


def _final_files(run):
    newest = checkpoint.existing(run)[0]
    return newest.name, newest.read_bytes(), (run / checkpoint.MODEL_FILE).read_bytes()


def _in_child(work) -> int:
    """Fork, do `work` there, and return the child's process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except KeyboardInterrupt:
        code = 130
    finally:
        os._exit(code)


def _exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_each_loss_falls(tiny_pairs, tmp_path):
    config = _config(max_steps=160, warp_epochs=20.0, rate_steps=(), learning_rates=(2e-3,), warp_rate=2e-3)
    config = replace(config, log_every=10, validate_every=80, checkpoint_every=1000, flip=False, scale="4")
    train(tiny_pairs, tmp_path / "run", config)
    for name in ("landmark", "l2", "loss"):
        values = _values(tmp_path / "run", "train", name)
        assert np.mean(values[-3:]) < np.mean(values[:2]), (name, values)


def test_a_run_folder_holds_everything(undisturbed):
    names = {path.name for path in undisturbed.iterdir()}
    assert {"config.toml", "checkpoints", "model.safetensors", "metrics.parquet", "samples", "summary.html"} <= names
    assert len(checkpoint.existing(undisturbed)) == checkpoint.KEPT
    page = (undisturbed / "summary.html").read_text()
    assert "<svg" in page
    assert "data:image/png" in page
    assert "http" not in page
    metrics = {
        (s, n) for s, n in zip(*(read_metrics(undisturbed)[c].to_pylist() for c in ("split", "name")), strict=True)
    }
    assert {("val", "psnr"), ("val", "landmark_error"), ("train", "tv"), ("train", "learning_rate")} <= metrics


def test_two_stages_and_the_rates_follow_each_other(undisturbed):
    steps = read_metrics(undisturbed)
    chosen = steps.filter(pc.equal(steps["name"], "learning_rate"))
    rates = dict(zip(chosen["step"].to_pylist(), chosen["value"].to_pylist(), strict=True))
    assert rates == {4: 2e-4, 6: 2e-4, 8: 2e-4, 12: 2e-4, 16: 1e-3, 18: 1e-3, 20: 1e-3, 24: 1e-4}
    adversarial = steps.filter(pc.equal(steps["name"], "adversarial_global"))
    assert min(adversarial["step"].to_pylist()) == 16


def test_stage_one_leaves_the_reconstruction_network_alone(tiny_pairs, tmp_path):
    config = _config(max_steps=6)
    train(tiny_pairs, tmp_path / "run", config)
    trained = checkpoint.newest(tmp_path / "run")[0].tensors
    fresh = step.Learner(config, step.World(), None).state()
    moved = {name for name, value in fresh.items() if not torch.equal(value, trained[name])}
    assert moved
    assert all(name.startswith("network.warpnet.") for name in moved)


def test_the_same_call_does_nothing_when_all_is_done(undisturbed, tiny_pairs):
    before = _final_files(undisturbed)
    summary = train(tiny_pairs, undisturbed, _config())
    assert summary.new_steps == 0
    assert _final_files(undisturbed) == before


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_anywhere_and_continued_gives_the_same_bytes(undisturbed, tiny_pairs, tmp_path, kills):
    run = tmp_path / "run"
    moments = random.Random(kills)
    started = time.monotonic()
    train(tiny_pairs, tmp_path / "timed", _config())
    whole = time.monotonic() - started
    for number in range(kills):
        child = _in_child(lambda: train(tiny_pairs, run, _config()))
        time.sleep(whole * moments.uniform(0.05, 1.6 / kills if number else 0.6))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    train(tiny_pairs, run, _config())
    assert _final_files(run) == _final_files(undisturbed)


def _killed_after(path_part, times):
    """Kill this process at the `times`-th rename of a file whose name contains `path_part`, before or after it."""
    real, seen = os.replace, [0]

    def replace_and_die(source, target):
        if path_part in str(target):
            seen[0] += 1
            if seen[0] == times:
                os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)

    os.replace = replace_and_die


@pytest.mark.parametrize(
    ("part", "times"),
    [("step-00000012", 1), ("step-00000014", 1), ("model.safetensors", 2), ("metrics", 6), ("step-00000024", 1)],
)
def test_killed_while_writing_gives_the_same_bytes(undisturbed, tiny_pairs, tmp_path, part, times):
    run = tmp_path / "run"

    def work():
        _killed_after(part, times)
        train(tiny_pairs, run, _config())

    assert _exit_code(_in_child(work)) == -signal.SIGKILL
    train(tiny_pairs, run, _config())
    assert _final_files(run) == _final_files(undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_saves_and_exits(undisturbed, tiny_pairs, tmp_path, number):
    run = tmp_path / "run"

    def work():
        def progress(stage, done, total, note=""):
            if stage.startswith("train") and done == 15:
                os.kill(os.getpid(), number)

        train(tiny_pairs, run, _config(checkpoint_every=1000), progress=progress)

    assert _exit_code(_in_child(work)) == 130
    assert checkpoint.existing(run)[0].name == "step-00000015.safetensors"
    train(tiny_pairs, run, _config(checkpoint_every=1000))
    wanted = checkpoint.read(checkpoint.existing(undisturbed)[0]).tensors
    for name, value in checkpoint.newest(run)[0].tensors.items():
        assert torch.equal(value, wanted[name]), name


def test_a_damaged_newest_checkpoint_is_said_and_passed_over(undisturbed, tiny_pairs, tmp_path):
    run = tmp_path / "run"
    train(tiny_pairs, run, _config())
    checkpoint.existing(run)[0].write_bytes(b"torn")
    said = []
    train(tiny_pairs, run, _config(), say=said.append)
    assert "step-00000024" in said[0]
    assert _final_files(run) == _final_files(undisturbed)


def _poison(monkeypatch, at):
    """Let the loss of training step `at` (counted over the run) be NaN."""
    from gfr_model.training import batches as feed

    real = feed.Feed.step

    def poisoned(self, number, warping):
        inputs = real(self, number, warping)
        return replace(inputs, target=inputs.target * float("nan")) if number == at else inputs

    monkeypatch.setattr(feed.Feed, "step", poisoned)


def test_a_loss_that_is_not_finite_stops_and_names_the_pairs(tiny_pairs, tmp_path, monkeypatch):
    run = tmp_path / "run"
    _poison(monkeypatch, 17)
    with pytest.raises(DataError, match=r"at step 18, pairs p\d+, p\d+; the last good checkpoint is .*step-00000016"):
        train(tiny_pairs, run, _config())
    kept, damaged = checkpoint.newest(run)
    assert not damaged
    assert kept.state["step"] == 16
    assert all(torch.isfinite(value).all() for value in kept.tensors.values())


def test_a_flow_that_diverges_stops_the_run_and_not_the_process(tiny_pairs, tmp_path):
    def work():
        with pytest.raises(DataError, match=r"was not finite at step \d+, pairs"):
            train(tiny_pairs, tmp_path / "run", _config(warp_rate=1e30, max_steps=8))

    assert _exit_code(_in_child(work)) == 0


def test_skip_goes_on_without_the_step_and_counts_it(tiny_pairs, tmp_path, monkeypatch):
    _poison(monkeypatch, 17)
    for fused in (False, True):
        run = tmp_path / str(fused)
        summary = train(tiny_pairs, run, _config(on_nonfinite="skip", fused_adam=fused))
        assert (summary.steps, summary.skipped) == (24, 1)
        tensors = checkpoint.newest(run)[0].tensors
        assert all(torch.isfinite(value).all() for value in tensors.values())
        steps = {float(v) for n, v in tensors.items() if n.startswith("adam.critics") and n.endswith(".step")}
        assert steps == {11.0}


def test_other_settings_or_pairs_are_refused_and_said(undisturbed, tiny_pairs, make_pairs, tmp_path):
    before = _final_files(undisturbed)
    with pytest.raises(ConfigError, match="width was 4 and is 8"):
        train(tiny_pairs, undisturbed, _config(width=8))
    with pytest.raises(DataError, match="trained on other pairs"):
        train(make_pairs(train=7), undisturbed, _config())
    assert _final_files(undisturbed) == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="which gfr-train did not write"):
        train(tiny_pairs, tmp_path, _config(), overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwrite_begins_anew(tiny_pairs, tmp_path):
    run = tmp_path / "run"
    train(tiny_pairs, run, _config(max_steps=4))
    summary = train(tiny_pairs, run, _config(max_steps=2, seed=5), overwrite=True)
    assert (summary.new_steps, summary.steps) == (2, 2)


def test_a_crop_that_vanishes_in_the_middle_names_its_row(make_pairs, tmp_path):
    folder = make_pairs()

    def progress(stage, done, total, note=""):
        if stage.startswith("train") and done == 3:
            (folder / "crops/002-target.png").unlink(missing_ok=True)

    with pytest.raises(DataError, match=r"row 2, target_path: .* is missing"):
        train(folder, tmp_path / "run", _config(storage="disk"), progress=progress)


@pytest.mark.parametrize("variant", ["full", "-F", "-W", "-WG", "-W2", "-WG2"])
def test_every_variant_trains_by_its_one_option(tiny_pairs, tmp_path, variant):
    config = _config(variant=variant, max_steps=3, warp_epochs=0.5, validate_every=3)
    train(tiny_pairs, tmp_path / "run", config)
    values = _values(tmp_path / "run", "train", "landmark")
    assert bool(values) == (variant == "full")
    model = load_model(tmp_path / "run")
    assert not model.network.training
    assert model.config.variant == variant


def test_a_model_restores_as_in_validation(undisturbed, tiny_pairs):
    model = load_model(undisturbed)
    assert (model.name, len(model.checkpoint_hash)) == ("run", 32)
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        both, alone = model.network(image, image).restored, model.network(image[:1], image[:1]).restored
    torch.testing.assert_close(both[:1], alone, atol=1e-5, rtol=0)


# Everything beyond the paper at once, from weights of another run.
BEYOND = {
    "alignment": "landmarks",
    "points_width": 4,
    "points_hidden": 4,
    "warp_size": 16,
    "jitter": 0.1,
    "jitter_angle": 0.1,
    "grey": 0.3,
    "guides": "any",
    "strangers": 0.3,
    "no_guide": 0.3,
    "decay": "cosine",
    "warmup_steps": 3,
    "clip": 1.0,
    "ema": 0.9,
    "weight_decay": 0.01,
    "lambda_face": 10.0,
}


def test_a_run_with_all_that_is_beyond_the_paper_resumes_bit_for_bit_from_weights_of_landmarks(tiny_pairs, tmp_path):
    train(tiny_pairs, tmp_path / "points", _config(model="points", points_width=4, points_hidden=4, max_steps=4))
    config = _config(init=str(tmp_path / "points"), max_steps=12, warp_epochs=2.0, **BEYOND)
    said = []
    train(tiny_pairs, tmp_path / "whole", config, say=said.append)
    assert "took over" in said[0]

    def progress(stage, done, total, note=""):
        if stage.startswith("train") and done in (3, 9):
            os.kill(os.getpid(), signal.SIGTERM)

    for number in range(3):
        code = _exit_code(_in_child(lambda: train(tiny_pairs, tmp_path / "parts", config, progress=progress)))
        assert code == (130 if number < 2 else 0)
    assert _final_files(tmp_path / "parts") == _final_files(tmp_path / "whole")
    kept, found = (checkpoint.read(tmp_path / name / checkpoint.MODEL_FILE).tensors for name in ("points", "whole"))
    assert all(torch.equal(found[name], value) for name, value in kept.items())
    assert any(
        not torch.equal(value, checkpoint.newest(tmp_path / "whole")[0].tensors[n]) for n, value in found.items()
    )
    names = set(read_metrics(tmp_path / "whole")["name"].to_pylist())
    assert {"landmark_error_inner_similarity", "flow_spread", "dead_channels", "points_error_inner", "face"} <= names


def test_a_flow_that_stands_still_is_said_at_once_and_in_the_summary(tiny_pairs, tmp_path):
    said = []
    config = _config(max_steps=4, validate_every=2, warp_rate=1e-12)
    summary = train(tiny_pairs, tmp_path / "run", config, say=said.append)
    (warning,) = summary.warnings
    assert warning.startswith("after step 4: the flow is the same for every input")
    assert f"warning, {warning}" in said
    assert warning in (tmp_path / "run" / "summary.html").read_text()
    assert _values(tmp_path / "run", "val", "warnings") == [0.0, 1.0]
    assert train(tiny_pairs, tmp_path / "run", config).warnings == summary.warnings
