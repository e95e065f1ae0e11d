"""Whether photographs of real people give the same pairs from a folder, tars, WebDataset's shards and Parquet, and how
long each takes.

python -m tests.benchmarks.same_sources PEOPLE OUT [PAIRS]

PEOPLE holds `celeba/`, `london/`, `lfw/` with a folder per person, and `landmarks68.csv`; PAIRS is the build of the
folder, where it was made before (`make model` makes it). What was made in OUT is not made again.
"""

import os
import platform
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.pairs.guide import SelectionRules
from gfr_data.sources.options import parse_source
from manifests import PAIRS_FILE
from tests.gfr_data.packing import dealt, files_in, pack, shard, tabulate

DATASETS = {"celeba": "folder", "london": "folder", "lfw": "lfw"}
FORMS = ("folder", "tar", "webdataset", "parquet")
SHARDS = 4
# What a photograph is called in its file.
NAMES = ("source_path", "target_source_path", "guide_source_path", "more_guides_source_path", "message")


def prepare(people: Path, form: str, dataset: str, room: Path) -> tuple[str, dict[str, str]]:
    """A dataset as `form` has it: its --source, and what its photographs are called there beside what in `people`."""
    folder = people / dataset
    if form == "folder":
        return f"{DATASETS[dataset]}:{dataset}={folder}", {}
    names = {f"{dataset}/{p.relative_to(folder).as_posix()}": p for p in files_in(folder)}
    root, layout = room / f"{dataset}.{form}", form
    if form == "tar":
        layout = DATASETS[dataset]
        if not root.exists():
            pack(folder, root)
        return f"{layout}:{dataset}={root}", {name: f"{root.name}/{name.partition('/')[2]}" for name in names}
    if not root.exists():
        shard(folder, root, SHARDS) if form == "webdataset" else tabulate(folder, root, rows=100)
    if form == "webdataset":
        called = {n: f"{i % SHARDS:05d}.tar/{n.partition('/')[2]}" for i, n in enumerate(names)}
    else:
        rows = {path: row for row, path in enumerate(dealt(folder))}
        called = {name: f"train-00000-of-00001.parquet/{rows[path]}/{path.name}" for name, path in names.items()}
    return f"{layout}:{dataset}={root}", {name: f"{root.name}/{inside}" for name, inside in called.items()}


def build(people: Path, form: str, out: Path) -> tuple[Path, float]:
    """The build of `form`, and the seconds that it took."""
    room = out / form
    room.mkdir(parents=True, exist_ok=True)
    prepared = [prepare(people, form, dataset, room) for dataset in DATASETS]
    points = people / "landmarks68.csv"
    if form != "folder":
        table = pyarrow.csv.read_csv(points)
        called = {name: other for _, names in prepared for name, other in names.items()}
        paths = [called[name] for name in table["path"].to_pylist()]
        points = room / "landmarks68.parquet"
        pq.write_table(table.set_column(0, "path", [paths]), points)
    config = BuildConfig(
        sources=tuple(parse_source(source) for source, _ in prepared),
        out=out / f"pairs-{form}",
        landmarks=f"file:{points}",
        rules=SelectionRules(most=20),
        engine=Engine(jobs=os.cpu_count() or 1),
    )
    start = time.perf_counter()
    build_pairs(config)
    return config.out, time.perf_counter() - start


def differences(one: Path, other: Path, table: str) -> int:
    """Rows of a table that the other build does not have, names in files aside; of columns that both have."""
    tables = [pq.read_table(folder / table) for folder in (one, other)]
    both = [name for name in tables[0].schema.names if name in tables[1].schema.names and name not in NAMES]
    rows = [Counter(map(repr, found.select(both).to_pylist())) for found in tables]
    return sum((rows[0] - rows[1]).values()) + sum((rows[1] - rows[0]).values())


def main() -> None:
    people, out = Path(sys.argv[1]), Path(sys.argv[2])
    reference = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    print(f"{'source':<12}{'photographs':>12}{'pairs':>8}{'other faces':>13}{'other pairs':>13}{'seconds':>9}")
    for form in FORMS:
        made, seconds = (reference, 0.0) if form == "folder" and reference else build(people, form, out)
        reference = reference or made
        faces = pq.read_table(made / "faces.parquet", columns=["status"])
        pairs = pq.read_table(made / PAIRS_FILE, columns=["pair_id"])
        other = [differences(reference, made, name) for name in ("faces.parquet", PAIRS_FILE)]
        print(
            f"{form:<12}{faces.num_rows:>12,}{pairs.num_rows:>8,}{other[0]:>13}{other[1]:>13}{seconds:>9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
