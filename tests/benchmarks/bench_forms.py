"""What a training step costs in each form of the network: the paper's, a small warp, landmarks, an unshuffled entry.

    python -m tests.benchmarks.bench_forms [--batch 4] [--steps 3] [--rounds 3] [--width 32] [--device cuda]

All forms have the losses, degradations and precision of the preset `default`, and random images; they take turns, in
one thread. On a CPU the time of this process counts, not that of others on the core.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from gfr_model.config import TrainConfig
from gfr_model.device import open_device
from gfr_model.presets import resolve
from gfr_model.training.batches import Feed
from gfr_model.training.pairs import load, read_splits
from gfr_model.training.processes import World
from gfr_model.training.step import Learner
from manifests import keep_freed_memory
from tests.benchmarks.bench_training import make_pairs
from tests.benchmarks.clock import now

UNET = {"variant": "full", "recnet": "unet", "alignment": "none", "output_skip": True, "self_ensemble": False}
FORMS: dict[str, dict[str, Any]] = {
    "the paper's: WarpNet at 256 px, U-Net": UNET | {"window": 0},
    "WarpNet at 64 px, U-Net": UNET | {"window": 0, "warp_size": 64},
    "landmarks, U-Net": UNET | {"window": 0, "variant": "-W", "alignment": "landmarks"},
    "landmarks, entry unshuffled, attention": {"window": 0},
    "the same on windows of 192 px (`default`)": {},
}


def step_of(config: TrainConfig, folder: Path, world: World) -> Callable[[int], object]:
    """A step of stage 2, from the samples on."""
    learner = Learner(config, world)
    table = read_splits(folder, config.hold_out, config.seed).train
    feed = Feed(load(table, config.image_size, config.storage, world.device), config, world)

    def step(number: int) -> object:
        return learner.joint_step(feed.step(number), config.window, number)

    return step


def operations_of(step: Callable[[int], object]) -> int:
    """Floating-point operations of a step's products, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        step(0)
    return int(counter.get_total_flops())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3, help="of each form in every round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.device == "cpu":
        keep_freed_memory()  # as `gfr-train` does
    world = World(device=open_device(options.device))
    seconds: dict[str, list[float]] = {name: [] for name in FORMS}
    sizes = {"batch_size": options.batch, "width": options.width}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configs = {form: resolve("default", None, options.assignments, sizes | made) for form, made in FORMS.items()}
        make_pairs(folder, next(iter(configs.values())).image_size)
        steps = {form: step_of(config, folder, world) for form, config in configs.items()}
        for turn in range(options.rounds + 1):  # the first one warms up
            for form, step in steps.items():
                started = now(options.device)
                for number in range(options.steps if turn else 1):
                    step(turn * options.steps + number)
                if turn:
                    seconds[form].append((now(options.device) - started) / options.steps / options.batch)
        operations = {form: operations_of(step) / options.batch for form, step in steps.items()}
    first = median(next(iter(seconds.values())))
    print(f"batch {options.batch}, width {options.width}, one thread, torch {torch.__version__}")
    print("| form | samples/s | over the paper's | GFLOP a sample |")
    print("| --- | --: | --: | --: |")
    for form, values in seconds.items():
        rate = 1 / median(values)
        print(f"| {form} | {rate:.2f} | {first * rate:.2f}x | {operations[form] / 1e9:.1f} |")


if __name__ == "__main__":
    main()
