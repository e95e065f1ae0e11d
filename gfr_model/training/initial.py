"""The weights that a run begins with, where another run's are taken over (`--init`)."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gfr_model import checkpoint
from gfr_model.config import TrainConfig
from gfr_model.inference import model_path
from manifests import ConfigError

POINTS = "points."  # how the names of the weights begin that find landmarks


def read_initial(config: TrainConfig) -> dict[str, Tensor]:
    """The networks' tensors in the files that `config.init` names, of equal names the last; empty without one.

    Raises DataError when it cannot be read, ConfigError when landmarks shall align and no file can hold their network,
    or when the model begins with another's weights and none are named.
    """
    if (first := config.made_of.objective.begins_with) and not config.init:
        raise ConfigError(
            f"{config.model} begins with a trained {first}, as its paper says: train that with --model {first}, then "
            "pass --init with its run"
        )
    tensors: dict[str, Tensor] = {}
    for init in config.init:
        tensors |= checkpoint.with_prefix(checkpoint.read(_file(init)).tensors, "network.")
    if needs_points(config) and not any(name.startswith(POINTS) for name in tensors):
        raise ConfigError(
            f"alignment {config.alignment} needs a trained network of landmarks: pass --init with a run of the preset "
            "'points' or of a network that has one"
        )
    return tensors


def needs_points(config: TrainConfig) -> bool:
    """Whether the network has a part that finds landmarks and is not trained with it."""
    return config.alignment != "none" and config.made_of.guided and config.made_of.network == "gfrnet"


@torch.no_grad()
def take_over(network: nn.Module, tensors: dict[str, Tensor], config: TrainConfig) -> str:
    """Copy the `tensors` whose names and shapes fit into `network`, and say how many of which parts.

    Raises ConfigError when none fits, or not all of those that find landmarks.
    """
    own, named = network.state_dict(), " and ".join(config.init)
    fit = [name for name, value in own.items() if name in tensors and tensors[name].shape == value.shape]
    if not fit:
        raise ConfigError(f"--init {named}: no weights there fit this network; its model or width is another")
    missing = [name for name in own if name.startswith(POINTS) and name not in fit]
    if needs_points(config) and missing:
        raise ConfigError(
            f"--init {named}: its network of landmarks does not fit; are points_width and points_hidden the same?"
        )
    for name in fit:
        own[name].copy_(tensors[name])
    parts = dict.fromkeys(name.partition(".")[0] for name in own)
    counts = [f"{_count(fit, part)} of {_count(own, part)} of {part}" for part in parts]
    return f"--init {named}: took over {', '.join(counts)} (weights and statistics)"


def _count(names: dict[str, Tensor] | list[str], part: str) -> int:
    return sum(name.partition(".")[0] == part for name in names)


def _file(init: str) -> Path:
    path = model_path(init)
    return path / checkpoint.MODEL_FILE if path.is_dir() else path
