"""Examine all shards with the workers of an engine, whatever happens to the workers on the way."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import pyarrow.compute as pc

from gfr_data.engine import Engine, WorkerDiedError, run
from gfr_data.examination.decisions import Decided, Decision
from gfr_data.examination.index import read_photographs
from gfr_data.examination.row import decision_of, read_shard
from gfr_data.examination.shard import ExaminationSettings, ShardTask, examine_shard
from gfr_data.examination.work import Work
from gfr_data.sources.source import Source
from manifests import DataError, Progress

NOTHING: Decided = {}
Examine = Callable[[ShardTask], int]  # what a worker does with a shard; returns its number of photographs


def examine_all(
    work: Work,
    settings: ExaminationSettings,
    engine: Engine,
    progress: Progress,
    examine: Examine = examine_shard,
    decided: Decided = NOTHING,
) -> None:
    """Examine every unfinished shard. A worker that dies costs its shards a retry, then its photograph its place.

    Where the work is done in this process, the death is noticed by the next run.
    """
    if engine.in_process:
        _examine_carefully(work, settings, engine, examine, work.in_flight(), decided)
    sizes = work.sizes()
    total, waiting = sum(sizes), work.missing()
    progress("examine", total - sum(sizes[number] for number in waiting), total)
    while waiting:
        done = total - sum(sizes[number] for number in waiting)
        try:
            tasks = [ShardTask(work, number, settings, decided=decided.get(number, {})) for number in waiting]
            for count in run(examine, tasks, engine):
                done += count
                progress("examine", done, total)
        except WorkerDiedError as death:
            if not (begun := work.in_flight()):
                raise DataError(f"workers die before they begin ({death}); fewer --jobs need less memory") from death
            _examine_carefully(work, settings, engine, examine, begun, decided)
        waiting = work.missing()


def examine_again(
    work: Work,
    settings: ExaminationSettings,
    engine: Engine,
    progress: Progress,
    decided: Decided = NOTHING,
    unreadable: bool = False,
) -> None:
    """Examine anew the identities that have other decisions than they were examined with.

    unreadable: those with an unreadable photograph as well. A shard whose worker dies counts as not examined.
    """
    tasks = []
    for number in range(work.count()):
        again = unreadable and _has_unreadable(work, number)
        if again:
            work.unskip(number)
        if again or _has_other_decisions(work, number, decided.get(number, {})):
            tasks.append(ShardTask(work, number, settings, False, True, unreadable, decided.get(number, {})))
    waiting = {task.number for task in tasks}
    try:
        for done, _ in enumerate(run(examine_shard, tasks, engine), start=1):
            progress("examine again", done, len(tasks))
    except WorkerDiedError:
        work.forget_shards(waiting)


def _has_other_decisions(work: Work, number: int, decided: Mapping[int, Decision]) -> bool:
    if not work.is_done(number) or (not decided and work.is_undecided(number)):
        return False
    rows = enumerate(read_shard(work, number, ["decision", "decision_why"]).to_pylist())
    return {row: decision for row, face in rows if (decision := decision_of(face)) is not None} != decided


def drop_misfits(work: Work, sources: Sequence[Source]) -> bool:
    """After a new index, for the old one was lost: remove shards of other photographs, and notes, which name rows.

    Returns whether there was anything to remove.
    """
    dropped = False
    for number, paths in groupby(sorted(work.files()), key=lambda one: one[0]):
        if number >= work.count() or not _fits(work, number, sources):
            for _, path in paths:
                path.unlink(missing_ok=True)
                dropped = True
    return dropped


def _fits(work: Work, number: int, sources: Sequence[Source]) -> bool:
    if not work.is_done(number):
        return False
    names = ("dataset", "subset", "identity", "person", "source_path")
    rows = read_shard(work, number, names).to_pylist()
    photographs = read_photographs(work, number, sources)
    wanted = [(p.source.dataset, p.subset, p.identity, p.person, p.source_path) for p in photographs]
    return [tuple(row[name] for name in names) for row in rows] == wanted


def _examine_carefully(
    work: Work,
    settings: ExaminationSettings,
    engine: Engine,
    examine: Examine,
    begun: Sequence[int],
    decided: Decided,
) -> None:
    """Finish what dead workers were at, a shard and a photograph at a time. What kills a worker twice is skipped."""
    for number in begun:
        deaths = dict.fromkeys(work.noted(number), 1)
        while not work.is_done(number):
            try:
                task = ShardTask(work, number, settings, careful=True, decided=decided.get(number, {}))
                list(run(examine, [task], engine, apart=True))
            except WorkerDiedError:
                rows = work.noted(number)
                deaths = {row: deaths.get(row, 0) + 1 for row in {*deaths, *rows}} if rows else deaths
                work.skip(number, [row for row in rows if deaths[row] > 1])


def _has_unreadable(work: Work, number: int) -> bool:
    if not work.is_done(number):
        return False
    return bool(pc.any(pc.equal(read_shard(work, number, ["status"])["status"], "unreadable")).as_py())
