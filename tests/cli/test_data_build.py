"""`gfr-data build-pairs`, `validate`, `report`, `export`: exit codes, one line for an error, JSON for programs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.data import main


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("lfw=nowhere", 1, "nowhere is not a folder"),
        ("faces=.", 1, "unknown layout 'faces'"),
        ("vggface2", 2, "expected LAYOUT=ROOT"),
    ],
)
def test_source_that_cannot_be_used_is_one_line(tmp_path: Path, source: str, code: int, said: str) -> None:
    done = call("build-pairs", "--source", source, "--out", tmp_path / "pairs")
    assert done.exit_code == code
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "pairs").exists()


def test_missing_landmarks_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "album" / "Ann").mkdir(parents=True)
    points = tmp_path / "points.csv"
    source = f"folder={tmp_path / 'album'}"
    done = call("build-pairs", "--source", source, "--out", tmp_path / "pairs", "--landmarks", f"file:{points}")
    assert done.exit_code == 1
    assert str(points) in done.output
    assert not (tmp_path / "pairs").exists()


def test_landmarks_of_other_photographs_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "album" / "Ann").mkdir(parents=True)
    (tmp_path / "album" / "Ann" / "1.jpg").write_bytes(b"no picture")
    header = ",".join(f"{axis}{k}" for k in range(68) for axis in "xy")
    (tmp_path / "points.csv").write_text(f"path,{header}\nelsewhere/Ann/1.jpg" + ",1" * 136 + "\n")
    source = f"folder={tmp_path / 'album'}"
    landmarks = f"file:{tmp_path / 'points.csv'}"
    for _ in range(2):  # the second time the index is there already
        done = call("build-pairs", "--source", source, "--out", tmp_path / "pairs", "--landmarks", landmarks)
        assert done.exit_code == 1
        told = done.output.strip().splitlines()[-1]
        assert str(tmp_path / "elsewhere" / "Ann" / "1.jpg") in told
        assert str(tmp_path / "album" / "Ann" / "1.jpg") in told
    assert not (tmp_path / "pairs" / "faces.parquet").exists()


def test_empty_source_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "album" / "Ann").mkdir(parents=True)
    (tmp_path / "points.csv").write_text("")
    source = f"folder={tmp_path / 'album'}"
    landmarks = f"file:{tmp_path / 'points.csv'}"
    done = call("build-pairs", "--source", source, "--out", tmp_path / "pairs", "--landmarks", landmarks)
    assert done.exit_code == 1
    assert "no photograph found" in done.output


def test_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    photograph = tmp_path / "album" / "Ann" / "a.jpg"
    photograph.parent.mkdir(parents=True)
    photograph.write_bytes(b"")
    (tmp_path / "points.csv").write_text("")
    source, landmarks = f"folder={tmp_path / 'album'}", f"file:{tmp_path / 'points.csv'}"
    done = call(
        "build-pairs", "--source", source, "--landmarks", landmarks, "--out", tmp_path / "pairs", "--dry-run", "--json"
    )
    assert json.loads(done.stdout) == {"identities": {"folder": 1}, "photographs": {"folder": 1}, "finished": False}
    assert not (tmp_path / "pairs").exists()


@pytest.mark.parametrize("command", [["validate"], ["report"], ["export", "--format", "webdataset", "--out", "o"]])
def test_folder_that_is_no_dataset_is_one_line(tmp_path: Path, command: list[str]) -> None:
    done = call(command[0], tmp_path, *command[1:])
    assert done.exit_code == 1
    assert str(tmp_path) in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_control_characters_of_a_name_are_written_out(tmp_path: Path) -> None:
    done = call("build-pairs", "--source", "lfw=no\rwhere\n\x1b[31m", "--out", tmp_path / "pairs")
    assert done.exit_code == 1
    assert "no\\rwhere\\n\\x1b[31m" in done.output
