"""What is no photograph, or none any more, is a row with its reason, and the build goes on."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.sources.options import parse_source
from manifests import FACES, FACES_FILE, read_table, validate_dataset


@pytest.fixture
def config(people: Path, tmp_path: Path) -> BuildConfig:
    """An album of two people with what may lie in a tree beside photographs."""
    (tmp_path / "people").symlink_to(people)
    album = tmp_path / "album"
    points = (people / "landmarks68.csv").read_text().splitlines()
    lines = points[:1]
    for folder, name in zip(sorted((people / "casia-webface").glob("0*"))[:2], ("ada", "bo"), strict=True):
        shutil.copytree(folder, album / name)
        old = f"casia-webface/{folder.name}/"
        lines += [line.replace(old, f"album/{name}/") for line in points if line.startswith(old)]
    (tmp_path / "points.csv").write_text("\n".join(lines))
    source, landmarks = parse_source(f"folder={album}"), f"file:{tmp_path / 'points.csv'}"
    return BuildConfig(sources=(source,), out=tmp_path / "pairs", landmarks=landmarks)


def rows_of(config: BuildConfig) -> dict[str, dict[str, object]]:
    assert validate_dataset(config.out) == []
    return {row["source_path"]: row for row in read_table(config.out / FACES_FILE, FACES).to_pylist()}


def test_whatever_lies_in_a_tree_is_a_row(config: BuildConfig, tmp_path: Path) -> None:
    ada = tmp_path / "album" / "ada"
    os.mkfifo(ada / "fifo.jpg")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(ada / "socket.jpg"))
    (ada / "endless.jpg").symlink_to("/dev/zero")
    (ada / "dangling.jpg").symlink_to("nowhere.jpg")
    (ada / "loop.jpg").symlink_to("loop.jpg")
    (ada / "up").symlink_to("..")
    (tmp_path / "album" / "self").symlink_to(".")
    (tmp_path / "album" / "circle").symlink_to("circle")
    before = {f"{path.parent.name}/{path.name}" for path in (tmp_path / "album").glob("[ab]*/*")}
    build_pairs(config)
    listening.close()
    rows = rows_of(config)
    assert set(rows) == before
    odd = {name: row for name, row in rows.items() if not Path(name).stem.isdecimal()}
    assert len(odd) == 6
    assert all((row["status"], row["reason"]) == ("unreadable", "unreadable") for row in odd.values())
    assert all(row["message"] for row in odd.values())


def test_a_photograph_that_is_removed_before_it_is_examined_is_a_row(config: BuildConfig, tmp_path: Path) -> None:
    gone = min((tmp_path / "album" / "ada").glob("*.jpg"))

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "examine":
            gone.unlink(missing_ok=True)

    summary = build_pairs(config, progress)
    assert summary.statuses["unreadable"] == 1
    row = rows_of(config)[f"ada/{gone.name}"]
    assert (row["status"], row["message"]) == ("unreadable", "No such file or directory")


def test_what_happens_to_photographs_and_crops_before_the_end_is_made_good(config: BuildConfig, tmp_path: Path) -> None:
    """A selected photograph is removed after it was examined; a crop is cut, another is replaced by a third."""

    class StopError(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "write":
            raise StopError

    with pytest.raises(StopError):
        build_pairs(config, stop)
    cut, other, third, *_ = sorted((config.out / "crops").rglob("*.png"))
    whole = {crop: crop.read_bytes() for crop in (cut, other)}
    cut.write_bytes(b"")
    shutil.copy(third, other)
    with pytest.raises(StopError):
        build_pairs(config, stop)
    assert {crop: crop.read_bytes() for crop in whole} == whole
    cut.write_bytes(b"")
    gone = tmp_path / "album" / cut.parent.name / f"{cut.stem}.jpg"
    gone.unlink()
    summary = build_pairs(config)
    assert summary.statuses["unreadable"] == 1
    assert rows_of(config)[f"{gone.parent.name}/{gone.name}"]["status"] == "unreadable"
    assert not cut.exists()
