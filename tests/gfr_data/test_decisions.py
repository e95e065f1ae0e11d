"""Decisions overrule the measures, are recorded, and can be changed and undone at the cost of those they are about."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.examination.shard import ExaminedFace
from gfr_data.quality.judge import Thresholds
from manifests import FACES, FACES_FILE, PAIRS, PAIRS_FILE, DataError, read_table, validate_dataset
from tests.gfr_data.test_sources import config_of, contents, packed


@pytest.fixture(scope="module")
def made(people: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    """A build of two people without decisions, so strict that some faces of theirs fell out."""
    room = tmp_path_factory.mktemp("room") / "room"
    config = config_of(packed(people, room, "folder"), room.parent / "pairs")
    config = replace(config, thresholds=Thresholds(yaw=12.0), shard_photographs=1)
    build_pairs(config)
    return config


@pytest.fixture
def config(made: BuildConfig, tmp_path: Path) -> BuildConfig:
    shutil.copytree(made.out, tmp_path / "pairs")
    return replace(made, out=tmp_path / "pairs")


def faces_of(config: BuildConfig) -> dict[str, dict[str, object]]:
    return {row["source_path"]: row for row in read_table(config.out / FACES_FILE, FACES).to_pylist()}


def decided(config: BuildConfig, tmp_path: Path, *lines: str) -> BuildConfig:
    (tmp_path / "decisions.csv").write_text("path,decision,why\n" + "".join(f"{line}\n" for line in lines))
    return replace(config, decisions=tmp_path / "decisions.csv")


def test_they_overrule_are_recorded_and_can_be_undone(
    config: BuildConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, root = faces_of(config), config.sources[0].root
    untouched = contents(config.out)
    target, whose = next((path, row["identity"]) for path, row in sorted(before.items()) if row["role"] == "target")
    own = {path: row["reason"] for path, row in before.items() if row["identity"] == whose}
    turned = next(path for path, reason in sorted(own.items()) if reason == "extreme_pose")
    broken = next(path for path in before if path.endswith("broken.jpg"))
    lines = f"{root}/{turned},guide,it is she", f"{root}/{target},reject,not she", f"{root}/{broken},keep,"
    looked: list[str] = []
    note = ExaminedFace.to_row
    monkeypatch.setattr(ExaminedFace, "to_row", lambda face: looked.append(face.photograph.identity) or note(face))
    summary = build_pairs(decided(config, tmp_path, *lines))
    assert set(looked) == {whose, before[broken]["identity"]}
    assert summary.decisions == {"guide": 1, "keep": 1, "reject": 1, "not honoured": 1}
    after = faces_of(config)
    assert (after[turned]["role"], after[turned]["decision"]) == ("guide", "guide")
    assert (after[turned]["decision_why"], after[turned]["landmarks"] is not None) == ("it is she", True)
    assert (after[target]["status"], after[target]["reason"], after[target]["message"]) == (
        "rejected",
        "decided",
        "not she",
    )
    assert (after[broken]["status"], after[broken]["decision"]) == ("unreadable", "keep")
    pairs = [row for row in read_table(config.out / PAIRS_FILE, PAIRS).to_pylist() if row["identity"] == whose]
    assert {row["guide_source_path"] for row in pairs} == {turned}
    assert target not in {row["target_source_path"] for row in pairs}
    assert validate_dataset(config.out) == []
    assert not build_pairs(decided(config, tmp_path, *lines)).changed
    page = (config.out / "report.html").read_text()
    assert re.search(rf'\["[^"]*/{turned}", "guide", "it is she"\]', page)
    build_pairs(config)
    assert contents(config.out) == untouched


def test_a_kept_copy_is_not_a_copy_within_its_identity(config: BuildConfig, tmp_path: Path) -> None:
    before = faces_of(config)
    copies = [path for path, row in before.items() if row["reason"] == "duplicate"]
    assert len(copies) == 1
    build_pairs(decided(config, tmp_path, f"{config.sources[0].root}/{copies[0]},keep,two prints"))
    assert faces_of(config)[copies[0]]["status"] in ("spare", "selected")


def test_a_build_from_the_start_gives_what_a_changed_one_does(config: BuildConfig, tmp_path: Path) -> None:
    before = faces_of(config)
    lines = [
        f"{config.sources[0].root}/{path},{'guide' if row['reason'] else 'reject'}," for path, row in before.items()
    ]
    with_all = decided(config, tmp_path, *lines)
    summary = build_pairs(with_all)
    assert Counter(row["decision"] for row in faces_of(config).values()) == Counter(
        {key: value for key, value in summary.decisions.items() if key != "not honoured"}
    )
    anew = replace(with_all, out=tmp_path / "anew" / "pairs")
    build_pairs(anew)
    assert contents(anew.out) == contents(config.out)


def test_a_wrong_file_stops_before_anything_changes(config: BuildConfig, tmp_path: Path) -> None:
    tables = {name: (config.out / name).read_bytes() for name in (FACES_FILE, PAIRS_FILE)}
    with pytest.raises(DataError, match="no photographs of the sources"):
        build_pairs(decided(config, tmp_path, "nowhere.jpg,keep,"))
    assert {name: (config.out / name).read_bytes() for name in tables} == tables
    assert not build_pairs(config).changed or validate_dataset(config.out) == []
