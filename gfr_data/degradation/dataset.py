"""Pairs to degraded observations: `pairs.parquet` -> `degraded.parquet`, the low-resolution files and their crops.

DIR2/degraded.parquet     one row per observation; written last
DIR2/lq/<pair_id>-<copy>  the low-resolution file itself: .jpg or .webp, or .png when q = 0
DIR2/crops/...            the targets and all guides, as in the pairs' folder
DIR2/degrade.json         what the folder is made with, so that two settings never mix
DIR2/done.jsonl           hashes of the low-resolution files as they are made; gone once the table has them

Every file is whole or absent and depends on its own key alone: killed anywhere and run again, what is missing is made.
So is what is not as it was made: a file of which neither the table nor the notes tell may be anything.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from gfr_data.degradation.crops import Crop, keep_crops
from gfr_data.degradation.observations import Observation, degrade_pairs
from gfr_data.engine import Engine, WorkerDiedError, run
from manifests import (
    DEGRADED,
    DEGRADED_FILE,
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    DataError,
    Progress,
    Provenance,
    hash_bytes,
    hash_file,
    is_made_by,
    is_whole,
    named_files,
    provenance,
    read_table,
    settings_of,
    silent,
    write_table,
)
from manifests.degradation.draws import pair_keys
from manifests.degradation.spaces import AnyDraws, Space, draw_from, settings_of_space
from manifests.folders import Kind, check, claimed, remove
from manifests.notes import append_note, read_notes

SETTINGS_FILE = "degrade.json"
DONE_FILE = "done.jsonl"
TOOL = "gfr-data degrade"
TASK_PAIRS = 16  # pairs that a worker does at a time
PLAIN_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")
FILES = (DEGRADED_FILE, DONE_FILE, "lq/*.jpg", "lq/*.png", "lq/*.webp", "crops/*.png")
FOLDER = Kind(TOOL, SETTINGS_FILE, '{"blur_sigma"', FILES, lambda out: settings_of(out / DEGRADED_FILE, TOOL))


Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DegradeSummary:
    splits: dict[str, int]  # observations by split
    files: dict[str, int]  # by extension
    written: int  # files of observations that were not there yet
    changed: bool  # whether anything was done

    def text(self) -> str:
        """The summary as lines for a person."""
        total = sum(self.splits.values())
        parts = ", ".join(f"{count:,} {split}" for split, count in self.splits.items())
        kinds = ", ".join(f"{count:,} {extension}" for extension, count in self.files.items())
        return f"{total:,} observations ({parts}): {kinds}; {self.written:,} of them new"


@dataclass(frozen=True)
class _Job:
    """Everything there is to make."""

    folder: Path  # of the pairs
    out: Path
    table: pa.Table  # PAIRS, the rows of the splits
    rows: np.ndarray  # (pairs,) int64, their numbers in pairs.parquet
    draws: AnyDraws  # of all observations, copies of a pair one after another
    names: tuple[str, ...]  # lq_path of each observation
    copies: int
    made_by: Provenance


def degrade_dataset(
    pairs_dir: Path,
    out: Path,
    splits: Sequence[str] | None,  # None: every 'test-...' split, or 'val' where there is none
    space: Space,
    copies: int = 1,  # observations of each pair
    seed: int = 0,
    jobs: int = 1,  # processes; the result does not depend on it
    progress: Progress = silent,
    overwrite: bool = False,  # make it anew
) -> DegradeSummary:
    """Degrade the targets of a build folder's pairs into the folder `out`, which then stands alone.

    Continues what was interrupted, and does nothing where all is done. Raises ConfigError for settings that cannot be
    used or are not those of `out`, DataError when `out` is somebody else's, or crops are unreadable: these are named,
    and all others are done.
    """
    job = _prepare(pairs_dir, out, splits, space, copies, seed)
    with claimed(out, FOLDER, job.made_by.config, overwrite):
        finished = _finished(job)
        summary = _summary(job, 0, changed=False) if finished else _make(job, seed, Engine(jobs=jobs), progress)
        remove(out, (DONE_FILE,))
        return summary


def _make(job: _Job, seed: int, engine: Engine, progress: Progress) -> DegradeSummary:
    """Make all that is not there yet, the table last."""
    kept = list(_run_all(keep_crops, list(_crop_tasks(job)), engine, "crops", progress))
    hashes: dict[str, str] = {}
    written = 0
    for part, new in _run_all(degrade_pairs, list(_tasks(job)), engine, "degrade", progress):
        if new:
            append_note(job.out / DONE_FILE, part)
        hashes |= part
        written += new
    problems = sorted(problem for part in kept for problem in part)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DataError(f"{problems[0][1]}{more}; build the pairs again, then run this again: what is done stays")
    write_table(job.out / DEGRADED_FILE, _table(job, hashes, seed), DEGRADED, job.made_by)
    return _summary(job, written, changed=True)


def plan(
    pairs_dir: Path,
    out: Path,
    splits: Sequence[str] | None,
    space: Space,
    copies: int = 1,
    seed: int = 0,
    overwrite: bool = False,
) -> DegradeSummary:
    """What `degrade_dataset` would do; writes nothing. Raises what it would raise before it begins."""
    job = _prepare(pairs_dir, out, splits, space, copies, seed)
    stays = bool(check(out, FOLDER, job.made_by.config, overwrite))
    known = _known_hashes(job) if stays else {}
    missing = sum(not (name in known and is_whole(out / name)) for name in job.names)
    return _summary(job, written=missing, changed=not (stays and _finished(job)))


def splits_to_degrade(table: pa.Table, splits: Sequence[str] | None, where: Path) -> list[str]:
    """The splits to degrade, sorted. Raises ConfigError for one that the table does not have."""
    present = sorted(set(table["split"].to_pylist()))
    if splits:
        unknown = sorted(set(splits) - set(present))
        if unknown:
            raise ConfigError(f"{where} has no split {', '.join(unknown)}; it has {', '.join(present) or 'no pairs'}")
        return sorted(set(splits))
    chosen = [split for split in present if split.startswith("test-")] or [split for split in present if split == "val"]
    if not chosen:
        raise ConfigError(f"{where} has no test split and no 'val'; name one of its splits: {', '.join(present)}")
    return chosen


def _prepare(folder: Path, out: Path, splits: Sequence[str] | None, space: Space, copies: int, seed: int) -> _Job:
    if copies < 1:
        raise ConfigError(f"--copies must be at least 1, but is {copies}")
    if out.resolve() == folder.resolve():
        raise ConfigError(f"--out is the folder of the pairs, {folder}; give another one")
    table = read_table(folder / PAIRS_FILE, PAIRS)
    chosen = splits_to_degrade(table, splits, folder / PAIRS_FILE)
    rows = np.array([row for row, split in enumerate(table["split"].to_pylist()) if split in chosen])
    table = table.select(PAIRS.names).take(pa.array(rows))
    keys = np.repeat(pair_keys(seed, table["pair_id"].to_pylist()), copies)
    draws = draw_from(space, keys, np.tile(np.arange(copies), len(rows)))
    observations = [(pair_id, copy) for pair_id in table["pair_id"].to_pylist() for copy in range(copies)]
    names = tuple(
        f"lq/{_plain(pair_id)}-{copy}{extension}"
        for (pair_id, copy), extension in zip(observations, draws.extensions(), strict=True)
    )
    settings = settings_of_space(space) | {
        "splits": chosen,
        "copies": copies,
        "seed": seed,
        "pairs_hash": hash_file(folder / PAIRS_FILE),
    }
    return _Job(folder, out, table, rows, draws, names, copies, provenance(TOOL, settings))


def _plain(pair_id: str) -> str:
    """`pair_id` where it can be the name of a file; otherwise its hash."""
    return pair_id if PLAIN_NAME.fullmatch(pair_id) and len(pair_id) < 200 else hash_bytes(pair_id.encode())


def _finished(job: _Job) -> bool:
    """Whether `out` holds the result: a table that can be read, and all its files, as far as their ends tell."""
    if not _hashes_of_table(job):
        return False
    crops = {file.path for file in named_files(job.table)}
    return all(is_whole(job.out / name) for name in (*job.names, *crops))


def _known_hashes(job: _Job) -> dict[str, str]:
    """The hash of each file that was made, by its lq_path: of all from the table, before that as they were noted."""
    if known := _hashes_of_table(job):
        return known
    notes = read_notes(job.out / DONE_FILE)
    return {path: digest for note in notes for path, digest in note.items() if isinstance(digest, str)}


def _hashes_of_table(job: _Job) -> dict[str, str]:
    """The hash of each file by its lq_path; {} where there is no table."""
    path = job.out / DEGRADED_FILE
    if not is_made_by(path, job.made_by):
        return {}
    try:
        table = read_table(path, DEGRADED)
    except DataError:  # damaged: it is made again
        return {}
    return dict(zip(table["lq_path"].to_pylist(), table["lq_hash"].to_pylist(), strict=True))


def _crop_tasks(job: _Job) -> Iterator[tuple[Path, Path, tuple[Crop, ...]]]:
    """Each crop once, in parts."""
    crops = {crop.path: crop for crop in _crops(job)}
    listed = sorted(crops.values(), key=lambda crop: crop.path)
    for start in range(0, len(listed), TASK_PAIRS):
        yield job.folder, job.out, tuple(listed[start : start + TASK_PAIRS])


def _crops(job: _Job) -> Iterator[Crop]:
    """All crops that the pairs name; the targets first, in the order of the rows."""
    for file in named_files(job.table):
        yield Crop(file.path, file.digest, job.folder / PAIRS_FILE, int(job.rows[file.row]), file.column)


def _tasks(job: _Job) -> Iterator[tuple[Path, Path, tuple[Observation, ...]]]:
    """The observations of a few pairs each, copies one after another."""
    draws = (job.draws.at(number) for number in range(len(job.names)))
    targets = (crop for crop in _crops(job) if crop.column == "target_path" for _ in range(job.copies))
    known = _known_hashes(job)
    observations = tuple(zip(targets, job.names, draws, map(known.get, job.names), strict=True))
    size = TASK_PAIRS * job.copies
    for start in range(0, len(observations), size):
        yield job.folder, job.out, observations[start : start + size]


def _run_all(
    function: Callable[[Task], Result], tasks: list[Task], engine: Engine, stage: str, progress: Progress
) -> Iterator[Result]:
    progress(stage, 0, len(tasks))
    try:
        for done, result in enumerate(run(function, tasks, engine), start=1):
            yield result
            progress(stage, done, len(tasks))
    except WorkerDiedError as error:
        raise DataError(f"a worker process ended ({error}); run again with fewer --jobs: what is done stays") from error
    except OSError as error:  # of the pairs' crops it is caught before: this is the folder that is written
        where = f"{error.filename}: " if error.filename else ""
        raise DataError(f"{where}{error.strerror or error}; mend it, then run again: what is done stays") from error


def _table(job: _Job, hashes: dict[str, str], seed: int) -> pa.Table:
    repeated = job.table.take(pa.array(np.repeat(np.arange(job.table.num_rows), job.copies)))
    columns: dict[str, Any] = {name: repeated[name] for name in PAIRS.names}
    columns |= job.draws.columns()
    columns |= {
        "copy": np.tile(np.arange(job.copies), job.table.num_rows),
        "lq_path": job.names,
        "lq_hash": [hashes[name] for name in job.names],
        "seed": np.full(len(job.names), seed),
    }
    none = [None] * len(job.names)  # what only other spaces have
    return pa.table([_column(columns.get(field.name, none), field) for field in DEGRADED], schema=DEGRADED)


def _column(values: Any, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    return values.cast(field.type) if isinstance(values, pa.ChunkedArray) else pa.array(values).cast(field.type, False)


def _summary(job: _Job, written: int, changed: bool) -> DegradeSummary:
    splits = Counter(job.table["split"].to_pylist())
    files = Counter(Path(name).suffix for name in job.names)
    return DegradeSummary(
        {split: count * job.copies for split, count in sorted(splits.items())},
        dict(sorted(files.items())),
        written,
        changed,
    )
