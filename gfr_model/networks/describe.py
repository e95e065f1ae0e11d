"""What a configuration would train: its networks, their parameters, the operations of a sample, how it reads §3.1."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gfr_model.config import TrainConfig
from gfr_model.networks.build import build_critics, build_network
from gfr_model.readings import readings


@dataclass(frozen=True)
class NetworkSize:
    """One network, or a part of one."""

    name: str
    parameters: int
    operations: int  # multiplications and additions of one forward pass on one sample


@dataclass(frozen=True)
class Description:
    """The networks of a configuration."""

    networks: tuple[NetworkSize, ...]
    readings: tuple[str, ...]  # of what the paper leaves open

    def __str__(self) -> str:
        lines = [f"{'network':<24}{'parameters':>16}{'GFLOP/sample':>16}"]
        for network in self.networks:
            lines.append(f"{network.name:<24}{network.parameters:>16,}{network.operations / 1e9:>16.2f}")
        counts = {network.name.strip(): network.parameters for network in self.networks}
        if "warpnet" in counts:
            ratio = sum(counts[part] for part in ("warpnet", "recnet")) / counts["recnet"]
            lines.append(f"With WarpNet {ratio:.2f} times the parameters of the same network without it.")
        return "\n".join([*lines, *(f"- {reading}" for reading in self.readings)])


def describe(config: TrainConfig) -> Description:
    """Count parameters and operations; nothing is computed, so that it is quick at any size."""
    size = config.image_size
    with torch.device("meta"):
        network = build_network(config)
        image, face = torch.empty(1, 3, size, size), torch.empty(1, 3, size // 2, size // 2)
        sizes = _measure(config.model, network, image, 2)
        for name, critic in build_critics(config).items():
            seen = 3 if config.made_of.objective.game.conditional else 1
            sizes += _measure(f"discriminator {name}", critic, image if name == "global" else face, seen)[:1]
    return Description(tuple(sizes), readings(config))


def _measure(name: str, network: nn.Module, image: torch.Tensor, inputs: int) -> list[NetworkSize]:
    """The whole network, and each of its direct parts."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*[image] * inputs)
    counts = counter.get_flop_counts()
    root = type(network).__name__
    found = [NetworkSize(name, _parameters(network), counter.get_total_flops())]
    for part, module in network.named_children():
        operations = sum(counts.get(f"{root}.{part}", {}).values())
        found.append(NetworkSize(f"  {part}", _parameters(module), operations))
    return found


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
