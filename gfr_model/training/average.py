"""Weights averaged over the steps: they restore better than those of any single step."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The running average of a network's tensors; of `decay` 0 nothing is kept, and the network stands for itself."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.updates = 0
        self.tensors: dict[str, Tensor] = {}
        self.restart()

    def restart(self) -> None:
        """Begin with the network as it is."""
        if self.decay:
            self.tensors = {name: value.clone() for name, value in self._of_network().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Add the network as it is. Early averages forget faster: the first weights are far from good."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        now = self._of_network()
        if self.tensors:
            torch._foreach_lerp_(list(self.tensors.values()), [now[name] for name in self.tensors], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the network has its averages."""
        with torch.no_grad():
            now = self._of_network() if self.tensors else {}
            kept = {name: value.clone() for name, value in now.items()}
            for name, value in now.items():
                value.copy_(self.tensors[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in now.items():
                    value.copy_(kept[name])

    def state(self) -> dict[str, Tensor]:
        """What `load` needs."""
        return self.tensors | {"updates": torch.tensor(self.updates)} if self.tensors else {}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`'s tensors."""
        for name in self.tensors:
            self.tensors[name].copy_(tensors[name])
        self.updates = int(tensors["updates"]) if self.tensors else 0

    def _of_network(self) -> dict[str, Tensor]:
        return {name: value for name, value in self.network.state_dict().items() if value.is_floating_point()}
