"""What earlier versions wrote is read, or refused with a sentence; never taken for something else.

tests/before/ was written by version 0.1.0, commit 0862aec, from two pairs of invented discs: build, degraded set and
scores as that version's commands left them, a run whose weights are cut down to one tensor.
"""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.data import main as data
from cli.eval import main as evaluate
from cli.train import main as train

PHOTO = Path(__file__).parent / "gfr_data" / "faces" / "data" / "person_0.jpg"
SMALL = ("--set", "width=2", "--set", "max_steps=2", "--vgg-face", "off")


@pytest.fixture
def before(tmp_path: Path, repository: Path) -> Path:
    """A copy: commands may go on with it."""
    shutil.copytree(repository / "tests" / "before", tmp_path / "before")
    return tmp_path / "before"


@pytest.mark.parametrize("name", ["pairs", "degraded"])
def test_tables_of_before_are_sound(before: Path, name: str) -> None:
    found = CliRunner().invoke(data, ["validate", str(before / name)])
    assert found.exit_code == 0, found.output
    assert "is sound" in found.output


def test_a_degraded_set_of_before_is_the_one_that_is_made_today(before: Path) -> None:
    arguments = ["degrade", str(before / "pairs"), "--split", "val", "--scale", "8", "--out"]
    assert "nothing to do" in CliRunner().invoke(data, [*arguments, str(before / "degraded")]).output
    assert CliRunner().invoke(data, [*arguments, str(before / "new")]).exit_code == 0
    for file in (before / "new").rglob("*.[pj][np]g"):
        assert file.read_bytes() == (before / "degraded" / file.relative_to(before / "new")).read_bytes()


def test_scores_of_before_are_printed(before: Path) -> None:
    assert "21.10  (0.833)" in CliRunner().invoke(evaluate, ["table", str(before / "scores")]).output
    inside = CliRunner().invoke(evaluate, ["table", str(before / "scores"), "--face"])
    assert "score again" in inside.output  # what was not measured then is not invented


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (train, ["{before}/pairs", "--out", "{before}/run", *SMALL]),
        (train, ["{before}/pairs", "--out", "{before}/new", "--init", "{before}/run", *SMALL]),
        (evaluate, ["restore", str(PHOTO), "--run", "{before}/run", "--out", "{before}/out.png"]),
    ],
    ids=["continue", "init", "restore"],
)
def test_a_run_of_before_is_refused_and_stays(before: Path, program: object, arguments: list[str]) -> None:
    files = {path: path.read_bytes() for path in (before / "run").rglob("*") if path.is_file()}
    found = CliRunner().invoke(program, [part.format(before=before) for part in arguments])
    assert found.exit_code in (1, 2)
    assert "earlier gfr-train, whose networks were others" in found.stderr or "other settings" in found.stderr
    assert {path: path.read_bytes() for path in files} == files
