"""An output folder: continued, replaced or refused as its mark says, by one process at a time."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests import ConfigError, DataError, atomic_path
from manifests.folders import (
    HOLDER,
    NO_LOCKS,
    Kind,
    check,
    claimed,
    held,
    json_changes,
    remove,
    remove_unfinished,
)

KIND = Kind("gfr-test", "mark.json", '{"seed"', ("table.parquet", "crops/*.png", "work/*"))
SETTINGS = '{"seed": 0, "rules": {"most": 5}}'
OTHER = '{"seed": 1, "rules": {"most": 5}}'
OURS = (
    "table.parquet",
    "crops/a/one.png",
    "crops/two.png",
    "work/shards/0.parquet",
    "crops/.one.0123456789ab.part.png",
)
MINE = ("letter.txt", "crops/a/notes.txt", "other/table.parquet", "crops.png", "work.parquet", ".hidden")


def fill(out: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)


def files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir() or path.is_symlink()}


def claim(out: Path, mark: str = SETTINGS, overwrite: bool = False) -> str:
    with claimed(out, KIND, mark, overwrite) as before:
        return before


@settings(max_examples=60, deadline=None)
@given(
    ours=st.sets(st.sampled_from(OURS)),
    mine=st.sets(st.sampled_from(MINE)),
    mark=st.sampled_from([None, "", SETTINGS, OTHER, '{"name": "a package of mine"}']),
    overwrite=st.booleans(),
)
def test_whatever_a_folder_holds_it_is_continued_replaced_or_left_alone(ours, mine, mark, overwrite):
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        out.mkdir()
        fill(out, (*ours, *mine))
        if mark is not None:
            (out / KIND.mark).write_text(mark)
        before = files(out)
        try:
            found = claim(out, overwrite=overwrite)
        except DataError:  # somebody else's
            assert (mark is None and before) or mark == '{"name": "a package of mine"}'
            assert files(out) == before
        except ConfigError:
            assert mark in ("", OTHER)
            assert not overwrite
            assert files(out) == before
        else:
            assert (out / KIND.mark).read_text() == SETTINGS
            stays = {path for path in ours if ".part" not in path} if found else set()
            assert files(out) == {KIND.mark, *mine, *stays}
            assert found == (SETTINGS if mark == SETTINGS and not overwrite else "")


def test_other_settings_are_named_with_both_values(tmp_path):
    claim(tmp_path / "out")
    with pytest.raises(ConfigError, match=r"other settings \(rules.most: 5, now 3\).*--overwrite") as refused:
        claim(tmp_path / "out", '{"seed": 0, "rules": {"most": 3}}')
    assert refused.value.exit_code == 2
    fill(tmp_path / "mine", ("letter.txt",))
    with pytest.raises(DataError, match=r"'letter.txt', which gfr-test did not write") as refused:
        claim(tmp_path / "mine")
    assert refused.value.exit_code == 1


def test_methods_may_be_added_but_not_changed():
    before, now = '{"methods": {"a": 1, "b": 2}}', '{"methods": {"b": 3, "c": 4}}'
    assert json_changes(before, now, ("methods",)) == ["methods.b: 2, now 3"]
    assert len(json_changes(before, now)) == 3


def test_checking_writes_nothing(tmp_path):
    assert check(tmp_path / "out", KIND, SETTINGS, overwrite=False) == ""
    assert not (tmp_path / "out").exists()
    claim(tmp_path / "out")
    fill(tmp_path / "out", OURS)
    before = files(tmp_path / "out")
    assert check(tmp_path / "out", KIND, SETTINGS, overwrite=True) == ""
    assert files(tmp_path / "out") == before


def test_a_folder_killed_before_its_mark_is_taken(tmp_path):
    fill(tmp_path, (".mark.0123456789ab.part.json",))
    assert claim(tmp_path) == ""
    assert files(tmp_path) == {KIND.mark}


def test_clearing_that_is_interrupted_anywhere_is_finished_by_the_next(tmp_path, monkeypatch):
    """The mark is there at every moment, so that no half-cleared folder looks like somebody else's."""
    from manifests import folders

    unlink, marks = folders._unlink, []
    for kill_at in range(len(OURS)):
        out = tmp_path / str(kill_at)
        claim(out, OTHER)
        fill(out, OURS)
        left = iter(range(kill_at))

        def dies(path, left=left, out=out):
            marks.append((out / KIND.mark).read_text())
            if next(left, None) is None:
                raise KeyboardInterrupt
            unlink(path)

        monkeypatch.setattr(folders, "_unlink", dies)
        with pytest.raises(KeyboardInterrupt):
            claim(out, overwrite=True)
        monkeypatch.undo()
        assert kill_at == 0 or "table.parquet" not in files(out)  # what says that all is done goes first
        with pytest.raises(ConfigError, match="--overwrite"):
            claim(out)
        assert claim(out, overwrite=True) == ""
        assert files(out) == {KIND.mark}
    assert set(marks) == {OTHER}


@pytest.mark.parametrize("link", ["work", "crops/a"])
def test_overwrite_refuses_a_linked_folder_before_it_removes_anything(tmp_path, link):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    claim(out, OTHER)
    fill(out, ("table.parquet", "crops/two.png"))
    fill(scratch, ("shards/0.parquet", "one.png"))
    (out / link).symlink_to(scratch)
    before = files(out)
    with pytest.raises(DataError, match=rf"out/{link} is a link"):
        claim(out, overwrite=True)
    assert files(out) == before
    assert files(scratch) == {"shards/0.parquet", "one.png"}
    assert claim(out, OTHER) == OTHER  # without --overwrite the link serves as a folder


def test_a_file_that_cannot_be_removed_is_an_error(tmp_path, monkeypatch):
    claim(tmp_path)
    fill(tmp_path, OURS)

    def busy(path, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", busy)
    with pytest.raises(DataError, match=r"cannot remove .*table.parquet: Permission denied"):
        claim(tmp_path, OTHER, overwrite=True)
    monkeypatch.undo()
    assert (tmp_path / KIND.mark).read_text() == SETTINGS


def test_removing_leaves_other_files_and_their_folders(tmp_path):
    fill(tmp_path, (*OURS, *MINE))
    (tmp_path / "crops/theirs.png").symlink_to(tmp_path / "letter.txt")
    remove(tmp_path, KIND.files)
    assert files(tmp_path) == set(MINE)
    assert not (tmp_path / "work").exists()
    remove(tmp_path / "absent", KIND.files)


def test_a_folder_that_is_held_is_refused_with_who_holds_it_since_when_and_is_free_again(tmp_path):
    out = tmp_path / "run"
    began = time.strftime("%Y-%m-%d")
    who = rf"being written by gfr-holds \(process {os.getpid()} on .*, since {began} \d\d:\d\d:\d\d\)"
    with held(out, "gfr-holds"):
        with pytest.raises(DataError, match=who), held(out, "gfr-test"):
            pass
        with pytest.raises(DataError, match=who):
            claim(out)
        (out / HOLDER).unlink()  # the lock holds it, not the note
        with pytest.raises(DataError, match="being written by another process"):
            claim(out)
    assert claim(out) == ""
    assert files(out) == {KIND.mark}
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write to"), held(tmp_path / "file", "gfr-test"):
        pass


def test_what_a_killed_process_noted_means_nothing_and_a_link_is_not_followed(tmp_path):
    out, mine = tmp_path / "out", tmp_path / "letter.txt"
    out.mkdir()
    mine.write_text("dear")
    (out / HOLDER).symlink_to(mine)
    assert claim(out) == ""
    assert (files(out), mine.read_text()) == ({KIND.mark}, "dear")


@pytest.mark.parametrize("mark", [None, "", SETTINGS[:20], "\0" * 40], ids=["gone", "empty", "cut", "zeros"])
def test_a_lost_mark_is_made_again_from_what_the_other_files_say(tmp_path, mark):
    kind = replace(KIND, witness=lambda out: (out / "table.parquet").read_text())

    def lose():
        claim(tmp_path, OTHER if (tmp_path / KIND.mark).exists() else SETTINGS, overwrite=True)
        fill(tmp_path, OURS)
        (tmp_path / "table.parquet").write_text(SETTINGS)
        (tmp_path / KIND.mark).unlink()
        if mark is not None:
            (tmp_path / KIND.mark).write_text(mark)

    lose()
    with claimed(tmp_path, kind, SETTINGS, overwrite=False) as before:
        assert before == SETTINGS
    assert (tmp_path / KIND.mark).read_text() == SETTINGS
    assert files(tmp_path) == {KIND.mark, *OURS[:4]}
    lose()
    with pytest.raises(ConfigError, match="seed: 0, now 1"):
        check(tmp_path, kind, OTHER, overwrite=False)
    with claimed(tmp_path, kind, OTHER, overwrite=True) as before:
        assert before == ""
    assert files(tmp_path) == {KIND.mark}


@pytest.mark.parametrize("place", ["crops", "work"])
@pytest.mark.parametrize("what", ["a file", "a link that leads to no folder"])
def test_a_file_where_a_folder_has_to_be_is_named_before_anything_is_done(tmp_path, place, what):
    if claim(tmp_path) == "" and what == "a file":
        (tmp_path / place).write_text("mine")
    else:
        (tmp_path / place).symlink_to(tmp_path / "nowhere")
    before = files(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(DataError, match=rf"{place} is {what}, but gfr-test keeps a folder there; move it"):
            claim(tmp_path, overwrite=overwrite)
    assert files(tmp_path) == before
    (tmp_path / place).unlink()
    assert claim(tmp_path) == SETTINGS


RACER = """
import sys, time
from pathlib import Path
from manifests import GfrError
from manifests.folders import Kind, claimed

kind = Kind("gfr-test", "mark.json", '{"seed"', ("*.txt",))
print("ready", flush=True)
sys.stdin.readline()
try:
    with claimed(Path(sys.argv[1]), kind, '{"seed": %s}' % sys.argv[2], overwrite=True):
        for n in range(20):
            Path(sys.argv[1], f"{n}.txt").write_text(sys.argv[2])
            time.sleep(0.1)
except GfrError as error:
    sys.exit(str(error))
"""


def test_of_two_processes_that_race_for_a_folder_one_writes_it_and_one_is_told(tmp_path):
    out = tmp_path / "out"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, out, seed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate()[1] for racer in racers]
    assert sorted(racer.returncode for racer in racers) == [0, 1]
    # By whom, unless that one had not yet noted it.
    assert any("being written by gfr-test (process" in text or "by another process" in text for text in said)
    winner = json.loads((out / "mark.json").read_text())["seed"]
    assert {path.read_text() for path in out.glob("*.txt")} == {str(winner)}
    assert len(list(out.glob("*.txt"))) == 20


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, caplog):
    def none(handle, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    assert claim(tmp_path / "out") == ""
    assert caplog.messages == [NO_LOCKS % (tmp_path / "out")]


def test_a_folder_that_was_made_and_never_filled_is_removed_too(tmp_path):
    (tmp_path / "crops").mkdir()
    (tmp_path / "other").mkdir()
    remove(tmp_path, KIND.files)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_file_that_another_command_took_for_unfinished_is_an_error_and_the_old_one_stays(tmp_path: Path) -> None:
    """What happens where the file system has no locks, and two commands write one folder."""
    (tmp_path / "file.txt").write_text("old")

    def write() -> None:
        with atomic_path(tmp_path / "file.txt") as part:
            part.write_text("new")
            remove_unfinished(tmp_path, ())

    with pytest.raises(DataError, match=r"cannot write .*file\.txt"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "old"
