"""What a run keeps to go on from: checkpoints, and the weights of its best validation, which are its model.

The checkpoint of the best validation stays beside the newest ones, and is written before the model: from it the model
can be made again whatever happens to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from gfr_model import checkpoint
from gfr_model.checkpoint import JUDGED, with_prefix
from gfr_model.config import TrainConfig, differences
from gfr_model.training.judges import JUDGES, is_asked
from gfr_model.training.meter import Meter
from gfr_model.training.schedule import Schedule
from gfr_model.training.step import Learner
from manifests import ConfigError, DataError

ANEW = "give another --out, or --overwrite to begin anew"


@dataclass(frozen=True)
class Position:
    """Where a run stands: with the weights, everything that its next step depends on."""

    step: int = 0  # steps done
    skipped: int = 0  # of them without an update, for a loss or gradient that was not finite
    schedule: Schedule = field(default_factory=Schedule)
    validation: dict[str, float] = field(default_factory=dict)  # the last one's values
    warnings: tuple[str, ...] = ()  # of the validations so far, the last ones


@dataclass(frozen=True)
class Origin:
    """What a run is made of beside its settings."""

    manifest_hash: str  # of pairs.parquet
    judges: dict[str, str]  # setting -> hash of the file that it names, '' where the loss is off


def resume(
    run: Path, learner: Learner, meter: Meter, origin: Origin, say: Callable[[str], None] = lambda line: None
) -> Position:
    """Load the newest sound checkpoint of `run`, or stay at the beginning where there is none.

    Raises ConfigError when the run had other settings or judges, DataError when it had other pairs, and when it holds a
    model but no checkpoint.
    """
    kept, damaged = checkpoint.newest(run)
    for line in damaged:
        say(f"{line}; going on from the one before it")
    if kept is None:
        if (run / checkpoint.MODEL_FILE).exists():
            raise DataError(
                f"{run} holds a {checkpoint.MODEL_FILE} but no checkpoint to go on from; to keep that model as it is, "
                f"leave this run alone (gfr-eval --run {run} uses it), else {ANEW}"
            )
        return Position()
    if kept.state["manifest_hash"] != origin.manifest_hash:
        raise DataError(
            f"{run} was trained on other pairs than this folder's pairs.parquet; "
            f"give the same build folder to continue it, or {ANEW}"
        )
    if found := [*differences(kept.config, learner.config), *_other_judges(kept, learner.config, origin.judges)]:
        raise ConfigError(f"{run} was trained with other settings ({'; '.join(found)}); give the same ones, or {ANEW}")
    learner.load(kept.tensors)
    meter.load(with_prefix(kept.tensors, "meter."))
    state = kept.state
    say(f"continuing {run} after step {state['step']}")
    return Position(
        state["step"], state["skipped"], Schedule(**state["schedule"]), state["validation"], tuple(state["warnings"])
    )


def save(run: Path, learner: Learner, sums: Mapping[str, Tensor], position: Position, origin: Origin) -> None:
    """Keep a checkpoint; `sums` are those of the meter."""
    tensors = learner.state() | {f"meter.{name}": value for name, value in sums.items()}
    state = asdict(position) | asdict(origin)
    checkpoint.write(checkpoint.path_of(run, position.step), tensors, learner.config, state)
    checkpoint.remove_old(run, position.schedule.best_step)


def write_model(run: Path, learner: Learner, position: Position, origin: Origin) -> None:
    """Write the network alone, as evaluation and restoration load it."""
    state = _model_state(position.step, origin, position.validation)
    checkpoint.write(run / checkpoint.MODEL_FILE, learner.network_state(), learner.config, state)


def mend_model(run: Path, config: TrainConfig, position: Position, origin: Origin, end: bool) -> str:
    """See that the model is there and of the right step; make it again from the checkpoint of that step where not.

    end: the run is at its end. Returns a line about what was done, '' where nothing had to be. Raises DataError when
    that checkpoint is missing or damaged, too.
    """
    step = position.schedule.best_step if position.schedule.best_step >= 0 else position.step
    if position.schedule.best_step < 0 and not end:
        return ""  # there has been no validation of stage 2 yet
    problem = _problem(run / checkpoint.MODEL_FILE, config, _model_state(step, origin, {}), position)
    if not problem:
        return ""
    try:
        kept = checkpoint.read(checkpoint.path_of(run, step))
    except DataError as error:
        raise DataError(f"{problem}, and it cannot be made again: {error}. Or {ANEW}") from error
    state = _model_state(step, origin, kept.state.get("validation", {}))
    checkpoint.write(run / checkpoint.MODEL_FILE, _network_of(kept.tensors), kept.config, state)
    return f"{problem}; it was made again from {kept.path}"


def _problem(path: Path, config: TrainConfig, wanted: dict[str, Any], position: Position) -> str:
    """What is wrong with a model, '' where nothing is."""
    if not path.exists():
        return f"{path} is missing"
    try:
        model = checkpoint.read(path)
    except DataError:
        return f"{path} is damaged"
    same = model.state.get("manifest_hash") == wanted["manifest_hash"] and not differences(model.config, config)
    # Ahead of the checkpoint is a model that an earlier version wrote before it: it will be written again.
    right = model.state.get("step") == wanted["step"] or model.state.get("step", -1) > position.step
    return "" if same and right else f"{path} is not of this run's best validation"


def _model_state(step: int, origin: Origin, validation: Mapping[str, float]) -> dict[str, Any]:
    values = {name: validation[name] for name in JUDGED if name in validation}
    return {"step": step, "manifest_hash": origin.manifest_hash, "validation": values}


def _network_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`Learner.network_state` of a checkpoint: the averages where they were kept."""
    averages = {name: value for name, value in with_prefix(tensors, "average.").items() if name != "updates"}
    return {f"network.{name}": value for name, value in (with_prefix(tensors, "network.") | averages).items()}


def _other_judges(kept: checkpoint.Checkpoint, config: TrainConfig, judges: Mapping[str, str]) -> list[str]:
    """Which of the networks that the losses ask are others than before."""
    before = kept.state.get("judges")
    if before is None:  # an earlier version noted names alone
        before = {name: judges[name] if is_asked(kept.config, name) else "" for name in JUDGES}
    before = dict.fromkeys(JUDGES, "") | before  # an earlier version knew fewer
    found = []
    for name in JUDGES:
        if bool(before[name]) != bool(judges[name]):
            was, now = ("on" if one[name] else "off" for one in (before, judges))
            found.append(f"the loss by {name} was {was} and is {now}")
        elif before[name] != judges[name]:
            found.append(f"{name} {getattr(config, name)} is another file than before")
    return found
