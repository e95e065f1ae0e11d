"""Labels that are wrong become rows with their reason, and no pairs; without an embedder nothing changes.

The embedder here reads who it is from a mark in the landmarks that come with the photographs.
"""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.examination.row import SHARD
from gfr_data.sources.options import parse_source
from manifests import FACES, FACES_FILE, PAIRS, PAIRS_FILE, ConfigError, read_schema, read_table, validate_dataset
from tests.gfr_data.test_sources import contents

MARKED = 16  # the point that carries the mark: an end of the jaw


@dataclass(frozen=True)
class Marks:
    """Persons as the axes of a space: two of one have the cosine 1, all others 0."""

    name: str = "marks"
    digest: str = "0"
    strangers: float = 0.0
    person: float = 1.0

    def open(self, device: str) -> Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]:
        assert device == "cpu"
        return embed


def embed(crops: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    assert len(crops) == len(points)
    first, second = points[:, 36], points[:, 45]
    along = ((points[:, MARKED] - first) * (second - first)).sum(axis=1) / np.square(second - first).sum(axis=1)
    return np.eye(16)[np.rint(along * 8).astype(int)]


@pytest.fixture(scope="module")
def album(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of persons: `ana` with one of `bo`'s, `mix` of two, `cleo` once more as `zoe`; and marked landmarks."""
    root = tmp_path_factory.mktemp("album") / "album"
    with open(people / "landmarks68.csv", newline="") as file:
        header, *rows = csv.reader(file)
    points = {row[0]: np.array(row[1:], np.float64).reshape(68, 2) for row in rows}
    whose: dict[str, list[str]] = {}
    for path in sorted(points):
        if (people / path).is_file():
            whose.setdefault(path.rpartition("/")[0], []).append(path)
    full = [paths for paths in whose.values() if len(paths) >= 4]
    ana, bo, cleo, dan, eve = (paths[:4] for paths in full[:5])
    folders = {
        "ana": [*ana, bo[0]],
        "bo": bo[1:],
        "cleo": cleo,
        "mix": [*dan[:2], *eve[:2]],
        "zoe": full[5][:4],
    }
    person = {path: number for number, paths in enumerate(full) for path in paths}
    lines = []
    for name, paths in folders.items():
        (root / name).mkdir(parents=True)
        for place, path in enumerate(paths):
            shutil.copyfile(people / path, root / name / f"{place}.jpg")
            mine = points[path].copy()
            number = person[cleo[0]] if name == "zoe" else person[path]
            mine[MARKED] = mine[36] + (mine[45] - mine[36]) * number / 8
            lines.append([f"album/{name}/{place}.jpg", *mine.ravel()])
    with open(root.parent / "points.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return root


def config_of(album: Path, out: Path, jobs: int = 1) -> BuildConfig:
    source = parse_source(f"folder:album={album}")
    return BuildConfig(
        sources=(source,),
        out=out,
        landmarks=f"file:{album.parent / 'points.csv'}",
        embedder=Marks(),
        shard_photographs=6,
        engine=Engine(jobs=jobs),
    )


@pytest.fixture(scope="module")
def made(album: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    config = config_of(album, tmp_path_factory.mktemp("made") / "pairs")
    build_pairs(config)
    return config


def faces_of(config: BuildConfig) -> dict[str, dict[str, object]]:
    return {row["source_path"]: row for row in read_table(config.out / FACES_FILE, FACES).to_pylist()}


def reasons_of(config: BuildConfig) -> dict[str, object]:
    return {path: row["reason"] for path, row in faces_of(config).items()}


def test_each_kind_of_wrong_label_is_a_row_with_its_reason(made: BuildConfig) -> None:
    faces = faces_of(made)
    compared = {path for path, row in faces.items() if row["likeness"] is not None}
    assert faces["ana/4.jpg"]["reason"] == "wrong_person"
    assert "likeness 0.00" in faces["ana/4.jpg"]["message"]
    mixed = {path for path in compared if path.startswith("mix/")}
    assert {faces[path]["reason"] for path in mixed} == {"mixed_identity"}
    twice = {path for path, row in faces.items() if row["reason"] == "same_person"}
    assert len({path.partition("/")[0] for path in twice}) == 1
    assert {faces[path]["message"] for path in twice} <= {"the person of album/zoe", "the person of album/cleo"}
    assert len(mixed) > 1
    assert len(twice) > 1
    pairs = read_table(made.out / PAIRS_FILE, PAIRS).to_pylist()
    assert not {row["target_source_path"] for row in pairs} & ({"ana/4.jpg"} | mixed | twice)
    assert "ana" in {row["identity"] for row in pairs}
    assert validate_dataset(made.out) == []


def test_summary_and_page_count_them(made: BuildConfig) -> None:
    summary = json.loads((made.out / "summary.json").read_text())
    counts = Counter(row["reason"] for row in faces_of(made).values() if row["reason"])
    assert {name: summary["reasons"].get(name) for name in counts} == counts
    assert (summary["without_pair"]["mixed_identity"], summary["without_pair"]["same_person"]) == (1, 1)
    assert summary["compared"] == {"marks": sum(row["likeness"] is not None for row in faces_of(made).values())}
    page = (made.out / "report.html").read_text()
    assert "Fell out: wrong_person" in page
    assert "Likeness to the identity&#39;s other faces" in page
    assert "under the right name" in page


def test_without_an_embedder_no_file_knows_of_one(made: BuildConfig, album: Path, tmp_path: Path) -> None:
    plain = replace(made, out=tmp_path / "pairs", embedder=None)
    build_pairs(plain)
    assert "likeness" not in read_schema(plain.out / FACES_FILE).names
    shards = list(plain.out.glob("work/shards/*/*.parquet"))
    assert shards
    assert all("embedding" not in read_schema(shard).names for shard in shards)
    for name in ("build.json", "summary.json", "report.html"):
        assert not {"embedder", "persons.", "compared", "ikeness"} & set((plain.out / name).read_text().split('"'))
    assert not set(reasons_of(plain).values()) & {"wrong_person", "mixed_identity", "same_person"}
    assert {row["likeness"] for row in faces_of(plain).values()} == {None}


def test_embeddings_stay_in_the_work_folder(made: BuildConfig) -> None:
    """They tell who somebody is: what is shared of a build holds none."""
    assert "embedding" not in read_schema(made.out / FACES_FILE).names
    shard = read_table(next(made.out.glob("work/shards/*/*.parquet")), SHARD)
    assert shard["embedding"].null_count < len(shard)


def test_two_processes_give_the_same_bytes(made: BuildConfig, album: Path, tmp_path: Path) -> None:
    both = config_of(album, tmp_path / "pairs", jobs=2)
    build_pairs(both)
    assert contents(both.out) == contents(made.out)


def test_a_person_who_looks_overrules_the_network(made: BuildConfig, album: Path, tmp_path: Path) -> None:
    before = reasons_of(made)
    mixed = min(path for path, reason in before.items() if reason == "mixed_identity")
    twice = min(path for path, reason in before.items() if reason == "same_person")
    lines = [f"{album}/{path},keep,it is" for path in ("ana/4.jpg", mixed, twice)]
    (tmp_path / "decisions.csv").write_text("\n".join(["path,decision,why", *lines]) + "\n")
    shutil.copytree(made.out, tmp_path / "pairs")
    config = replace(made, out=tmp_path / "pairs", decisions=tmp_path / "decisions.csv")
    summary = build_pairs(config)
    after = reasons_of(config)
    assert [after[path] for path in ("ana/4.jpg", mixed, twice)] == [None, None, None]
    assert summary.decisions == {"keep": 3}
    assert "same_person" not in after.values()  # whose face was kept is not given up for another
    assert "mixed_identity" not in after.values()  # it says who of them the identity is
    wrong = {path.partition("/")[0] for path, reason in after.items() if reason == "wrong_person"}
    assert wrong == {"ana", "mix"}
    build_pairs(made_again := replace(config, decisions=None))
    assert reasons_of(made_again) == before


def test_rules_of_persons_need_an_embedder(made: BuildConfig, tmp_path: Path) -> None:
    changed = replace(made, out=tmp_path / "pairs", persons=replace(made.persons, likeness=0.3))
    with pytest.raises(ConfigError, match="persons"):
        build_pairs(replace(changed, embedder=None))
