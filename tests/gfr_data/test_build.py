"""A build is sound, ends the same however it is run, and keeps the paper's rules."""

import csv
import json
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
from gfr_data.examination.landmarks import ELSEWHERE
from manifests import (
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    read_table,
    validate_dataset,
)
from manifests.crowds import crowded
from tests.gfr_data.builds import again, config_of, contents


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
