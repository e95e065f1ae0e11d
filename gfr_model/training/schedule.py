"""The learning rate (§4.2): each of the configured rates until the validation loss stops falling, then the end."""

import math
from dataclasses import dataclass, replace

from gfr_model.config import TrainConfig

LOWEST = 0.01  # of the rates, where a cosine ends
WHOLE = 0.1  # of a run, at its end, sees whole crops where others see windows


@dataclass(frozen=True)
class Plan:
    """How many steps a run has at most; `warp_steps` of them train WarpNet alone."""

    warp_steps: int
    total_steps: int
    validate_every: int  # steps

    def stage(self, done: int) -> tuple[str, int, int]:
        """Which stage the last of `done` steps was of, `done`, and the step with which that stage ends."""
        if done <= self.warp_steps:
            return "train WarpNet (stage 1 of 2)", done, self.warp_steps
        return "train all (stage 2 of 2)" if self.warp_steps else "train", done, self.total_steps


@dataclass(frozen=True)
class Schedule:
    """Where the plateau search stands. It moves only by the functions below."""

    rate_index: int = 0  # which of the learning rates is at work; their number when all are used up
    rate_start: int = -1  # step at which this rate came into use; -1 before stage 2
    waited: int = 0  # validations at this rate without an improvement
    best_loss: float | None = None  # lowest validation loss so far
    best_step: int = -1  # step of `best_loss`


def make_plan(config: TrainConfig, pairs: int) -> Plan:
    """Turn epochs into steps for `pairs` training pairs."""
    total = math.ceil(config.epochs * pairs / config.batch_size)
    warp = math.ceil(config.warp_epochs * pairs / config.batch_size) if config.made_of.has_flow_losses else 0
    if config.max_steps:
        total = min(total, config.max_steps)
    return Plan(min(warp, total), total, config.validate_every or math.ceil(pairs / config.batch_size))


def begin(schedule: Schedule, step: int, config: TrainConfig) -> Schedule:
    """Before a step of stage 2: start the first rate, or go on to the next when this one has had its longest stay."""
    if schedule.rate_start < 0:
        return replace(schedule, rate_start=step)
    longest = config.rate_steps[schedule.rate_index] if schedule.rate_index < len(config.rate_steps) else 0
    if longest and step - schedule.rate_start >= longest:
        return _next_rate(schedule, step)
    return schedule


def after_validation(schedule: Schedule, loss: float, step: int, config: TrainConfig) -> Schedule:
    """Note a validation loss; after `patience` ones without improvement the next rate comes. NaN never improves."""
    if math.isfinite(loss) and (schedule.best_loss is None or loss < schedule.best_loss):
        return replace(schedule, best_loss=loss, best_step=step, waited=0)
    waited = replace(schedule, waited=schedule.waited + 1)
    return _next_rate(waited, step) if waited.waited >= config.patience else waited


def finished(schedule: Schedule, config: TrainConfig) -> bool:
    """Whether every rate has been used up."""
    return schedule.rate_index >= len(config.learning_rates)


def rate(schedule: Schedule, config: TrainConfig) -> float:
    """The learning rate of stage 2 at work."""
    return config.learning_rates[min(schedule.rate_index, len(config.learning_rates) - 1)]


def rates(step: int, warping: bool, schedule: Schedule, plan: Plan, config: TrainConfig) -> tuple[float, float]:
    """The learning rates of a step: of what is trained, which in stage 1 is WarpNet alone, and of WarpNet.

    In stage 2 WarpNet's falls from `warp_rate` in proportion to the others'.
    """
    factor = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.decay == "cosine":
        factor *= LOWEST + (1 - LOWEST) * (0.5 + 0.5 * math.cos(math.pi * step / plan.total_steps))
    if warping:
        return config.warp_rate * factor, config.warp_rate * factor
    fallen = rate(schedule, config) / config.learning_rates[0]
    return rate(schedule, config) * factor, config.warp_rate * fallen * factor


def window_of(step: int, plan: Plan, config: TrainConfig) -> int:
    """How many px around the face a step restores, 0 for the whole crop, which the last tenth sees."""
    return config.window if step < (1 - WHOLE) * plan.total_steps else 0


def _next_rate(schedule: Schedule, step: int) -> Schedule:
    return replace(schedule, rate_index=schedule.rate_index + 1, rate_start=step, waited=0)
