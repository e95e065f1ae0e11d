"""Shards hold whole identities, and every photograph is in exactly one."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.examination.decisions import Decision
from gfr_data.examination.index import write_index
from gfr_data.examination.row import write_shard
from gfr_data.examination.work import Work
from gfr_data.examination.workers import _has_other_decisions
from gfr_data.sources.source import Identity
from manifests import provenance

MADE_BY = provenance("test", {})


def identity(name: str, photographs: int) -> Identity:
    paths = tuple(f"{name}/{number}.jpg" for number in range(photographs))
    return Identity("folder", "", name, name, paths, (None,) * photographs, (None,) * photographs)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), size=st.integers(1, 12))
def test_shards_hold_whole_identities_and_every_photograph_once(tmp_path_factory, sizes: list[int], size: int) -> None:
    work = Work(tmp_path_factory.mktemp("work"), MADE_BY)
    people = [identity(f"p{number:02d}", photographs) for number, photographs in enumerate(sizes)]
    write_index(work, ((0, person) for person in people), size)
    assert sum(work.sizes()) == sum(sizes)
    shards = [work.photographs(number).to_pylist() for number in range(work.count())]
    assert [row["path"].decode() for shard in shards for row in shard] == [
        path for person in people for path in person.paths
    ]
    homes = [{row["identity"] for row in shard} for shard in shards]
    assert sum(map(len, homes)) == len(people)
    assert work.sizes() == [len(shard) for shard in shards]
    assert all(len(shard) >= size for shard in shards[:-1])


def test_index_has_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_index(Work(tmp_path / name, MADE_BY), [(0, identity("x", 3)), (1, identity("y", 2))], 2)
    assert (tmp_path / "a/index.parquet").read_bytes() == (tmp_path / "b/index.parquet").read_bytes()


def test_the_index_is_parsed_once_and_again_when_it_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its footer grows with the shards, and each shard asks for it: parsed each time, a build would be quadratic."""
    parsed: list[Path] = []
    read = pq.read_metadata
    monkeypatch.setattr(pq, "read_metadata", lambda path: parsed.append(path) or read(path))
    work = Work(tmp_path, MADE_BY)
    for people in (40, 30):
        write_index(work, [(0, identity(f"p{number:02d}", 1)) for number in range(people)], 1)
        rows = [work.photographs(number)["identity"].to_pylist() for number in range(work.count())]
        assert rows == [[f"p{number:02d}"] for number in range(people)]
    assert parsed == [work.index] * 2


def test_whether_anything_was_decided_is_seen_in_the_footer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each run would read all finished shards to find out."""
    work = Work(tmp_path, MADE_BY)
    work.make()
    names = ("dataset", "subset", "identity", "person", "source_path")
    rows = [{name: f"{name}{row}" for name in names} | {"status": "spare"} for row in range(3)]
    write_shard(work, 0, rows)
    write_shard(work, 1, [*rows[:2], rows[2] | {"decision": "keep", "decision_why": "sharp"}])
    write_shard(work, 2, [])
    assert [work.is_undecided(number) for number in range(3)] == [True, False, True]
    decided = {2: Decision("keep", "sharp")}
    assert [_has_other_decisions(work, 1, wanted) for wanted in ({}, decided)] == [True, False]
    monkeypatch.setattr("gfr_data.examination.workers.read_shard", None)
    assert not _has_other_decisions(work, 0, {})


def test_ten_million_faces_crowd_no_folder_of_shards(tmp_path: Path) -> None:
    work = Work(tmp_path, MADE_BY)
    folders = Counter(work.shard(number).parent for number in range(20_000))
    assert 4 * max(folders.values()) <= 10_000, "each shard has up to four files"
    assert len(folders) <= 10_000


def test_files_of_shards_are_found_with_their_numbers(tmp_path: Path) -> None:
    work = Work(tmp_path, MADE_BY)
    work.make()
    for number in (3, 999, 1000, 12_345):
        work.note(number, [0])
        work.skip(number, [1])
    assert sorted(number for number, _ in work.files("skip")) == [3, 999, 1000, 12_345]
    assert len(list(work.files())) == 8
    assert work.in_flight() == [3, 999, 1000, 12_345]


def test_what_a_dead_worker_was_at_is_known_until_the_shard_is_done(tmp_path: Path) -> None:
    work = Work(tmp_path, MADE_BY)
    work.make()
    work.note(3, [5, 6])
    assert (work.in_flight(), work.noted(3), work.noted(4)) == ([3], [5, 6], [])
    work.skip(3, [5])
    work.skip(3, [9])
    assert work.skipped(3) == {5, 9}
    work.shard(3).write_bytes(b"")
    assert work.in_flight() == [3]
    write_shard(work, 3, [])
    assert work.in_flight() == []
