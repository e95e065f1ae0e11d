"""The training procedure (§4.2): WarpNet alone on the flow loss, then everything, at three learning rates.

A run is a function of its configuration and its pairs. It can be killed anywhere: the same call goes on from the newest
checkpoint, and on a CPU ends with the same weights, bit for bit, as if nothing had happened.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from gfr_model import checkpoint
from gfr_model.config import TrainConfig
from gfr_model.device import tensor_float
from gfr_model.inference import shortfall_of
from gfr_model.models import POINTS
from gfr_model.training.batches import Feed
from gfr_model.training.initial import read_initial, take_over
from gfr_model.training.judges import judges_of, load_judges
from gfr_model.training.kept import Origin, Position, mend_model, resume, save, write_model
from gfr_model.training.meter import Meter, note_of
from gfr_model.training.objective import Judges
from gfr_model.training.pairs import Splits, load, read_splits
from gfr_model.training.processes import World, any_of, interrupts, join, wait
from gfr_model.training.run import RunLog, open_run
from gfr_model.training.schedule import Plan, after_validation, begin, finished, make_plan, rates, window_of
from gfr_model.training.step import Learner
from gfr_model.training.summary import TrainSummary, summary_lines, write_summary
from gfr_model.training.validation import validate
from gfr_model.training.watch import warnings_of
from manifests import ConfigError, DataError, Progress, keep_freed_memory, silent

SANITY_BATCHES = 2  # of validation before the first step
WARNINGS = 10  # of a run that are kept


@dataclass(frozen=True)
class Session:
    """What the loop works with."""

    run: Path
    config: TrainConfig
    world: World
    splits: Splits
    plan: Plan
    learner: Learner
    origin: Origin
    feed: Feed
    val_feed: Feed
    log: RunLog
    meter: Meter
    say: Callable[[str], None]


def train(
    folder: Path,  # build folder with pairs.parquet
    run: Path,  # folder of this run; an earlier part of it is continued
    config: TrainConfig,
    device: str = "cpu",  # 'cpu', 'cuda', or one device of several, 'cuda:1'
    overwrite: bool = False,  # begin anew where `run` holds one
    progress: Progress = silent,
    say: Callable[[str], None] = lambda line: None,  # told what a person should know
    trust_program: bool = False,  # run the program that `identity_weights` names
) -> TrainSummary:
    """Train a network on the pairs of `folder`, or finish training it.

    Raises ConfigError or DataError with a line for a person, and KeyboardInterrupt after a signal once all is saved.
    """
    with join(device) as world, interrupts() as stopped, tensor_float(config.tf32):
        # Refuse what cannot be trained before anything is written.
        if config.batch_size % world.size:
            raise ConfigError(f"batch_size {config.batch_size} cannot be shared equally by {world.size} processes")
        if config.norm == "batch" and config.model != POINTS and config.batch_size == world.size > 1:
            raise ConfigError("batch norm needs two samples in each process: double batch_size, or --set norm=instance")
        if not world.leads:
            progress, say = silent, lambda line: None
        judges = load_judges(config, world, trust_program)
        begins = overwrite or not checkpoint.existing(run)
        initial = read_initial(config) if begins else {}
        splits = read_splits(folder, config.hold_out, config.seed, config.most_val_pairs)
        if splits.note:
            say(splits.note)
        # Claim the run's folder, new or with an earlier part of this run.
        with open_run(run, config, splits.manifest_hash, overwrite) if world.leads else nullcontext("") as note:
            wait(world)
            if note:
                say(note)
            # Construct the networks and go on where the newest checkpoint stands.
            learner, meter = _make_learner(config, world, judges, initial, say), Meter(world)
            origin = Origin(splits.manifest_hash, judges_of(config))
            start = end = resume(run, learner, meter, origin, say)
            plan = make_plan(config, len(splits.train))
            done = start.step >= plan.total_steps or finished(start.schedule, config)
            if world.leads and (line := mend_model(run, config, start, origin, done)):
                say(line)
            # Train.
            if done:
                say(f"{run} is finished: nothing to do")
            else:
                session = _open_session(run, splits, plan, learner, meter, origin, start.step, progress, say)
                end = _fit(session, start, stopped, progress)
                session.log.close()
            return _conclude(run, end, start, splits, config, world)


def _make_learner(
    config: TrainConfig, world: World, judges: Judges, initial: dict[str, Tensor], say: Callable[[str], None]
) -> Learner:
    """The networks, with the weights of other runs that they begin with, compiled where that is wanted."""
    learner = Learner(config, world, judges)
    if initial:
        say(take_over(learner.network, initial, config))
        learner.average.restart()
    if config.compile and (reason := learner.compile()):
        say(f"torch.compile does not work here ({reason}); training goes on without it, slower")
    return learner


def _open_session(
    run: Path,
    splits: Splits,
    plan: Plan,
    learner: Learner,
    meter: Meter,
    origin: Origin,
    step: int,
    progress: Progress,
    say: Callable[[str], None],
) -> Session:
    """Load the crops, and validate a little, so that what would fail an hour later fails now."""
    config, world = learner.config, learner.world
    if world.device.type == "cpu":
        keep_freed_memory()
    feed, val_feed = (
        Feed(load(table, config.image_size, config.storage, world.device, progress), config, world)
        for table in (splits.train, splits.val)
    )
    log = RunLog(run, step, active=world.leads)
    validate(learner, val_feed, world, batches=SANITY_BATCHES)
    return Session(run, config, world, splits, plan, learner, origin, feed, val_feed, log, meter, say)


def _fit(session: Session, position: Position, stopped: threading.Event, progress: Progress) -> Position:
    """The loop. It knows stages, rates and when to look; what a step does, the learner knows."""
    config, plan, learner, meter = session.config, session.plan, session.learner, session.meter
    step, skipped, schedule = position.step, position.skipped, position.schedule
    found, warnings, note = position.validation, position.warnings, ""
    kept_at = time.monotonic()
    while step < plan.total_steps:
        # Which stage, at which rate?
        warping = step < plan.warp_steps
        if not warping:
            schedule = begin(schedule, step, config)
        if finished(schedule, config):
            break
        learner.set_rate(*rates(step, warping, schedule, plan, config))

        # Take a step.
        inputs = session.feed.step(step, warping)
        window = window_of(step, plan, config)
        meter.add(step, learner.warp_step(inputs) if warping else learner.joint_step(inputs, window, step))
        step += 1
        progress(*plan.stage(step), note)

        # What is due after it?
        last = step in (plan.total_steps, plan.warp_steps)
        validating = last or step % plan.validate_every == 0
        logging = validating or step % config.log_every == 0
        asking = step % session.world.ask_every == 0
        stopping = asking and any_of(stopped.is_set(), session.world)
        late = asking and any_of(_is_late(kept_at, config), session.world)
        keeping = stopping or last or late or (config.checkpoint_every and step % config.checkpoint_every == 0)

        # Count the steps that changed nothing, or stop at them.
        if logging or keeping or meter.sees_at_once:
            skipped += _count_nonfinite(session)

        # Note the mean losses since the last time.
        if logging:
            values = meter.read() | {"learning_rate": learner.rate, "skipped": float(skipped)}
            session.log.record(step, _epochs(session, step), "train", values)

        # Validate; the weights with the lowest loss are the model, and a loss that no longer falls lowers the rate.
        if validating:
            before = found
            found, picture = validate(learner, session.val_feed, session.world, samples=config.samples)
            warnings += _warn(session, before, found, step)
            session.log.record(step, _epochs(session, step), "val", found)
            session.log.picture(step, picture)
            if not warping:
                schedule = after_validation(schedule, found["reconstruction"], step, config)
        note = note_of(values, found) if logging else note

        # Keep a checkpoint, and stop where a signal asked for it.
        position = Position(step, skipped, schedule, found, warnings[-WARNINGS:])
        if keeping or schedule.best_step == step or finished(schedule, config):
            _save(session, position)
            kept_at = time.monotonic()
        if stopping:
            raise KeyboardInterrupt

    position = replace(position, schedule=schedule)
    _save(session, position, end=True)
    return position


def _is_late(kept_at: float, config: TrainConfig) -> bool:
    """Whether the last checkpoint is older than it may be."""
    return 0 < config.checkpoint_minutes <= (time.monotonic() - kept_at) / 60


def _save(session: Session, position: Position, end: bool = False) -> None:
    """Keep a checkpoint, and after it the model where this step made the best.

    A run too short for a validation of stage 2 has its last weights as model.
    """
    sums = session.meter.state()
    if not session.world.leads:
        return
    session.log.flush()
    save(session.run, session.learner, sums, position, session.origin)
    best = position.schedule.best_step
    if best == position.step or (end and best < 0):
        write_model(session.run, session.learner, position, session.origin)


def _count_nonfinite(session: Session) -> int:
    """Return the number of new steps without an update; where the configuration says 'stop', raise DataError instead.

    No weight has been touched by such a step, however late it is noticed, but by turns of discriminators before it.
    """
    count, first = session.meter.nonfinite()
    if count == 0 or session.config.on_nonfinite == "skip":
        return count
    pairs = ", ".join(session.feed.pair_ids(first))
    kept = checkpoint.existing(session.run)
    good = f"the last good checkpoint is {kept[0]}" if kept else "there was no checkpoint yet"
    raise DataError(
        f"the loss or a gradient was not finite at step {first + 1}, pairs {pairs}; {good}; "
        "look at these pairs, lower learning_rates, or pass --on-nonfinite skip to go on without such steps"
    )


def _warn(session: Session, before: dict[str, float], now: dict[str, float], step: int) -> tuple[str, ...]:
    """Say at once what a validation shows to be wrong with the flow, and return it."""
    lines = tuple(f"after step {step}: {line}" for line in warnings_of(before, now))
    for line in lines:
        session.say(f"warning, {line}")
    now["warnings"] = float(len(lines))
    return lines


def _epochs(session: Session, step: int) -> float:
    return step * session.config.batch_size / len(session.splits.train)


def _conclude(
    run: Path, end: Position, start: Position, splits: Splits, config: TrainConfig, world: World
) -> TrainSummary:
    summary = TrainSummary(
        run=run,
        steps=end.step,
        new_steps=end.step - start.step,
        epochs=end.step * config.batch_size / len(splits.train),
        skipped=end.skipped,
        best_step=end.schedule.best_step,
        validation={name: value for name, value in end.validation.items() if math.isfinite(value)},
        note=splits.note,
        warnings=end.warnings,
        shortfall=shortfall_of(run),
    )
    if world.leads:
        write_summary(run, config, summary_lines(summary), summary.best_step)
    return summary
