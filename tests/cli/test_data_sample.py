"""`gfr-data sample`: what it prints, what it refuses."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from cli.data import main


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["sample", *(str(argument) for argument in arguments)])


def test_people_are_rendered_once(tmp_path: Path) -> None:
    arguments = (tmp_path / "people", "--identities", 1, "--photos", 2, "--jobs", 1)
    first = call(*arguments)
    assert first.exit_code == 0, first.output
    assert "2 photographs of 1 invented people" in first.output
    assert len(list((tmp_path / "people" / "vggface2").rglob("*.jpg"))) == 2
    second = call(*arguments, "--json")
    summary = json.loads(second.stdout)
    assert summary["changed"] is False
    assert summary["photographs"] == 2


def test_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    done = call(tmp_path / "people", "--identities", 10, "--photos", 3, "--defects", "--dry-run", "--json")
    summary = json.loads(done.stdout)
    assert summary["identities"] == 10
    assert summary["photographs"] == 30 + summary["defects"]
    assert summary["defects"] > 0
    assert not (tmp_path / "people").exists()


def test_a_folder_in_use_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    done = call(tmp_path, "--identities", 1, "--photos", 2)
    assert done.exit_code == 1
    assert "did not write" in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_numbers_that_make_no_sense_are_bad_usage(tmp_path: Path) -> None:
    assert call(tmp_path / "people", "--identities", 0).exit_code == 2
    assert call(tmp_path / "people", "--photos", 1).exit_code == 2
