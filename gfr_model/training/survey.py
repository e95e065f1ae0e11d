"""What a run would do and cost: steps by its plan, time and memory by a few real steps, disk by the sizes of states."""

import io
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gfr_model import checkpoint
from gfr_model.config import TrainConfig
from gfr_model.device import open_device, tensor_float
from gfr_model.training.batches import Feed
from gfr_model.training.judges import load_judges
from gfr_model.training.pair_table import PairTable
from gfr_model.training.pairs import Splits, load, read_splits
from gfr_model.training.processes import World
from gfr_model.training.schedule import Plan, make_plan, window_of
from gfr_model.training.step import Learner
from gfr_model.training.validation import batches_of, validate

STEPS = 3  # of each stage that are taken; the first warms up and is not timed
CHECKPOINTS = checkpoint.KEPT + 2  # the newest, that of the best validation, and one that is being written


def survey(
    folder: Path, run: Path, config: TrainConfig, device: str = "cpu", trust_program: bool = False
) -> dict[str, int | float | str]:
    """Say what `train` would do in one process, and what it would cost; writes nothing. Raises what it would raise."""
    splits = read_splits(folder, config.hold_out, config.seed, config.most_val_pairs)
    plan = make_plan(config, len(splits.train))
    kept = checkpoint.existing(run)
    steps: dict[str, int | float | str] = {
        "run": str(run),
        "continues": str(kept[0]) if kept else "",
        "training_pairs": len(splits.train),
        "validation_pairs": len(splits.val),
        "steps_of_WarpNet_alone": plan.warp_steps,
        "steps_at_most": plan.total_steps,
        "steps_between_validations": plan.validate_every,
        "note": splits.note,
    }
    with tensor_float(config.tf32):
        return steps | _cost(splits, plan, config, World(device=open_device(device)), trust_program)


def _cost(
    splits: Splits, plan: Plan, config: TrainConfig, world: World, trust_program: bool
) -> dict[str, int | float | str]:
    """Take a few steps of each stage and validate a batch."""
    judges = load_judges(config, world, trust_program)
    learner = Learner(config, world, judges)
    feed, val_feed = (
        Feed(load(table, config.image_size, "disk", world.device), config, world)
        for table in (splits.train, splits.val)
    )
    joint = plan.total_steps - plan.warp_steps
    seconds = 0.0
    if plan.warp_steps:
        seconds += plan.warp_steps * _seconds(lambda n: learner.warp_step(feed.step(n, warping=True)), world)
    if joint:
        window = window_of(plan.warp_steps, plan, config)
        seconds += joint * _seconds(lambda n: learner.joint_step(feed.step(n), window, n), world)
    validations = math.ceil(plan.total_steps / plan.validate_every)
    batches = len(batches_of(len(val_feed), config))
    seconds += validations * batches * _seconds(lambda n: validate(learner, val_feed, world, batches=1), world)
    _, picture = validate(learner, val_feed, world, batches=1, samples=config.samples)
    state = _bytes(learner.state()) * CHECKPOINTS + _bytes(learner.network_state())
    return {
        "hours_at_most": round(seconds / 3600, 2),
        "disk_GB": round((state + validations * _png(picture)) / 1e9, 3),
        "memory_GB": _memory(splits.train, config, world),
        "measured": f"{STEPS - 1} steps of each stage on {world.device}, one process, nothing else resident",
    }


def _seconds(step: Callable[[int], object], world: World) -> float:
    """Of one step, after the first."""
    step(0)
    _wait(world)
    begun = time.perf_counter()
    for number in range(1, STEPS):
        step(number)
    _wait(world)
    return (time.perf_counter() - begun) / (STEPS - 1)


def _wait(world: World) -> None:
    if world.device.type == "cuda":
        torch.cuda.synchronize(world.device)


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _png(picture: np.ndarray) -> int:
    from PIL import Image

    file = io.BytesIO()
    if picture.size:
        Image.fromarray(picture).save(file, format="PNG")
    return file.tell()


def _memory(table: PairTable, config: TrainConfig, world: World) -> float | str:
    """Most that was in use, GB, and the crops as they will be held; of the device where there is one."""
    crops = 0 if config.storage == "disk" else len(table.paths) * 3 * config.image_size**2
    if world.device.type == "cuda":
        return round((torch.cuda.max_memory_allocated(world.device) + crops) / 1e9, 2)
    if sys.platform == "win32":
        return "unknown on Windows"
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit + crops) / 1e9, 2)
