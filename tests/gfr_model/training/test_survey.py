"""What a dry run tells of a run's cost is near what the run then takes, and nothing is written."""

from gfr_model.presets import resolve
from gfr_model.training.survey import survey
from gfr_model.training.train import train

SMALL = {"image_size": 64, "width": 8, "discriminator_width": 4, "vgg_face": "off", "lambda_perceptual": 0.0}


def test_disk_is_what_the_run_then_holds_and_nothing_is_written(tiny_pairs, tmp_path):
    changes = SMALL | {"max_steps": 12, "validate_every": 4, "checkpoint_every": 2, "warp_epochs": 0.5}
    config, run = resolve("paper", changes=changes), tmp_path / "run"
    told = survey(tiny_pairs, run, config)
    assert not run.exists()
    assert told["steps_of_WarpNet_alone"] == 3
    train(tiny_pairs, run, config)
    kept = [path for path in run.rglob("*") if path.is_file() and "events" not in path.parts]
    held = sum(path.stat().st_size for path in kept) / 1e9
    assert 0.8 * held < told["disk_GB"] < 2 * held + 0.001
    assert told["memory_GB"] > held


def test_hours_are_those_of_the_steps_times_their_number(tiny_pairs, tmp_path, monkeypatch):
    monkeypatch.setattr("gfr_model.training.survey._seconds", lambda step, world: 36.0)
    config = resolve("paper", changes=SMALL | {"max_steps": 100, "validate_every": 50, "warp_epochs": 0.5})
    assert survey(tiny_pairs, tmp_path / "run", config)["hours_at_most"] == (100 + 2) * 36 / 3600
