"""Tests of degraded sets: what is in them, that they stand alone, and that nothing but the settings decides them."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from gfr_data.degradation.crops import read_crop
from gfr_data.degradation.dataset import degrade_dataset, plan
from gfr_data.degradation.reference import degrade_image
from manifests import (
    DEGRADED,
    PAIRS,
    ConfigError,
    DataError,
    hash_bytes,
    provenance,
    read_table,
    validate_dataset,
    write_table,
)
from manifests.crowds import crowded
from manifests.degradation.chains import FIRST
from manifests.degradation.draws import draw
from manifests.degradation.passes import PASS_PARAMETERS
from manifests.degradation.space import PAPER_SPACE, PARAMETERS, parse_space
from manifests.degradation.spaces import draw_one, find_space

SPACE = parse_space(scale="4,8")


@pytest.fixture(scope="module")
def pairs(make_pairs: Callable[..., Path]) -> Path:
    """A build folder of 256 px crops with train, val and test pairs; tests only read it."""
    folder = make_pairs(train=2, val=4, size=256, persons=2)
    table = read_table(folder / "pairs.parquet", PAIRS)
    splits = ["train", "train", "val", "test-a", "val", "test-b"]
    return with_splits(folder, table, splits)


def with_splits(folder: Path, table: pa.Table, splits: list[str]) -> Path:
    for name, values in (("split", splits), ("person", splits)):
        table = table.set_column(table.schema.get_field_index(name), PAIRS.field(name), pa.array(values))
    write_table(folder / "pairs.parquet", table, PAIRS, provenance("test", {}))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_rows_hold_the_draw_and_files_the_degraded_target(pairs, tmp_path):
    summary = degrade_dataset(pairs, tmp_path / "out", ["val", "test-a"], SPACE, copies=2, seed=5)
    table = read_table(tmp_path / "out" / "degraded.parquet", DEGRADED).to_pylist()
    assert [(row["pair_id"], row["copy"]) for row in table] == [
        (f"p{number:03d}", copy) for number in (2, 3, 4) for copy in (0, 1)
    ]
    assert summary.splits == {"test-a": 2, "val": 4}
    for row in table:
        one = draw(SPACE, 5, row["pair_id"], row["copy"])
        for name in PARAMETERS:
            assert row[name] == pytest.approx(getattr(one, name))
        target = np.asarray(Image.open(tmp_path / "out" / row["target_path"]))
        stored = (tmp_path / "out" / row["lq_path"]).read_bytes()
        assert stored == degrade_image(target, one).content
        assert row["lq_hash"] == hash_bytes(stored)
        assert row["seed"] == 5


def test_rows_beyond_eq_4_hold_both_passes_and_those_of_eq_4_have_no_value_there(pairs, tmp_path):
    space = find_space("wide", scale="2,4")
    degrade_dataset(pairs, tmp_path / "wide", ["val", "test-a"], space, copies=6, seed=5)
    rows = read_table(tmp_path / "wide" / "degraded.parquet", DEGRADED).to_pylist()
    for row in rows:
        one = draw_one(space, 5, row["pair_id"], row["copy"])
        for name in PASS_PARAMETERS:
            assert row[name] == pytest.approx(getattr(one.last, name))
            assert row[FIRST + name] == (one.first and pytest.approx(getattr(one.first, name)))
        target = np.asarray(Image.open(tmp_path / "wide" / row["target_path"]))
        assert (tmp_path / "wide" / row["lq_path"]).read_bytes() == degrade_image(target, one).content
        assert row["scale"] in (2, 4)
    assert {row["first_scale"] is None for row in rows} == {True, False}
    assert validate_dataset(tmp_path / "wide") == []
    assert not degrade_dataset(pairs, tmp_path / "wide", ["val", "test-a"], space, copies=6, seed=5).changed
    with pytest.raises(ConfigError, match="other settings"):
        degrade_dataset(pairs, tmp_path / "wide", ["val", "test-a"], parse_space(scale="2,4"), copies=6, seed=5)

    degrade_dataset(pairs, tmp_path / "paper", ["val"], SPACE)
    table = read_table(tmp_path / "paper" / "degraded.parquet", DEGRADED)
    others = [name for name in PASS_PARAMETERS if name not in PARAMETERS]
    for name in (*others, *(FIRST + name for name in PASS_PARAMETERS)):
        assert table[name].null_count == table.num_rows


def test_webp_files_are_made_cut_ones_made_again_and_all_removed(pairs, tmp_path):
    (tmp_path / "webp.toml").write_text('[last]\ncodec = "webp"\ncodec_share = 1\n')
    space, out = find_space(str(tmp_path / "webp.toml")), tmp_path / "out"
    assert degrade_dataset(pairs, out, None, space).files == {".webp": 2}
    whole = files_of(out)
    first = min((out / "lq").iterdir())
    assert Image.open(first).format == "WEBP"
    first.write_bytes(first.read_bytes()[:-9])
    assert plan(pairs, out, None, space).written == 1
    degrade_dataset(pairs, out, None, space)
    assert files_of(out) == whole
    assert validate_dataset(out) == []
    degrade_dataset(pairs, out, None, SPACE, overwrite=True)
    assert not list(out.rglob("*.webp"))


def test_the_folder_stands_alone(pairs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(pairs, copy)
    degrade_dataset(copy, tmp_path / "out", None, SPACE)
    shutil.rmtree(copy)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert validate_dataset(tmp_path / "elsewhere") == []
    assert {row["split"] for row in read_table(tmp_path / "elsewhere/degraded.parquet", DEGRADED).to_pylist()} == {
        "test-a",
        "test-b",
    }


def test_jobs_do_not_change_a_byte(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr("gfr_data.degradation.dataset.TASK_PAIRS", 1)
    for jobs in (1, 2):
        degrade_dataset(pairs, tmp_path / str(jobs), ["train", "val", "test-a"], PAPER_SPACE, 3, jobs=jobs)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_a_finished_set_is_left_as_it_is(pairs, tmp_path):
    out = tmp_path / "out"
    assert degrade_dataset(pairs, out, None, SPACE).changed
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = degrade_dataset(pairs, out, None, SPACE)
    assert (again.changed, again.written) == (False, 0)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}


def test_what_is_missing_is_made_again(pairs, tmp_path):
    out = tmp_path / "out"
    degrade_dataset(pairs, out, None, SPACE, copies=4)
    whole = files_of(out)
    for name in list(whole)[::3]:
        if name != "degrade.json":
            (out / name).unlink()
    assert degrade_dataset(pairs, out, None, SPACE, copies=4).changed
    assert files_of(out) == whole


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_afterwards_is_made_again(pairs, tmp_path, damage):
    """One file alone, so that what is gone, cut or empty is seen in each; then all together."""
    out = tmp_path / "out"
    degrade_dataset(pairs, out, None, SPACE, copies=2)
    whole = files_of(out)
    names = [
        "degrade.json",
        "degraded.parquet",
        *(min(name for name in whole if name[:2] == kind) for kind in ("lq", "cr")),
    ]
    for name in names:
        (out / name).rename(tmp_path / "kept")
        shutil.copy(tmp_path / "kept", out / name)  # the crops are linked with those of the pairs
        DAMAGES[damage](out / name)
        changed = degrade_dataset(pairs, out, None, SPACE, copies=2).changed
        assert changed is (name != "degrade.json")
        assert files_of(out) == whole, name
    for name in ("degraded.parquet", names[-1]):
        (out / name).unlink()
        shutil.copy(pairs / "pairs.parquet", out / name)
    degrade_dataset(pairs, out, None, SPACE, copies=2)
    assert files_of(out) == whole


def test_a_changed_file_does_not_pass_for_what_the_table_says_when_another_is_made_again(pairs, tmp_path):
    out = tmp_path / "out"
    degrade_dataset(pairs, out, None, SPACE, copies=2)
    whole = files_of(out)
    first, second, *_ = sorted((out / "lq").iterdir())
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    second.unlink()
    assert degrade_dataset(pairs, out, None, SPACE, copies=2).written == 2
    assert files_of(out) == whole


def test_of_an_unfinished_set_only_files_that_are_as_they_were_made_are_kept(pairs, tmp_path, monkeypatch):
    """No table vouches for them yet: a damaged file would get its own hash there, and be sound for ever."""
    monkeypatch.setattr("gfr_data.degradation.dataset.TASK_PAIRS", 1)
    out, whole = tmp_path / "out", tmp_path / "whole"
    splits = ["train", "val", "test-a"]
    degrade_dataset(pairs, whole, splits, SPACE, copies=2)

    def stops(stage, done, total):
        if stage == "degrade" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        degrade_dataset(pairs, out, splits, SPACE, copies=2, progress=stops)
    first, second, third, *_ = made = sorted((out / "lq").iterdir())
    before = {path: path.stat().st_mtime_ns for path in made}
    content = first.read_bytes()
    first.write_bytes(content[: len(content) // 2] + b"!" + content[len(content) // 2 + 1 :])
    shutil.copy(third, second)  # another picture, whole in itself
    degrade_dataset(pairs, out, splits, SPACE, copies=2)
    assert files_of(out) == files_of(whole)
    assert {path for path in made if path.stat().st_mtime_ns != before[path]} == {first, second}


def test_what_is_as_it_was_noted_is_not_read_again(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr("gfr_data.degradation.dataset.TASK_PAIRS", 1)
    out = tmp_path / "out"
    splits = ["train", "val", "test-a"]

    def stops(stage, done, total):
        if stage == "degrade" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        degrade_dataset(pairs, out, splits, SPACE, copies=2, progress=stops)
    made = {path.relative_to(out).as_posix() for path in (out / "lq").iterdir()}
    read = []
    for module in ("crops", "observations"):
        monkeypatch.setattr(
            f"gfr_data.degradation.{module}.read_crop", lambda _, crop: read.append(crop.path) or read_crop(pairs, crop)
        )
        monkeypatch.setattr(f"gfr_data.degradation.{module}.hash_file", read.append)
    degrade_dataset(pairs, out, splits, SPACE, copies=2)
    table = read_table(out / "degraded.parquet", DEGRADED).to_pylist()
    assert read == [row["target_path"] for row in table if row["lq_path"] not in made and row["copy"] == 0]
    monkeypatch.undo()
    degrade_dataset(pairs, tmp_path / "whole", splits, SPACE, copies=2)
    assert files_of(out) == files_of(tmp_path / "whole")


def test_where_a_folder_would_be_crowded_it_is_parted_unless_it_was_begun_before(pairs, tmp_path, monkeypatch):
    flat = tmp_path / "flat"
    degrade_dataset(pairs, flat, ["val"], SPACE, copies=4)
    before = files_of(flat)
    (flat / "degraded.parquet").unlink()
    monkeypatch.setattr("gfr_data.degradation.job.crowded", lambda names: crowded(names, 3))
    degrade_dataset(pairs, flat, ["val"], SPACE, copies=4)
    assert files_of(flat) == before
    degrade_dataset(pairs, tmp_path / "parted", ["val"], SPACE, copies=4)
    assert validate_dataset(tmp_path / "parted") == []
    assert not degrade_dataset(pairs, tmp_path / "parted", ["val"], SPACE, copies=4).changed
    rows = [read_table(folder / "degraded.parquet", DEGRADED).to_pylist() for folder in (flat, tmp_path / "parted")]
    assert [row["lq_hash"] for row in rows[0]] == [row["lq_hash"] for row in rows[1]]
    assert {Path(row["lq_path"]).name for row in rows[1]} == {Path(row["lq_path"]).name for row in rows[0]}
    assert max(len(list(folder.iterdir())) for folder in (tmp_path / "parted/lq").iterdir()) <= 4
    degrade_dataset(pairs, flat, ["val"], SPACE, copies=4, overwrite=True)
    assert files_of(flat) == files_of(tmp_path / "parted")


def test_of_two_commands_in_one_folder_the_second_is_told_who_has_it(pairs, tmp_path):
    asked = []

    def meanwhile(stage, done, total):
        with pytest.raises(DataError, match=r"being written by gfr-data degrade \(process \d+ on .*, since 2"):
            degrade_dataset(pairs, tmp_path / "out", None, SPACE, seed=1, overwrite=True)
        asked.append(stage)

    degrade_dataset(pairs, tmp_path / "out", None, SPACE, progress=meanwhile)
    assert set(asked) == {"crops", "degrade"}
    assert not degrade_dataset(pairs, tmp_path / "out", None, SPACE).changed


def test_killed_at_any_moment_it_ends_with_the_same_bytes(pairs, tmp_path):
    degrade_dataset(pairs, tmp_path / "whole", ["train", "val"], PAPER_SPACE, copies=40)
    out = tmp_path / "killed"
    command = (
        "import sys; from pathlib import Path; from gfr_data.degradation.dataset import degrade_dataset; "
        "from manifests.degradation.space import PAPER_SPACE; "
        "degrade_dataset(Path(sys.argv[1]), Path(sys.argv[2]), ['train', 'val'], PAPER_SPACE, copies=40)"
    )
    for files in (1, 60, 150):
        run = subprocess.Popen([sys.executable, "-c", command, pairs, out])
        while run.poll() is None and sum(1 for _ in out.glob("lq/*.*")) < files:
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL, "it ended before it was killed"
        assert not (out / "degraded.parquet").exists()
    degrade_dataset(pairs, out, ["train", "val"], PAPER_SPACE, copies=40)
    assert files_of(out) == files_of(tmp_path / "whole")


def test_other_settings_never_mix_with_what_is_there(pairs, tmp_path):
    out = tmp_path / "out"
    degrade_dataset(pairs, out, None, SPACE)
    with pytest.raises(ConfigError, match=r"other settings \(seed: 0, now 1\)"):
        degrade_dataset(pairs, out, None, SPACE, seed=1)
    degrade_dataset(pairs, out, None, SPACE, seed=1, overwrite=True)
    degrade_dataset(pairs, tmp_path / "fresh", None, SPACE, seed=1)
    assert files_of(out) == files_of(tmp_path / "fresh")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="did not write"):
        degrade_dataset(pairs, tmp_path / "mine", None, SPACE, overwrite=True)
    with pytest.raises(ConfigError, match="folder of the pairs"):
        degrade_dataset(pairs, pairs, None, SPACE)


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "small", "deep"])
def test_an_unusable_crop_is_named_with_its_row_and_the_others_are_done(pairs, tmp_path, damage):
    folder = tmp_path / "pairs"
    shutil.copytree(pairs, folder)
    table = read_table(folder / "pairs.parquet", PAIRS)
    path, row = "crops/003-target.png", 3
    content = (folder / path).read_bytes()
    picture = Image.open(io.BytesIO(content))
    if damage == "missing":
        (folder / path).unlink()
    elif damage == "other":
        (folder / path).write_bytes((folder / "crops/002-target.png").read_bytes())
    else:
        if damage == "cut":
            (folder / path).write_bytes(content[:2000])
        elif damage == "small":
            picture.resize((128, 128)).save(folder / path)
        else:
            Image.fromarray(np.full((256, 256), 40_000, np.uint16)).save(folder / path)
        hashes = table["target_hash"].to_pylist()
        hashes[row] = hash_bytes((folder / path).read_bytes())
        table = table.set_column(
            table.schema.get_field_index("target_hash"), PAIRS.field("target_hash"), pa.array(hashes)
        )
        write_table(folder / "pairs.parquet", table, PAIRS, provenance("test", {}))
    what = {
        "missing": "is missing",
        "cut": "cannot be read as an image",
        "other": "has other bytes",
        "small": "is 128x128 px, but must be 256x256",
        "deep": "is not in 8 bits",
    }[damage]
    with pytest.raises(DataError, match=rf"pairs.parquet, row 3, target_path: .*{path} {what}.*what is done stays"):
        degrade_dataset(folder, tmp_path / "out", ["val", "test-a"], SPACE)
    assert not (tmp_path / "out/degraded.parquet").exists()
    assert sorted(file.name[:4] for file in (tmp_path / "out/lq").iterdir()) == ["p002", "p004"]


def test_without_a_test_split_val_is_taken_and_else_it_asks(make_pairs, tmp_path):
    folder = make_pairs(train=1, val=1, size=256)
    assert plan(folder, tmp_path / "out", None, SPACE).splits == {"val": 1}
    with pytest.raises(ConfigError, match="has no split test-x; it has train, val"):
        plan(folder, tmp_path / "out", ["test-x"], SPACE)
    only_train = make_pairs(train=1, val=0, size=256)
    with pytest.raises(ConfigError, match="name one of its splits: train"):
        plan(only_train, tmp_path / "out", None, SPACE)
    assert not (tmp_path / "out").exists()


def test_names_that_no_file_may_have_become_hashes(pairs, tmp_path):
    folder = tmp_path / "pairs"
    shutil.copytree(pairs, folder)
    table = read_table(folder / "pairs.parquet", PAIRS)
    names = ["../../up", "/abs", "a b", "x/./y", ".hidden", "n" * 300]
    table = table.set_column(0, PAIRS.field("pair_id"), pa.array(names))
    write_table(folder / "pairs.parquet", table, PAIRS, provenance("test", {}))
    degrade_dataset(folder, tmp_path / "out", ["train", "val", "test-a", "test-b"], SPACE)
    paths = read_table(tmp_path / "out/degraded.parquet", DEGRADED)["lq_path"].to_pylist()
    assert [path.rpartition("-")[0] for path in paths] == [f"lq/{hash_bytes(name.encode())}" for name in names]
    assert validate_dataset(tmp_path / "out") == []


def test_crops_are_copied_where_links_cannot_be_made(pairs, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("another device")

    monkeypatch.setattr(os, "link", refuse)
    degrade_dataset(pairs, tmp_path / "out", None, SPACE)
    assert validate_dataset(tmp_path / "out") == []
