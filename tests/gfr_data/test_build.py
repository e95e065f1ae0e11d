"""A build loses nothing, ends the same whatever happens on the way, and keeps the paper's rules."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gfr_data.build import build_pairs, plan, settled
from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.examination import landmarks, shard
from gfr_data.examination.index import write_index
from gfr_data.examination.landmarks import ELSEWHERE
from gfr_data.examination.shard import WORKER_DIED, ShardTask, examine_shard
from gfr_data.examination.work import Work
from gfr_data.examination.workers import examine_all
from gfr_data.sources.layouts import list_identities
from gfr_data.sources.options import parse_source
from manifests import (
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    DataError,
    hash_file,
    read_table,
    silent,
    validate_dataset,
)
from manifests.crowds import crowded

KILLS = int(os.environ.get("GFR_KILLS", "3"))  # set it to 20 for the long form of the test that kills the build


def config_of(root: Path, out: Path, *layouts: str, jobs: int = 1, **more: object) -> BuildConfig:
    names = layouts or ("vggface2", "casia-webface")
    sources = tuple(parse_source(f"{name}={root / name}") for name in names)
    landmarks = f"file:{root / 'landmarks68.csv'}"
    return BuildConfig(
        sources=sources, out=out, landmarks=landmarks, engine=Engine(jobs=jobs), **({"shard_photographs": 5} | more)
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that a build leaves, but the work folder's."""
    files = (path for path in folder.rglob("*") if path.is_file() and "work" not in path.relative_to(folder).parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def copied(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people, some of whose files are broken."""
    root = tmp_path_factory.mktemp("copied") / "people"
    shutil.copytree(people, root)
    identity = min(path for path in (root / "vggface2" / "train").iterdir())
    (identity / "empty.jpg").write_bytes(b"")
    (identity / "text.jpg").write_text("no photograph")
    photograph = min(identity.glob("0*.jpg"))
    (identity / "cut.jpg").write_bytes(photograph.read_bytes()[:500])
    (identity / "twin.jpg").write_bytes(photograph.read_bytes())
    return root


@pytest.fixture(scope="module")
def built(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed build."""
    out = tmp_path_factory.mktemp("built") / "pairs"
    build_pairs(config_of(copied, out))
    return out


def test_build_is_sound(built: Path) -> None:
    assert validate_dataset(built) == []


def test_every_photograph_examined_has_one_row_and_one_status(copied: Path, built: Path) -> None:
    faces = read_table(built / FACES_FILE, FACES)
    files = {
        (layout, path.relative_to(copied / layout).as_posix())
        for layout in ("vggface2", "casia-webface")
        for path in (copied / layout).rglob("*.jpg")
    }
    rows = list(zip(faces["dataset"].to_pylist(), faces["source_path"].to_pylist(), strict=True))
    assert len(rows) == len(set(rows))
    assert set(rows) == files
    statuses = Counter(faces["status"].to_pylist())
    assert sum(statuses[name] for name in ("selected", "spare", "rejected", "unreadable")) == len(rows)


def test_broken_files_are_rows_with_their_reason(built: Path) -> None:
    rows = read_table(built / FACES_FILE, FACES).to_pylist()
    found = {Path(row["source_path"]).name: row for row in rows}
    for name in ("empty.jpg", "text.jpg", "cut.jpg"):
        assert (found[name]["status"], found[name]["reason"]) == ("unreadable", "unreadable")
        assert found[name]["message"]


def test_a_face_whose_points_lie_elsewhere_falls_out(copied: Path, built: Path, tmp_path: Path) -> None:
    """On another face, or on a shoulder: files of points hold such, and the pair would be trained on."""
    faces = read_table(built / FACES_FILE, FACES).to_pylist()
    row = next(row for row in faces if row["role"] == "target" and row["dataset"] == "casia-webface")
    side = max(row["box"][2] - row["box"][0], row["box"][3] - row["box"][1])
    head, *lines = (copied / "landmarks68.csv").read_text().splitlines()
    points, found = tmp_path / "landmarks68.csv", {}
    for share in (0.02, 0.6):
        moved = []
        for path, *values in (line.split(",") for line in lines):
            away = share * side if path == f"casia-webface/{row['source_path']}" else 0.0
            moved.append(",".join([str(copied / path), *(str(float(value) + away) for value in values)]))
        points.write_text("\n".join([head, *moved, ""]))
        config = replace(config_of(copied, tmp_path / str(share), "casia-webface"), landmarks=f"file:{points}")
        build_pairs(config)
        faces = read_table(config.out / FACES_FILE, FACES).to_pylist()
        found[share] = {face["source_path"]: face for face in faces}
    near, far = found[0.02][row["source_path"]], found[0.6][row["source_path"]]
    assert near["status"] == "selected"
    assert (far["status"], far["reason"], far["message"]) == ("rejected", "no_landmarks", ELSEWHERE)
    others = [path for path, face in found[0.02].items() if face["identity"] != row["identity"]]
    assert [found[0.02][path] for path in others] == [found[0.6][path] for path in others]


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


def test_copy_within_an_identity_falls_out(built: Path) -> None:
    rows = read_table(built / FACES_FILE, FACES).to_pylist()
    assert [row["reason"] for row in rows].count("duplicate") == 1


def test_at_most_five_of_an_identity_and_one_guide(built: Path) -> None:
    pairs = read_table(built / PAIRS_FILE, PAIRS).to_pylist()
    assert pairs
    targets = Counter(row["identity"] for row in pairs)
    assert max(targets.values()) <= 4
    guides = {(row["identity"], row["guide_path"]) for row in pairs}
    assert len(guides) == len(targets)
    assert all(row["guide_path"] != row["target_path"] for row in pairs)


def test_two_processes_give_the_same_bytes_as_one(copied: Path, built: Path, tmp_path: Path) -> None:
    build_pairs(config_of(copied, tmp_path / "pairs", jobs=2))
    assert contents(tmp_path / "pairs") == contents(built)


def test_dask_cluster_gives_the_same_bytes(copied: Path, built: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        engine = Engine(backend="dask", jobs=2, scheduler=cluster.scheduler_address)
        build_pairs(replace(config_of(copied, tmp_path / "pairs"), engine=engine))
    assert contents(tmp_path / "pairs") == contents(built)


def test_the_paper_s_numbers_of_pairs_are_a_subset_that_is_listed(copied: Path, built: Path, tmp_path: Path) -> None:
    whole = read_table(built / PAIRS_FILE, PAIRS).to_pylist()
    most = max(Counter(row["split"] for row in whole).items(), key=lambda one: one[1])[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gfr_data.pairs.deal.PAPER_PAIRS", {most: 2})
        summary = build_pairs(config_of(copied, tmp_path / "pairs", recipe="paper"))
        assert not build_pairs(config_of(copied, tmp_path / "pairs", recipe="paper")).changed
    assert summary.pairs[most] == 2
    dealt = read_table(tmp_path / "pairs" / PAIRS_FILE, PAIRS).to_pylist()
    assert [row for row in whole if row["split"] != most] == [row for row in dealt if row["split"] != most]
    assert [row for row in whole if row in dealt] == dealt
    with (tmp_path / "pairs" / "lists" / f"{most}.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert listed == [{name: row[name] for name in listed[0]} for row in dealt if row["split"] == most]
    assert not validate_dataset(tmp_path / "pairs")


def again(built: Path, out: Path) -> Path:
    """A copy of a build without its tables, which are made again from its shards and crops."""
    shutil.copytree(built, out)
    for name in (FACES_FILE, PAIRS_FILE, "report.html", "summary.json"):
        (out / name).unlink()
    return out


def test_pairs_in_parts_are_the_same_pairs(copied: Path, built: Path, tmp_path: Path) -> None:
    """Of millions they are written some at a time."""
    out = again(built, tmp_path / "pairs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gfr_data.pairs.tables.ROW_GROUP", 3)
        build_pairs(config_of(copied, out))
    whole = read_table(built / PAIRS_FILE, PAIRS)
    assert whole.num_rows > 6
    assert read_table(out / PAIRS_FILE, PAIRS).equals(whole)


def test_where_a_folder_of_crops_would_be_crowded_it_is_parted(copied: Path, built: Path, tmp_path: Path) -> None:
    out = again(built, tmp_path / "pairs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gfr_data.pairs.tables.crowded", lambda names: crowded(names, 1))
        build_pairs(config_of(copied, out))
    assert validate_dataset(out) == []
    before, after = (read_table(folder / PAIRS_FILE, PAIRS).to_pylist() for folder in (built, out))
    assert [row["pair_id"] for row in after] == [row["pair_id"] for row in before]
    assert all((out / row["target_path"]).is_file() for row in after)
    assert [row["target_hash"] for row in after] == [row["target_hash"] for row in before]
    assert after[0]["target_path"] != before[0]["target_path"]
    assert not build_pairs(config_of(copied, out)).changed  # a finished one is what it is, however it was laid out
    assert not build_pairs(config_of(copied, built)).changed


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
from test_build import config_of
from gfr_data.build import build_pairs
build_pairs(config_of(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def test_killed_builds_end_with_the_bytes_of_an_undisturbed_one(copied: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    command = [sys.executable, "-c", BUILD_ALONE, str(copied), str(out)]
    alone = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    begun = time.monotonic()
    subprocess.run(command, check=True, env=alone)
    whole = time.monotonic() - begun
    assert contents(out) == contents(built)
    shutil.rmtree(out)
    draw = random.Random(0)
    kills = 0
    while kills < KILLS:
        process = subprocess.Popen(command, env=alone)
        try:
            process.wait(draw.uniform(0.2, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        if (out / "summary.json").exists():
            assert contents(out) == contents(built)
            shutil.rmtree(out)
    subprocess.run(command, check=True, env=alone)
    assert contents(out) == contents(built)


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
from test_build import config_of, deadly
config = config_of(Path(sys.argv[1]), Path(sys.argv[2]), "casia-webface", jobs=1)
examine_all(Work(config.out / "work", config.made_by()), config.examination(), config.engine, silent, deadly)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_photograph_that_kills_its_worker_twice_is_a_row_and_not_the_builds_end(
    people: Path, tmp_path: Path, jobs: int
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
        alone = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        command = [sys.executable, "-c", EXAMINE_DEADLY, str(root), str(config.out)]
        ends = [subprocess.run(command, check=False, env=alone).returncode for _ in range(2)]
        assert ends == [-signal.SIGKILL, 0]
    else:
        examine_all(work, config.examination(), config.engine, silent, deadly)
    rows = [row for number in range(work.count()) for row in _rows(work, number)]
    dead = [row for row in rows if row["status"] == "unreadable"]
    assert [(Path(row["source_path"]).name, row["message"]) for row in dead] == [("deadly.jpg", WORKER_DIED)]
    assert len(rows) == sum(work.sizes())


def _rows(work: Work, number: int) -> list[dict[str, object]]:
    return pq.read_table(work.shard(number)).to_pylist()


def test_photographs_that_are_not_kept_are_decoded_again_with_the_same_result(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[str] = []
    read = landmarks.read_again
    monkeypatch.setattr(landmarks, "read_again", lambda photo, *rest: again.append(photo.name) or read(photo, *rest))
    build_pairs(config_of(people, tmp_path / "kept", "casia-webface", limit=1))
    assert again == []
    monkeypatch.setattr(shard, "KEPT", 0)
    build_pairs(config_of(people, tmp_path / "read", "casia-webface", limit=1))
    assert len(again) > 1
    tables = [(tmp_path / name / FACES_FILE).read_bytes() for name in ("kept", "read")]
    assert tables[0] == tables[1]


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


@pytest.mark.parametrize("reader", ["pandas", "duckdb", "polars", "datasets"])
def test_tables_read_elsewhere(built: Path, tmp_path: Path, reader: str) -> None:
    package = pytest.importorskip(reader)
    path = str(built / PAIRS_FILE)
    expected = pq.read_table(path)["pair_id"].to_pylist()
    if reader == "pandas":
        found = package.read_parquet(path)["pair_id"].tolist()
    elif reader == "duckdb":
        found = [row[0] for row in package.sql(f"select pair_id from '{path}'").fetchall()]
    elif reader == "polars":
        found = package.read_parquet(path)["pair_id"].to_list()
    else:
        cache = str(tmp_path / "cache")
        loaded = package.load_dataset("parquet", data_files=path, split="train", cache_dir=cache)
        assert len(loaded[0]["target_landmarks"]) == 136
        found = list(loaded["pair_id"])
    assert found == expected


def stop_after_index(config: BuildConfig) -> None:
    class StopError(Exception):
        pass

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "examine":
            raise StopError

    with pytest.raises(StopError):
        build_pairs(config, progress)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda c: replace(c, sources=()), "no --source"),
        (lambda c: replace(c, sources=c.sources * 2), "two sources are called"),
        (lambda c: replace(c, limit=0), "--limit is 0"),
        (lambda c: replace(c, landmarks="mediapipe"), "--landmarks: 'mediapipe'"),
        (
            lambda c: replace(c, out=Path(c.sources[0].root) / "train" / "out"),
            r"--out .*/out lies in the source .*/vggface2",
        ),
        (lambda c: replace(c, out=Path(c.sources[0].root)), "lies in the source"),
        (lambda c: replace(c, out=Path(c.sources[0].root).parent), "holds the source .*/vggface2.*holds the source"),
    ],
)
def test_setting_that_cannot_be_used_is_named(
    copied: Path, tmp_path: Path, changed: Callable[[BuildConfig], BuildConfig], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build_pairs(changed(config_of(copied, tmp_path / "pairs")))
    assert not (tmp_path / "pairs").exists()


def test_plan_writes_nothing_and_counts_everything(copied: Path, tmp_path: Path) -> None:
    found = plan(config_of(copied, tmp_path / "pairs"))
    photographs = [path for name in ("vggface2", "casia-webface") for path in (copied / name).rglob("*.jpg")]
    assert sum(found.photographs.values()) == len(photographs)
    assert not (tmp_path / "pairs").exists()


def test_real_photographs(real_faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    build_pairs(config_of(real_faces, out))
    assert validate_dataset(out) == []
    faces = read_table(out / FACES_FILE, FACES).to_pylist()
    assert len(faces) == 34
    assert all(row["box"] is not None for row in faces)
    pairs = read_table(out / PAIRS_FILE, PAIRS).to_pylist()
    assert {row["split"] for row in pairs} == {"train", "val", "test-vggface2", "test-webface"}
    assert {row["split"] for row in pairs if row["person"] == "barack obama"} <= {"train"}
    assert all(abs(row["guide_yaw"]) <= 15 for row in pairs)


def test_device_auto_is_what_the_build_began_with_else_what_is_there(tmp_path: Path) -> None:
    import torch

    config = BuildConfig(sources=(), out=tmp_path, device="auto", landmarks="file:points.csv")
    here = "cuda" if torch.cuda.is_available() else "cpu"
    other = "cpu" if here == "cuda" else "cuda"
    assert settled(config).device == settled(replace(config, out=tmp_path / "new")).device == here
    (tmp_path / "build.json").write_text(f'{{\n  "sources": [], "device": "{other}"}}')
    assert settled(config).device == other
    assert settled(replace(config, overwrite=True)).device == here
    assert settled(replace(config, device=here)).device == here


def test_landmarks_auto_is_recorded_as_what_it_means_and_stays_so(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAN's weights may come, and dlib go, between two calls: one build has points of one provider."""
    provider = config_of(copied, tmp_path).landmarks
    monkeypatch.setattr("gfr_data.build.choose_provider", lambda weights: provider)
    config = replace(config_of(copied, tmp_path / "pairs", "casia-webface", limit=1), landmarks="auto")
    assert build_pairs(config).changed
    assert json.loads((tmp_path / "pairs" / "build.json").read_text())["landmarks"] == provider
    monkeypatch.setattr("gfr_data.build.choose_provider", lambda weights: "fan")
    assert not build_pairs(config).changed
    assert settled(replace(config, overwrite=True)).landmarks == "fan"
