"""Tests of `gfr-data degrade`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.data import main
from manifests import DEGRADED, read_table


@pytest.fixture(scope="module")
def pairs(make_pairs: Callable[..., Path]) -> Path:
    return make_pairs(train=1, val=2, size=256)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["degrade", *(str(argument) for argument in arguments)])


def test_degrades_and_then_has_nothing_to_do(pairs, tmp_path):
    arguments = (pairs, "--out", tmp_path / "out", "--jpeg-quality", "10:40", "--copies", 2, "--jobs", 1)
    first = run(*arguments, "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["files"] == {".jpg": 4}
    table = read_table(tmp_path / "out/degraded.parquet", DEGRADED)
    assert set(table["scale"].to_pylist()) == {4.0}
    again = run(*arguments)
    assert again.exit_code == 0
    assert "nothing to do" in again.output


def test_another_space_and_a_file_of_one(pairs, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("first_share = 1\n[last]\njpeg_quality = 50\n")
    arguments = (pairs, "--space", file, "--scale", "2,4", "--copies", 3, "--jobs", 1)
    found = run(*arguments, "--out", tmp_path / "out", "--preview", tmp_path / "sheet.png")
    assert found.exit_code == 0, found.output
    table = read_table(tmp_path / "out/degraded.parquet", DEGRADED)
    assert set(table["scale"].to_pylist()) == {2.0, 4.0}
    assert set(table["jpeg_quality"].to_pylist()) == {50}
    assert table["first_scale"].null_count == 0
    assert "nothing to do" in run(*arguments, "--out", tmp_path / "out").output
    file.write_text("first_share = 1\n[last]\njpeg_quality = 51\n")
    other = run(*arguments, "--out", tmp_path / "out")
    assert other.exit_code == 2
    assert "other settings (jpeg_quality: 50, now 51" in other.output


def test_a_dry_run_writes_nothing(pairs, tmp_path):
    result = run(pairs, "--out", tmp_path / "out", "--preview", tmp_path / "sheet.png", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "would write" in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_preview_alone_needs_no_folder(pairs, tmp_path):
    result = run(pairs, "--preview", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "Missing option '--out'"),
        (("--out", "x", "--scale", "9"), 2, "Error: scale cannot be 9; choose from 1:0.1:8"),
        (("--out", "x", "--split", "test"), 2, "has no split test; it has train, val"),
        (("--out", "x", "--copies", "0"), 2, "0 is not in the range"),
        (("--out", "x", "--space", "wid"), 2, "but is 'wid', did you mean 'wide'?"),
        (("--out", "x", "--space", "mine.toml"), 1, "cannot read the settings mine.toml"),
    ],
)
def test_bad_usage_is_one_line_that_says_what_may_be(pairs, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = run(pairs, *arguments)
    assert result.exit_code == code
    assert message in result.output
    assert list(tmp_path.iterdir()) == []
