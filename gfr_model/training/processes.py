"""The processes that train one network: who takes part, whose samples are whose, averaged gradients, and signals.

Gradients are averaged by one explicit all-reduce after the backward passes, not by DistributedDataParallel's hooks: the
two networks of an adversarial step share forward passes, which those hooks do not allow.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from gfr_model.device import open_device

CPU = torch.device("cpu")
ASKING = (signal.SIGINT, signal.SIGTERM)  # to stop: the run finishes its step and saves first


@dataclass(frozen=True)
class World:
    """The processes of one run."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    @property
    def ask_every(self) -> int:
        """Steps between questions to all processes: each one makes the host wait for the device."""
        return 1 if self.size == 1 else 16

    def share(self, values: np.ndarray) -> np.ndarray:
        """This process's equal part of a batch's values (B, ...)."""
        part = len(values) // self.size
        return values[self.rank * part : (self.rank + 1) * part]


@contextmanager
def join(device: str) -> Iterator[World]:
    """Join the processes that torchrun started, or be alone where it did not.

    Raises ConfigError when this machine has no such device.
    """
    local = open_device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device=local)
        return
    if local.type == "cuda":
        local = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if local.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), size, local)
    finally:
        dist.destroy_process_group()


def average(tensors: Sequence[Tensor], world: World) -> None:
    """Replace each tensor by its mean over the processes, in one exchange per data type."""
    if world.size == 1:
        return
    for dtype in {tensor.dtype for tensor in tensors}:
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.reshape(-1) for tensor in alike])
        dist.all_reduce(flat)
        flat /= world.size
        for tensor, mean in zip(alike, flat.split([tensor.numel() for tensor in alike]), strict=True):
            tensor.copy_(mean.view(tensor.shape))


def any_of(flag: bool, world: World) -> bool:
    """Whether `flag` is set in any process."""
    if world.size == 1:
        return flag
    value = torch.tensor(float(flag), device=world.device)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return bool(value.item())


def wait(world: World) -> None:
    """Wait until every process is here."""
    if world.size > 1:
        dist.barrier()


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event that the loop looks at; a second SIGINT interrupts at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped  # handlers can only be set in the main thread
        return

    def note(number: int, frame: FrameType | None) -> None:
        if stopped.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped.set()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, note) for number in ASKING}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
