"""Pairs to degraded observations: `pairs.parquet` -> `degraded.parquet`, the low-resolution files and their crops.

DIR2/degraded.parquet     one row per observation; written last
DIR2/lq/<pair_id>-<copy>  the low-resolution file itself: .jpg or .webp, or .png when q = 0
DIR2/crops/...            the targets and all guides, as in the pairs' folder
DIR2/degrade.json         what the folder is made with, so that two settings never mix
DIR2/done.jsonl           hash, size and time of each file as it is made; gone once the table has them

Where a folder would hold more than 10,000 files or folders, they lie a folder deeper, called by the first digits of the
hash of their own name; a set that was begun before that was so is finished as it was begun.

Every file is whole or absent and depends on its own key alone: killed anywhere and run again, what is missing is made.
So is what is not as it was made: a file of which neither the table nor the notes tell may be anything. A file that has
the size and time that were noted is not read again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from gfr_data.degradation.crops import keep_crops
from gfr_data.degradation.job import (
    DONE_FILE,
    FOLDER,
    TASK_PAIRS,
    Job,
    count_tasks,
    crop_tasks,
    observation_tasks,
    prepare,
)
from gfr_data.degradation.observations import degrade_pairs
from gfr_data.engine import Engine, WorkerDiedError, run
from manifests import (
    DEGRADED,
    DEGRADED_FILE,
    PAIRS,
    DataError,
    Progress,
    is_made_by,
    is_whole,
    read_table,
    silent,
    write_parts,
)
from manifests.degradation.spaces import Space
from manifests.files import digest_of
from manifests.folders import check, claimed, remove
from manifests.notes import append_note, read_notes
from manifests.tables.io import ROW_GROUP
from manifests.tables.parts import regrouped

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
    job = prepare(pairs_dir, out, splits, space, copies, seed, overwrite)
    with claimed(out, FOLDER, job.made_by.config, overwrite):
        finished = _finished(job)
        summary = _summary(job, 0, changed=False) if finished else _make(job, seed, Engine(jobs=jobs), progress)
        remove(out, (DONE_FILE,))
        return summary


def _make(job: Job, seed: int, engine: Engine, progress: Progress) -> DegradeSummary:
    """Make all that is not there yet, the table last."""
    known = _known(job)
    problems: list[tuple[int, str]] = []
    crops = crop_tasks(job, TASK_PAIRS, known)
    for kept, unusable, new in _run_all(keep_crops, crops, job, engine, "crops", progress):
        if new:
            append_note(job.out / DONE_FILE, kept)
        problems += unusable
    digests: dict[str, str] = {}
    written = 0
    observations = observation_tasks(job, TASK_PAIRS, known)
    for made, new, count in _run_all(degrade_pairs, observations, job, engine, "degrade", progress):
        if new:
            append_note(job.out / DONE_FILE, made)
        digests |= {name: digest_of(one) for name, one in made.items()}
        written += count
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DataError(f"{min(problems)[1]}{more}; build the pairs again, then run this again: what is done stays")
    write_parts(job.out / DEGRADED_FILE, regrouped(_tables(job, digests, seed), ROW_GROUP), DEGRADED, job.made_by)
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
    job = prepare(pairs_dir, out, splits, space, copies, seed, overwrite)
    stays = bool(check(out, FOLDER, job.made_by.config, overwrite))
    known = _known(job) if stays else {}
    missing = sum(not (name in known and is_whole(out / name)) for name in job.names)
    return _summary(job, written=missing, changed=not (stays and _finished(job)))


def _finished(job: Job) -> bool:
    """Whether `out` holds the result: a table that can be read, and all its files, as far as their ends tell."""
    if not _digests_of_table(job):
        return False
    crops = {crop.path for _, crop in job.crops()}
    return all(is_whole(job.out / name) for name in (*job.names, *crops))


def _known(job: Job) -> dict[str, str]:
    """What is known of each file that was made: of low-resolution ones from the table, before that as it was noted."""
    if known := _digests_of_table(job):
        return known
    notes = read_notes(job.out / DONE_FILE)
    return {path: made for note in notes for path, made in note.items() if isinstance(made, str)}


def _digests_of_table(job: Job) -> dict[str, str]:
    """The hash of each low-resolution file by its lq_path; {} where there is no table."""
    path = job.out / DEGRADED_FILE
    if not is_made_by(path, job.made_by):
        return {}
    try:
        table = read_table(path, DEGRADED, ["lq_path", "lq_hash"])
    except DataError:  # damaged: it is made again
        return {}
    return dict(zip(table["lq_path"].to_pylist(), table["lq_hash"].to_pylist(), strict=True))


def _run_all(
    function: Callable[[Task], Result], tasks: Iterable[Task], job: Job, engine: Engine, stage: str, progress: Progress
) -> Iterator[Result]:
    count = count_tasks(job, TASK_PAIRS)
    progress(stage, 0, count)
    try:
        for done, result in enumerate(run(function, tasks, engine), start=1):
            yield result
            progress(stage, done, count)
    except WorkerDiedError as error:
        raise DataError(f"a worker process ended ({error}); run again with fewer --jobs: what is done stays") from error
    except OSError as error:  # of the pairs' crops it is caught before: this is the folder that is written
        where = f"{error.filename}: " if error.filename else ""
        raise DataError(f"{where}{error.strerror or error}; mend it, then run again: what is done stays") from error


def _tables(job: Job, digests: dict[str, str], seed: int) -> Iterator[pa.Table]:
    """The table of observations, a part at a time."""
    for first, part in job.parts(PAIRS.names):
        repeated = part.take(pa.array(np.repeat(np.arange(part.num_rows), job.copies)))
        own = slice(first * job.copies, (first + part.num_rows) * job.copies)
        names = job.names[own]
        columns: dict[str, Any] = {name: repeated[name] for name in PAIRS.names}
        columns |= job.draws[own].columns()
        columns |= {
            "copy": np.tile(np.arange(job.copies), part.num_rows),
            "lq_path": names,
            "lq_hash": [digests[name] for name in names],
            "seed": np.full(len(names), seed),
        }
        none = [None] * len(names)  # what only other spaces have
        yield pa.table([_column(columns.get(field.name, none), field) for field in DEGRADED], schema=DEGRADED)


def _column(values: Any, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    return values.cast(field.type) if isinstance(values, pa.ChunkedArray) else pa.array(values).cast(field.type, False)


def _summary(job: Job, written: int, changed: bool) -> DegradeSummary:
    files = Counter(Path(name).suffix for name in job.names)
    return DegradeSummary(
        {split: count * job.copies for split, count in sorted(job.splits.items())},
        dict(sorted(files.items())),
        written,
        changed,
    )
