import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.train import main

SMALL = [
    *("--set", "image_size=64", "--set", "width=4", "--set", "discriminator_width=4", "--set", "batch_size=2"),
    *("--set", "max_steps=4", "--set", "warp_epochs=0.5", "--vgg-face", "off"),
]


def _run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_needs_no_torch(repository):
    code = (
        "import sys; from cli.train import main; main(['--help'], standalone_mode=False); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith("False")
    for option in (
        "--preset",
        "--variant",
        "--vgg-face",
        "--vgg19",
        "--set",
        "--on-nonfinite",
        "--dry-run",
        "--describe",
    ):
        assert option in found.stdout


def test_train_then_again(tiny_pairs, tmp_path):
    first = _run(tiny_pairs, "--out", tmp_path / "run", *SMALL, "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["new_steps"] == 4
    again = _run(tiny_pairs, "--out", tmp_path / "run", *SMALL, "--json")
    assert json.loads(again.stdout)["new_steps"] == 0
    assert "finished" in again.stderr
    assert "train WarpNet (stage 1 of 2): 1/2" in first.stderr
    assert re.search(r"train all \(stage 2 of 2\): 4/4.*loss", first.stderr)


def test_other_settings_end_with_exit_2_and_say_what_differs(tiny_pairs, tmp_path):
    assert _run(tiny_pairs, "--out", tmp_path / "run", *SMALL).exit_code == 0
    other = _run(tiny_pairs, "--out", tmp_path / "run", *SMALL, "--set", "width=6")
    assert other.exit_code == 2
    assert "width was 4 and is 6" in other.stderr


def test_perceptual_loss_without_weights_says_what_to_do(tiny_pairs, tmp_path):
    found = _run(tiny_pairs, "--out", tmp_path / "run")
    assert found.exit_code == 1
    assert "--vgg-face off" in found.stderr
    assert not (tmp_path / "run").exists()


def test_misspelt_setting_suggests_the_nearest(tiny_pairs, tmp_path):
    found = _run(tiny_pairs, "--out", tmp_path / "run", "--set", "max_step=3")
    assert found.exit_code == 2
    assert "did you mean 'max_steps'" in found.stderr


def test_dry_run_writes_nothing(tiny_pairs, tmp_path):
    found = _run(tiny_pairs, "--out", tmp_path / "run", *SMALL, "--dry-run")
    assert found.exit_code == 0, found.output
    assert "training_pairs: 6" in found.output
    assert "max_steps = 4" in found.output
    cost = json.loads(_run(tiny_pairs, "--out", tmp_path / "run", *SMALL, "--dry-run", "--json").stdout)
    assert 0 <= cost["hours_at_most"] < 1
    assert 0 < cost["disk_GB"] < 1
    assert 0.05 < cost["memory_GB"] < 50
    assert not (tmp_path / "run").exists()


def test_describe_prints_parameters_and_operations(tiny_pairs):
    found = _run(tiny_pairs, "--describe", "--json")
    assert found.exit_code == 0, found.output
    networks = {network["name"]: network for network in json.loads(found.stdout)["networks"]}
    assert {"gfrnet", "discriminator global", "discriminator local"} <= set(networks)
    for network in networks.values():
        assert network["parameters"] > 0
    assert networks["gfrnet"]["operations"] > 1e9


def test_a_hostile_checkpoint_is_one_line(tiny_pairs, tmp_path):
    run = tmp_path / "run"
    assert _run(tiny_pairs, "--out", run, *SMALL).exit_code == 0
    for file in (run / "checkpoints").iterdir():
        file.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    found = _run(tiny_pairs, "--out", run, *SMALL)
    assert found.exit_code == 1
    assert len(found.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("folder", ["", "none"])
def test_a_folder_without_pairs_is_named(tmp_path, folder):
    found = _run(tmp_path / folder, "--out", tmp_path / "run", "--vgg-face", "off")
    assert found.exit_code in (1, 2)
    assert str(tmp_path) in found.stderr
