"""Examine all shards with the workers of an engine, whatever happens to the workers on the way."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr_data.engine import Engine, WorkerDiedError, run
from gfr_data.examination.shard import ExaminationSettings, ShardTask, examine_shard
from gfr_data.examination.work import Work
from manifests import DataError, Progress

Examine = Callable[[ShardTask], int]  # what a worker does with a shard; returns its number of photographs


def examine_all(
    work: Work, settings: ExaminationSettings, engine: Engine, progress: Progress, examine: Examine = examine_shard
) -> None:
    """Examine every unfinished shard. A worker that dies costs its shards a retry, then its photograph its place.

    Where the work is done in this process, the death is noticed by the next run.
    """
    if engine.in_process:
        _examine_carefully(work, settings, engine, examine, work.in_flight())
    sizes = work.sizes()
    total, waiting = sum(sizes), work.missing()
    progress("examine", total - sum(sizes[number] for number in waiting), total)
    while waiting:
        done = total - sum(sizes[number] for number in waiting)
        try:
            for count in run(examine, [ShardTask(work, number, settings) for number in waiting], engine):
                done += count
                progress("examine", done, total)
        except WorkerDiedError as death:
            if not (begun := work.in_flight()):
                raise DataError(f"workers die before they begin ({death}); fewer --jobs need less memory") from death
            _examine_carefully(work, settings, engine, examine, begun)
        waiting = work.missing()


def examine_unreadable_again(work: Work, settings: ExaminationSettings, engine: Engine, progress: Progress) -> None:
    """Examine anew the identities that have an unreadable photograph."""
    failed = [number for number in range(work.count()) if _has_unreadable(work.shard(number))]
    for number in failed:
        work.unskip(number)
    tasks = [ShardTask(work, number, settings, again=True) for number in failed]
    for done, _ in enumerate(run(examine_shard, tasks, engine), start=1):
        progress("examine again", done, len(failed))


def _examine_carefully(
    work: Work, settings: ExaminationSettings, engine: Engine, examine: Examine, begun: Sequence[int]
) -> None:
    """Finish what dead workers were at, a shard and a photograph at a time. What kills a worker twice is skipped."""
    for number in begun:
        deaths = dict.fromkeys(work.noted(number), 1)
        while not work.shard(number).is_file():
            try:
                list(run(examine, [ShardTask(work, number, settings, careful=True)], engine, apart=True))
            except WorkerDiedError:
                rows = work.noted(number)
                deaths = {row: deaths.get(row, 0) + 1 for row in {*deaths, *rows}} if rows else deaths
                work.skip(number, [row for row in rows if deaths[row] > 1])


def _has_unreadable(path: Path) -> bool:
    if not path.is_file():
        return False
    return bool(pc.any(pc.equal(pq.read_table(path, columns=["status"])["status"], "unreadable")).as_py())
