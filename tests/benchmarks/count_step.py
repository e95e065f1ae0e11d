"""What a training step has to do, counted without a GPU, and the time that an H100 or H200 cannot undercut.

    python tests/benchmarks/count_step.py [--preset fast] [--batch 16 --batch 64 --batch 256] [--set KEY=VALUE]

A step of stage 2 runs on the device 'meta', which knows shapes and no values. Every operation that is no view counts as
one kernel, which reads its tensors and writes its results once; products (convolutions, matrix products) have their
floating-point operations. A kernel takes at least as long as the slower of the two: its operations at the card's rate
for their type, or its bytes. Three bounds follow:

    eager      the sum over all kernels: what no run of these very kernels undercuts
    products   the same over products alone: what no fusion of the others undercuts
    launches   kernels times the time in which the host issues one, where it issues them one by one

What the counts leave out: caches, which save reads, and everything that keeps a kernel from its peak.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gfr_model.config import TrainConfig
from gfr_model.networks.attentive import AttentiveRecNet
from gfr_model.networks.build import Baseline
from gfr_model.networks.discriminators import PatchDiscriminator
from gfr_model.networks.dlib_face import DlibFace
from gfr_model.networks.points import PointsNet
from gfr_model.networks.recnet import RecNet
from gfr_model.networks.vggface.network import VggFace
from gfr_model.networks.warpnet import WarpNet
from gfr_model.presets import PRESETS, resolve
from tests.benchmarks.bench_training import make_pairs
from tests.gfr_model.training.on_meta import feed_of, learner_of

LAUNCH = 5e-6  # seconds in which PyTorch issues one kernel from Python: an assumption, not measured here
BATCHES = (16, 64, 256)
PARTS: dict[type[nn.Module], str] = {
    PointsNet: "PointsNet",
    WarpNet: "WarpNet",
    RecNet: "RecNet",
    AttentiveRecNet: "RecNet",
    PatchDiscriminator: "discriminators",
    VggFace: "VGG-Face",
    DlibFace: "identity",
    Baseline: "network",
}
BATCH, LOSSES, OPTIMISER = "batch, degradation", "warp, losses, other", "optimiser"
# What writes nothing: views, and what asks a tensor about itself.
FREE = frozenset(
    {"detach", "lift_fresh", "alias", "_unsafe_view", "_reshape_alias", "empty", "empty_like", "new_empty"}
)
OF_AUTOCAST = (torch.conv2d, torch.conv_transpose2d, nn.functional.linear, torch.matmul, Tensor.__matmul__)


@dataclass(frozen=True)
class Card:
    """Dense rates, FLOP/s, and bandwidth, byte/s, as the maker states them (SXM)."""

    bandwidth: float
    bfloat16: float = 989e12
    tf32: float = 494e12
    float64: float = 67e12

    def computing(self, kernel: "Kernel") -> float:
        """Seconds of a kernel's operations."""
        rates = {torch.bfloat16: self.bfloat16, torch.float64: self.float64}
        return kernel.flops / rates.get(kernel.dtype, self.tf32)

    def seconds(self, kernel: "Kernel") -> float:
        """The least time of a kernel."""
        return max(self.computing(kernel), kernel.bytes / self.bandwidth)


CARDS = {"H100": Card(3.35e12), "H200": Card(4.8e12)}
OTHER_FORMS = ("PCIE", "NVL", "GH")  # of the same chips, with other rates


def card_named(name: str) -> Card | None:
    """The card that CUDA calls `name`; None where its rates are not known here."""
    words = name.upper().replace("-", " ").split()
    if any(word.startswith(OTHER_FORMS) for word in words):
        return None
    return next((card for chip, card in CARDS.items() if chip in words), None)


@dataclass(frozen=True)
class Kernel:
    """One operation."""

    flops: int
    bytes: int
    dtype: torch.dtype | None


@dataclass
class Part:
    """What one part of a step does."""

    kernels: list[Kernel] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Its sums and bounds; seconds."""
        found = {
            "kernels": len(self.kernels),
            "flops": sum(kernel.flops for kernel in self.kernels),
            "bytes": sum(kernel.bytes for kernel in self.kernels),
            "launches": len(self.kernels) * LAUNCH,
        }
        for name, card in CARDS.items():
            found[f"eager {name}"] = sum(map(card.seconds, self.kernels))
            found[f"products {name}"] = sum(card.seconds(kernel) for kernel in self.kernels if kernel.flops)
        return found

    def binds(self, card: Card) -> str:
        """Which of the three takes longest, had it nothing else to wait for."""
        times = {
            "operations": sum(map(card.computing, self.kernels)),
            "memory": sum(kernel.bytes for kernel in self.kernels) / card.bandwidth,
            "launches": len(self.kernels) * LAUNCH,
        }
        return max(times, key=lambda name: times[name])


class Count(TorchDispatchMode):
    """Counts the kernels of each part, those of its backward pass too: autograd numbers its nodes as they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, Part] = {}
        self.at_work = [BATCH]
        self.began: list[int] = []  # autograd's number when each of the modules at work began
        self.made: list[tuple[int, int, str]] = []  # first number, last number, part
        self.hooks: list[Any] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if func.is_view or packet.__name__ in FREE or not (tensors := _tensors(made)):
            return made
        counted = flop_registry.get(packet)
        flops = int(counted(*args, **(kwargs or {}), out_val=made)) if counted is not None else 0
        moved = sum(_bytes(tensor) for tensor in _tensors((args, kwargs)) + tensors)
        self.parts.setdefault(self._now(), Part()).kernels.append(Kernel(flops, moved, tensors[0].dtype))
        return made

    def __enter__(self) -> "Count":
        self.hooks = [register_module_forward_pre_hook(self._begin), register_module_forward_hook(self._end)]
        return super().__enter__()  # type: ignore[no-any-return]

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self.hooks:
            hook.remove()

    def _begin(self, module: nn.Module, inputs: Any) -> None:
        if type(module) in PARTS:
            self.at_work.append(PARTS[type(module)])
            self.began.append(_number())

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if type(module) in PARTS:
            self.made.append((self.began.pop(), _number(), self.at_work.pop()))

    def _now(self) -> str:
        node = torch._C._current_autograd_node()
        if node is None:
            return self.at_work[-1]
        number = node._sequence_nr()
        return max(((a, part) for a, b, part in self.made if a <= number < b), default=(0, LOSSES))[1]


def _number() -> int:
    """Autograd's number of the next node."""
    return int(torch.autograd._get_sequence_nr())


class Shortened(TorchFunctionMode):
    """What autocast does on a GPU, and 'meta' lacks: products of float32 are computed in bfloat16."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in OF_AUTOCAST:
            args = tuple(
                one.bfloat16() if isinstance(one, Tensor) and one.dtype == torch.float32 else one for one in args
            )
        return func(*args, **(kwargs or {}))


def count(config: TrainConfig, pairs: Path) -> dict[str, Part]:
    """What a step of stage 2 with whole crops does, by part."""
    learner, feed = learner_of(config), feed_of(pairs, config)
    shortened = Shortened if config.precision == "bfloat16" else mock.MagicMock

    def at_precision(precision: str, device: torch.device) -> Any:
        return shortened()

    feed.step(0)  # what is made once
    with (
        mock.patch("gfr_model.training.step.at_precision", at_precision),
        mock.patch("gfr_model.training.objective.at_precision", at_precision),
        Count() as counted,
    ):
        inputs = feed.step(1)
        counted.at_work = [LOSSES]
        learner.joint_step(inputs)
    parts = counted.parts
    parts[OPTIMISER] = Part([_adam(group["params"]) for o in learner.optimisers.values() for group in o.param_groups])
    return {name: parts[name] for name in sorted(parts, key=lambda name: -parts[name].row()["eager H100"])}


def _adam(parameters: Sequence[Tensor]) -> Kernel:
    """Fused Adam, which 'meta' lacks: weight, gradient and two moments read, three of them written."""
    return Kernel(0, 7 * sum(_bytes(parameter) for parameter in parameters), torch.float32)


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _bytes(tensor: Tensor) -> int:
    """What reading it touches: a value that is repeated along an axis is there once."""
    shape = [side for side, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride]
    return math.prod(shape) * tensor.element_size() if tensor.numel() else 0


def table(batch: int, parts: dict[str, Part]) -> list[str]:
    """The parts of a step and their sum as lines of Markdown."""
    whole = Part([kernel for part in parts.values() for kernel in part.kernels])
    cards = [f"{kind} {card}" for card in CARDS for kind in ("eager", "products")]
    lines = [
        f"Batch {batch}:",
        "",
        "| part | TFLOP | GB | kernels | " + " | ".join(f"{name}, ms" for name in cards) + " | launches, ms | binds |",
        "| --- |" + " --: |" * (4 + len(cards)) + " --- |",
    ]
    for name, part in [*parts.items(), ("whole step", whole)]:
        row = part.row()
        times = " | ".join(f"{1e3 * row[column]:.2f}" for column in [*cards, "launches"])
        numbers = f"{row['flops'] / 1e12:.3f} | {row['bytes'] / 1e9:.2f} | {row['kernels']:.0f}"
        binds = " / ".join(dict.fromkeys(part.binds(card) for card in CARDS.values()))
        lines.append(f"| {name} | {numbers} | {times} | {binds} |")
    return [*lines, ""]


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast", choices=tuple(PRESETS))
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        base = resolve(options.preset, None, options.assignments)
        make_pairs(Path(folder), base.image_size)
        for batch in options.batch or BATCHES:
            config = resolve(options.preset, None, options.assignments, {"batch_size": batch})
            parts = count(config, Path(folder))
            print("\n".join(table(batch, parts)))
            found[batch] = {name: part.row() for name, part in parts.items()}
    if options.json:
        cards = {name: asdict(card) for name, card in CARDS.items()}
        options.json.write_text(json.dumps({"cards": cards, "launch": LAUNCH, "batches": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
