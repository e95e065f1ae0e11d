"""Training on the device 'meta', which knows shapes and no values, under a watch for what would make a GPU wait."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gfr_model.config import TrainConfig
from gfr_model.networks.dlib_face import DlibFace
from gfr_model.networks.vgg19 import Vgg19
from gfr_model.networks.vggface.network import VggFace
from gfr_model.training.batches import Feed
from gfr_model.training.objective import Judges
from gfr_model.training.pairs import PairSet, ResidentCrops, read_splits
from gfr_model.training.processes import World
from gfr_model.training.step import Learner

META = torch.device("meta")
# What hands a value, or a shape that depends on one, to the host; on a GPU each of these waits for all that was queued.
READS = frozenset(
    {
        *("_local_scalar_dense", "item", "is_nonzero", "equal", "allclose", "_linalg_check_errors"),
        *("nonzero", "masked_select", "unique_consecutive", "_unique2", "unique_dim"),
    }
)
# What Python asks of a tensor, and constants, which wait to be copied to the device. 'meta' does not dispatch them.
ASKED = frozenset(
    {
        *("torch.tensor", "torch.Tensor.new_tensor", "torch.Tensor.item", "torch.Tensor.tolist", "torch.Tensor.numpy"),
        *("torch.Tensor.cpu", "torch.Tensor.__bool__", "torch.Tensor.__float__", "torch.Tensor.__int__"),
        *("torch.Tensor.__index__", "torch.Tensor.__array__"),
    }
)


class OffDeviceError(AssertionError):
    """A step did what makes the host wait, or mixed devices."""


class _Dispatched(TorchDispatchMode):
    """Refuses tensors of another device, going in or coming out, and reads."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in READS:
            raise OffDeviceError(f"{func} reads a value")
        made = func(*args, **(kwargs or {}))
        if name != "lift_fresh":  # a host array seen as a tensor, which does nothing
            for leaf in tree_leaves((args, kwargs, made)):
                if isinstance(leaf, Tensor) and leaf.device != META:
                    raise OffDeviceError(f"{func} works with a tensor on {leaf.device}")
        return made


class _Asked(TorchFunctionMode):
    """Refuses what the dispatcher of 'meta' does not see."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if resolve_name(func) in ASKED:
            raise OffDeviceError(f"{resolve_name(func)} makes the host wait")
        return func(*args, **(kwargs or {}))


@contextmanager
def nothing_leaves() -> Iterator[None]:
    """A context in which only work on 'meta' is allowed. Raises OffDeviceError for anything else."""
    with _Asked(), _Dispatched():
        yield


def learner_of(config: TrainConfig) -> Learner:
    """Networks on 'meta', with VGG-Face, VGG19 and dlib's network of faces where the losses ask them."""
    perceptual = VggFace(config.vgg_layer).to(META).requires_grad_(False) if config.lambda_perceptual else None
    identity = DlibFace().to(META).requires_grad_(False) if config.lambda_identity else None
    vgg19 = Vgg19(config.vgg19_layer).to(META).requires_grad_(False) if config.lambda_vgg19 else None
    return Learner(config, World(device=META), Judges(perceptual, identity, vgg19))


def feed_of(pairs: Path, config: TrainConfig) -> Feed:
    """The training pairs of a build with their crops on 'meta'."""
    table = read_splits(pairs, config.hold_out, config.seed).train
    images = torch.empty((len(table.paths), 3, config.image_size, config.image_size), dtype=torch.uint8, device=META)
    return Feed(PairSet(table, ResidentCrops(images)), config, World(device=META))


def steps_of(learner: Learner, feed: Feed) -> dict[str, Callable[[int], object]]:
    """What a run does step after step, by name: each stage, from the samples on."""
    config = learner.config
    steps: dict[str, Callable[[int], object]] = {}
    if config.made_of.has_flow_losses:
        steps["stage 1"] = lambda step: learner.warp_step(feed.step(step, warping=True))
    steps["stage 2"] = lambda step: learner.joint_step(feed.step(step))
    if config.window:
        steps["stage 2, a window"] = lambda step: learner.joint_step(feed.step(step), config.window)
    return steps
