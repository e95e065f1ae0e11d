"""What `gfr-data degrade` has to make, and the tasks of its workers: of a table of millions a part at a time."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gfr_data.degradation.crops import Crop
from gfr_data.degradation.observations import Observation
from manifests import (
    DEGRADED_FILE,
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    Provenance,
    hash_bytes,
    hash_file,
    named_files,
    provenance,
    read_parts,
    read_provenance,
    read_table,
    settings_of,
)
from manifests.crowds import MOST, crowded, placed
from manifests.degradation.draws import pair_keys
from manifests.degradation.spaces import AnyDraws, Space, draw_from, settings_of_space
from manifests.folders import Kind
from manifests.tables.checking import CROPS

SETTINGS_FILE = "degrade.json"
DONE_FILE = "done.jsonl"
TOOL = "gfr-data degrade"
TASK_PAIRS = 16  # pairs that a worker does at a time
PLAIN_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")
FILES = (DEGRADED_FILE, DONE_FILE, "lq/*.jpg", "lq/*.png", "lq/*.webp", "crops/*.png")
FOLDER = Kind(TOOL, SETTINGS_FILE, '{"blur_sigma"', FILES, lambda out: settings_of(out / DEGRADED_FILE, TOOL))

CropTask = tuple[Path, Path, tuple[tuple[Crop, str | None], ...]]
Task = tuple[Path, Path, tuple[Observation, ...]]


@dataclass(frozen=True)
class Job:
    """Everything there is to make."""

    folder: Path  # of the pairs
    out: Path
    rows: np.ndarray  # (pairs,) int64, rows of pairs.parquet, ascending
    splits: Counter[str]  # pairs by split
    draws: AnyDraws  # of all observations, copies of a pair one after another
    names: tuple[str, ...]  # lq_path of each observation
    copies: int
    made_by: Provenance

    def parts(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """The pairs, a row group at a time: number of the first, rows. Raises DataError as `read_parts` does."""
        done = 0
        for first, part in read_parts(self.folder / PAIRS_FILE, PAIRS, columns, self.rows):
            own = self.rows[slice(*np.searchsorted(self.rows, [first, first + part.num_rows]))]
            yield done, part.take(pa.array(own - first))
            done += len(own)

    def crops(self, columns: Sequence[tuple[str, str]] = CROPS) -> Iterator[tuple[int, Crop]]:
        """The crops that each pair names, with the pair's number; the target first."""
        for done, part in self.parts([name for both in columns for name in both]):
            for file in sorted(named_files(part, columns), key=lambda file: file.row):
                row = int(self.rows[done + file.row])
                where = self.folder / PAIRS_FILE, row, file.column
                yield done + file.row, Crop(file.path, file.digest, *where, self.made_by.crop_size)


def prepare(
    folder: Path,
    out: Path,
    splits: Sequence[str] | None,
    space: Space,
    copies: int,
    seed: int,
    overwrite: bool,
) -> Job:
    """What is to be made. Raises ConfigError for settings that cannot be used, DataError for a table that cannot."""
    if copies < 1:
        raise ConfigError(f"--copies must be at least 1, but is {copies}")
    if out.resolve() == folder.resolve():
        raise ConfigError(f"--out is the folder of the pairs, {folder}; give another one")
    table = read_table(folder / PAIRS_FILE, PAIRS, ["pair_id", "split"])
    chosen = splits_to_degrade(table, splits, folder / PAIRS_FILE)
    split = table["split"].to_pylist()
    rows = np.array([row for row, name in enumerate(split) if name in chosen], np.int64)
    pair_ids = table["pair_id"].take(pa.array(rows)).to_pylist()
    keys = np.repeat(pair_keys(seed, pair_ids), copies)
    draws = draw_from(space, keys, np.tile(np.arange(copies), len(rows)))
    plain = (_plain(pair_id) for pair_id in pair_ids for _ in range(copies))
    names = [
        f"{name}-{at % copies}{suffix}" for at, (name, suffix) in enumerate(zip(plain, draws.extensions(), strict=True))
    ]
    settings: dict[str, Any] = settings_of_space(space) | {"splits": chosen, "copies": copies, "seed": seed}
    settings |= {"pairs_hash": hash_file(folder / PAIRS_FILE)}
    folders = crowded(names)
    if folders and (overwrite or not _is_begun(out, settings)):
        settings["most_in_folder"] = MOST  # a set that was begun before folders were parted stays as it is
    else:
        folders = {}
    names = [f"lq/{placed(name, folders)}" for name in names]
    counts = Counter(split[row] for row in rows.tolist())
    made_by = provenance(TOOL, settings, read_provenance(folder / PAIRS_FILE).crop_size)
    return Job(folder, out, rows, counts, draws, tuple(names), copies, made_by)


def _is_begun(out: Path, settings: dict[str, Any]) -> bool:
    """Whether `out` was begun with just these settings."""
    try:
        found = json.loads((out / SETTINGS_FILE).read_text("utf-8", errors="replace"))
    except (OSError, ValueError):
        found = json.loads(settings_of(out / DEGRADED_FILE, TOOL) or "null")
    return bool(found == json.loads(json.dumps(settings)))


def _plain(pair_id: str) -> str:
    """`pair_id` where it can be the name of a file; otherwise its hash."""
    return pair_id if PLAIN_NAME.fullmatch(pair_id) and len(pair_id) < 200 else hash_bytes(pair_id.encode())


def splits_to_degrade(table: pa.Table, splits: Sequence[str] | None, where: Path) -> list[str]:
    """The splits to degrade, sorted. Raises ConfigError for one that the table does not have."""
    present = sorted(table["split"].unique().to_pylist())
    if splits:
        unknown = sorted(set(splits) - set(present))
        if unknown:
            raise ConfigError(f"{where} has no split {', '.join(unknown)}; it has {', '.join(present) or 'no pairs'}")
        return sorted(set(splits))
    chosen = [split for split in present if split.startswith("test-")] or [split for split in present if split == "val"]
    if not chosen:
        raise ConfigError(f"{where} has no test split and no 'val'; name one of its splits: {', '.join(present)}")
    return chosen


def count_tasks(job: Job, size: int) -> int:
    """How many tasks of `size` pairs there are."""
    return -(-len(job.rows) // size)


def crop_tasks(job: Job, size: int, known: Mapping[str, str]) -> Iterator[CropTask]:
    """Each crop once, those that come first with `size` pairs in a task, with what is known of it."""
    seen: set[str] = set()
    for _, group in groupby(job.crops(), key=lambda item: item[0] // size):
        crops = {crop.path: crop for _, crop in group if crop.path not in seen}
        seen.update(crops)
        yield job.folder, job.out, tuple((crop, known.get(path)) for path, crop in crops.items())


def observation_tasks(job: Job, size: int, known: Mapping[str, str]) -> Iterator[Task]:
    """The observations of `size` pairs each, copies one after another, with what is known of their files."""
    targets = (crop for _, crop in job.crops(CROPS[:1]))
    numbers = iter(range(len(job.names)))
    while some := list(islice(targets, size)):
        yield (
            job.folder,
            job.out,
            tuple(
                (crop, job.names[number], job.draws.at(number), known.get(job.names[number]))
                for crop in some
                for number in islice(numbers, job.copies)
            ),
        )
