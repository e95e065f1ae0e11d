"""A build loses nothing: killed, failed, taken up again or given the same command twice."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.examination.index import write_index
from gfr_data.examination.shard import WORKER_DIED, ShardTask, examine_shard
from gfr_data.examination.work import Work
from gfr_data.examination.workers import examine_all
from gfr_data.sources.layouts import list_identities
from manifests import ConfigError, DataError, hash_file, silent, validate_dataset
from tests.gfr_data.builds import again, config_of, contents, survive_kills

KILLS = int(os.environ.get("GFR_KILLS", "3"))  # set it to 20 for the long form of the test that kills the build


def test_a_build_that_ended_before_it_examined_anything_does_not_block_its_folder(copied: Path, tmp_path: Path) -> None:
    """Its points were of other photographs: with the right ones it is another build, and nothing would be lost."""
    config = config_of(copied, tmp_path / "pairs", "casia-webface", limit=2)
    other = tmp_path / "other.csv"
    other.write_text((copied / "landmarks68.csv").read_text())  # its names are relative to its own folder
    with pytest.raises(DataError, match="has points of 0 of the"):
        build_pairs(replace(config, landmarks=f"file:{other}"))
    assert build_pairs(config).photographs
    with pytest.raises(ConfigError, match="made with other settings"):  # now there is something to lose
        build_pairs(replace(config, seed=7))


def test_crops_that_are_as_they_were_noted_are_not_read_again(
    copied: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = again(built, tmp_path / "pairs")  # copied with their times
    read: list[Path] = []
    monkeypatch.setattr("gfr_data.pairs.tables.hash_file", lambda path: read.append(path) or hash_file(path))
    touched = min((out / "crops").rglob("*.png"))
    os.utime(touched, ns=(0, 0))
    build_pairs(config_of(copied, out))
    assert read == [touched]
    assert contents(out) == contents(built)


def test_same_command_again_does_nothing(copied: Path, built: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    assert not build_pairs(config_of(copied, built)).changed
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


def test_other_settings_need_another_folder_or_overwrite(copied: Path, built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "pairs")
    other = config_of(copied, tmp_path / "pairs", limit=1)
    with pytest.raises(ConfigError, match=r"limit: None, now 1.*--overwrite"):
        build_pairs(other)
    assert contents(tmp_path / "pairs") == contents(built)
    summary = build_pairs(replace(other, overwrite=True))
    assert summary.identities == 3  # one each of VGGFace2's train and test and of CASIA-WebFace


def test_folder_of_somebody_else_is_left_alone(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    with pytest.raises(DataError, match="'crops', which gfr-data build-pairs did not write"):
        build_pairs(config_of(copied, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["crops"]


BUILD_ALONE = """
import sys
from pathlib import Path
from tests.gfr_data.builds import config_of
from gfr_data.build import build_pairs
build_pairs(config_of(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def test_killed_builds_end_with_the_bytes_of_an_undisturbed_one(
    copied: Path, built: Path, tmp_path: Path, repository: Path
) -> None:
    out = tmp_path / "pairs"
    command = [sys.executable, "-c", BUILD_ALONE, str(copied), str(out)]
    assert survive_kills(command, out, KILLS, 0.2, repository) == contents(built)


def deadly(task: ShardTask) -> int:
    """Examine a shard as usual, but die at the photograph called deadly.jpg."""
    note = Work.note

    def noted(work: Work, number: int, rows: list[int]) -> None:
        note(work, number, rows)
        paths = work.photographs(number)["path"].to_pylist()
        if any(paths[row].endswith(b"deadly.jpg") for row in rows):
            os.kill(os.getpid(), signal.SIGKILL)

    Work.note = noted  # in the worker's process alone
    return examine_shard(task)


EXAMINE_DEADLY = """
import sys
from pathlib import Path
from gfr_data.examination.work import Work
from gfr_data.examination.workers import examine_all
from manifests import silent
from tests.gfr_data.builds import config_of
from tests.gfr_data.test_build_interrupted import deadly
config = config_of(Path(sys.argv[1]), Path(sys.argv[2]), "casia-webface", jobs=1)
examine_all(Work(config.out / "work", config.made_by()), config.examination(), config.engine, silent, deadly)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_photograph_that_kills_its_worker_twice_is_a_row_and_not_the_builds_end(
    people: Path, tmp_path: Path, repository: Path, jobs: int
) -> None:
    """Where the worker is the build's own process, its second run is the one that finishes."""
    root = tmp_path / "people"
    shutil.copytree(people / "casia-webface", root / "casia-webface")
    shutil.copy(people / "landmarks68.csv", root)
    identity = min(path for path in (root / "casia-webface").iterdir() if path.is_dir())
    shutil.copy(min(identity.glob("*.jpg")), identity / "deadly.jpg")
    config = config_of(root, tmp_path / "pairs", "casia-webface", jobs=jobs)
    work = Work(config.out / "work", config.made_by())
    work.make()
    write_index(work, ((0, identity) for identity in list_identities(config.sources[0])), size=1)
    if jobs == 1:
        command = [sys.executable, "-c", EXAMINE_DEADLY, str(root), str(config.out)]
        ends = [subprocess.run(command, check=False, cwd=repository).returncode for _ in range(2)]
        assert ends == [-signal.SIGKILL, 0]
    else:
        examine_all(work, config.examination(), config.engine, silent, deadly)
    rows = [row for number in range(work.count()) for row in _rows(work, number)]
    dead = [row for row in rows if row["status"] == "unreadable"]
    assert [(Path(row["source_path"]).name, row["message"]) for row in dead] == [("deadly.jpg", WORKER_DIED)]
    assert len(rows) == sum(work.sizes())


def _rows(work: Work, number: int) -> list[dict[str, object]]:
    return pq.read_table(work.shard(number)).to_pylist()


def test_unreadable_photograph_is_examined_again_when_asked(copied: Path, built: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "people", tmp_path / "pairs"
    shutil.copytree(copied, root)
    assert build_pairs(config_of(root, out)).statuses["unreadable"] == 3
    (mended,) = root.rglob("empty.jpg")
    shutil.copy(min(mended.parent.glob("0*.jpg")), mended)
    assert not build_pairs(config_of(root, out)).changed
    summary = build_pairs(config_of(root, out, retry_failed=True))
    assert summary.statuses["unreadable"] == 2
    assert validate_dataset(out) == []


def stop_after_index(config: BuildConfig) -> None:
    class StopError(Exception):
        pass

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "examine":
            raise StopError

    with pytest.raises(StopError):
        build_pairs(config, progress)


def test_source_that_is_gone_is_an_error_and_not_a_photograph_each(people: Path, tmp_path: Path) -> None:
    root = tmp_path / "people"
    shutil.copytree(people / "casia-webface", root / "casia-webface")
    shutil.copy(people / "landmarks68.csv", root)
    config = config_of(root, tmp_path / "pairs", "casia-webface")
    stop_after_index(config)
    shutil.rmtree(root / "casia-webface")
    for _ in range(2):
        with pytest.raises(DataError, match="casia-webface was there when it was indexed; put it back"):
            build_pairs(config)
        (root / "casia-webface").mkdir(exist_ok=True)  # as the place of a disk that was taken away


def test_full_disk_is_one_clear_error_and_finished_shards_stay(
    copied: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "pairs"
    config = config_of(copied, out)
    write = pq.ParquetWriter.write_table
    with monkeypatch.context() as patch:

        def full(writer: pq.ParquetWriter, table: object, **more: object) -> None:
            if "source_path" in writer.schema.names:  # a shard's
                raise OSError(28, "No space left on device", "shard")
            write(writer, table, **more)

        patch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(DataError, match="No space left on device"):
            build_pairs(config)
    build_pairs(config)
    assert contents(out) == contents(built)


def test_folder_that_cannot_be_written_is_named(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        build_pairs(config_of(copied, tmp_path / "file" / "pairs"))
