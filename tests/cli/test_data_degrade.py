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
    ],
)
def test_bad_usage_is_one_line_that_says_what_may_be(pairs, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = run(pairs, *arguments)
    assert result.exit_code == code
    assert message in result.output
    assert list(tmp_path.iterdir()) == []
