"""Sums of what the steps returned, kept on the device until somebody asks: a step never waits for a number."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gfr_model.training.processes import World, average

PARTS = ("total", "count")  # of what is summed
SKIPPED = "nonfinite"  # the value of a step that says whether it was skipped: 1, or 0


class Meter:
    """Means of named values over the steps since the last look, and the first step that was skipped."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sees_at_once = world.device.type == "cpu"  # there, looking costs nothing
        self.sums: dict[str, tuple[Tensor, Tensor]] = {}
        self.skipped = torch.zeros((), device=world.device)
        self.first = torch.full((), -1, dtype=torch.int64, device=world.device)

    def add(self, step: int, values: dict[str, Tensor]) -> None:
        """Add the values of a step. Those of a skipped step only count as skipped."""
        bad = values[SKIPPED]
        good = 1 - bad
        self.skipped = self.skipped + bad
        self.first = torch.where((self.first < 0) & (bad > 0), torch.full_like(self.first, step), self.first)
        for name, value in values.items():
            if name != SKIPPED:
                kept = torch.where(bad > 0, torch.zeros_like(value), value)
                total, count = self.sums.get(name, (torch.zeros_like(value), torch.zeros_like(good)))
                self.sums[name] = (total + kept, count + good)

    def read(self) -> dict[str, float]:
        """Return the means since the last call, over all processes, and begin anew."""
        names = sorted(self.sums)  # an order that an interruption does not change
        if not names:
            return {}
        both = torch.stack([torch.stack([part.double() for part in self.sums[name]]) for name in names])
        average([both], self.world)
        self.sums = {}
        return {name: total / count for name, (total, count) in zip(names, both.tolist(), strict=True) if count}

    def state(self) -> dict[str, Tensor]:
        """The sums by name, over all processes: what `load` needs. Every process has to call it."""
        sums = {
            f"{name}.{part}": value.detach().clone()
            for name, both in self.sums.items()
            for part, value in zip(PARTS, both, strict=True)
        }
        average(list(sums.values()), self.world)
        return sums

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `state()`'s tensors: a run that was interrupted has the means that it would have had."""
        there = {name: value.to(self.world.device) for name, value in tensors.items()}
        names = dict.fromkeys(name.rpartition(".")[0] for name in there)
        self.sums = {name: (there[f"{name}.{PARTS[0]}"], there[f"{name}.{PARTS[1]}"]) for name in names}

    def nonfinite(self) -> tuple[int, int]:
        """Return how many steps were skipped since the last call and which was the first, -1 without one."""
        count, first = int(self.skipped.item()), int(self.first.item())
        if count:
            self.skipped = torch.zeros_like(self.skipped)
            self.first = torch.full_like(self.first, -1)
        return count, first


def note_of(values: Mapping[str, float], found: Mapping[str, float]) -> str:
    """The mean loss of the last steps and the PSNR of the last validation, for the progress bar."""
    parts = [f"loss {values['loss']:.4g}"] if "loss" in values else []
    parts += [f"PSNR {found['psnr']:.2f} dB"] if "psnr" in found else []
    return ", ".join(parts)
