"""Tests of `gfr-eval score`, `table` and `report`: the commands, their errors, the whole way."""

import csv
import io
import json
import shutil

import pytest
from click.testing import CliRunner

from cli.eval import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folders(make_pairs, tmp_path_factory):
    """A degraded folder, and a run folder with a small untrained network."""
    import torch

    from gfr_data.degradation.dataset import degrade_dataset
    from gfr_model.checkpoint import MODEL_FILE, write
    from gfr_model.config import TrainConfig
    from gfr_model.networks.build import build_network
    from manifests.degradation.space import parse_space

    root = tmp_path_factory.mktemp("eval")
    degrade_dataset(make_pairs(train=1, val=3, size=256), root / "degraded", None, parse_space(scale="4"))
    config = TrainConfig(width=2)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build_network(config)
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    write(root / "run" / MODEL_FILE, tensors, config, {})
    return root


def test_score_table_report(folders, tmp_path):
    out = tmp_path / "scores"
    arguments = ("score", folders / "degraded", "--run", f"net={folders / 'run'}", "--out", out, "--panels", 2)
    first = run(*arguments, "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["rows"] == 6
    again = run(*arguments)
    assert again.exit_code == 0
    assert "nothing to do" in again.stdout

    text = run("table", out)
    assert text.exit_code == 0, text.output
    lines = text.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:5]] == ["bicubic", "net"]
    lines = list(csv.DictReader(io.StringIO(run("table", out, "--format", "csv", "--ci").stdout)))
    assert [line["method"] for line in lines] == ["bicubic", "net"]
    assert float(lines[0]["psnr_low"]) <= float(lines[0]["psnr"]) <= float(lines[0]["psnr_high"])
    compared = run("table", out, "--compare", "net", "bicubic", "--format", "json")
    assert {record["metric"] for record in json.loads(compared.stdout)} == {"psnr", "ssim"}

    face = run("table", out, "--face", "--format", "csv")
    assert "psnr_face" in face.stdout
    assert "paper" not in face.stdout
    assert run("table", out, "--face", "--luma").exit_code == 2
    assert run("table", out, "--ssim", "wang-y", "--luma").exit_code == 2
    assert "(SSIM) by matlab-volume" in run("table", out, "--ssim", "matlab-volume").stdout

    page = run("report", out, "--out", tmp_path / "page.html")
    assert page.exit_code == 0, page.output
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Inside the face" in text
    assert "in the face " in text


def test_the_model_that_ships_is_scored_by_its_name(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(folders / "run", tmp_path / "default")
    monkeypatch.setattr("gfr_model.inference.FOLDER", tmp_path / "default")
    arguments = ("score", folders / "degraded", "--limit", 1, "--run", "default", "--run", "mine=default")
    found = run(*arguments, "--out", tmp_path / "scores")
    assert found.exit_code == 0, found.output
    table = list(csv.DictReader(io.StringIO(run("table", tmp_path / "scores", "--format", "csv").stdout)))
    assert [line["method"] for line in table] == ["bicubic", "default", "mine"]


def test_several_runs_of_a_method_are_scored_under_one_name(folders, tmp_path):
    runs = f"net={folders / 'run'},{folders / 'run'}"
    found = run("score", folders / "degraded", "--limit", 1, "--run", runs, "--panels", 0, "--out", tmp_path / "scores")
    assert found.exit_code == 0, found.output
    (_, line) = csv.DictReader(io.StringIO(run("table", tmp_path / "scores", "--format", "csv").stdout))
    assert (line["method"], line["seeds"], float(line["psnr_spread"])) == ("net", "2", 0.0)


def test_a_dry_run_writes_nothing(folders, tmp_path):
    found = run("score", folders / "degraded", "--run", folders / "run", "--out", tmp_path / "scores", "--dry-run")
    assert found.exit_code == 0, found.output
    assert "observations: 3" in found.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("score", "nowhere", "--out", "x"), 1, "nowhere/degraded.parquet does not exist"),
        (("score", "{root}/degraded"), 2, "Missing option '--out'"),
        (("score", "{root}/degraded", "--out", "x", "--split", "train"), 2, "has no split train; it has val"),
        (("score", "{root}/degraded", "--out", "x", "--run", "{root}"), 1, "holds no model.safetensors"),
        (("score", "{root}/degraded", "--out", "x", "--restored", "folder"), 2, "must be NAME=FOLDER"),
        (("table", "nowhere"), 1, "nowhere/scores.parquet does not exist"),
        (("report", "nowhere"), 1, "nowhere/scores.parquet does not exist"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(folders, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    found = run(*(argument.format(root=folders) for argument in arguments))
    assert found.exit_code == code
    assert message in found.stderr
    assert code == 2 or len(found.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_table_is_overwritten_by_scores_of_other_inputs(folders, tmp_path):
    arguments = ("score", folders / "degraded", "--out", tmp_path / "scores")
    assert run(*arguments).exit_code == 0
    before = (tmp_path / "scores/scores.parquet").read_bytes()
    other = run(*arguments, "--limit", 1)
    assert other.exit_code == 2
    assert "another folder, or --overwrite" in other.stderr
    assert (tmp_path / "scores/scores.parquet").read_bytes() == before
    assert run(*arguments, "--limit", 1, "--overwrite").exit_code == 0
