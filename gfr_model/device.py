"""The device and its arithmetic: which one, and how exact."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manifests import ConfigError


def open_device(name: str) -> torch.device:
    """The device that `name` names; 'auto' is cuda where torch can use it, else cpu.

    Raises ConfigError when this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name!r} is not a device; use auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: this machine has no CUDA device that torch can use; use --device cpu")
    return device


def shapes_alone(device: torch.device) -> bool:
    """Whether `device` is 'meta', which knows shapes and no values: autocast and fused optimisers go round it."""
    return device.type == "meta"


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a host tensor to `device` without waiting: a CUDA copy from pinned memory returns at once.

    Whatever a step takes from the host goes through here.
    """
    if shapes_alone(device):
        return torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
    if device.type != "cuda":
        return tensor.to(device)
    return (tensor if tensor.is_pinned() else tensor.pin_memory()).to(device, non_blocking=True)


def full_precision(tensor: Tensor) -> Tensor:
    """Return `tensor` in float32 if it is in a shorter type, else as it is."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def at_full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which nothing is shortened to bfloat16."""
    return nullcontext() if shapes_alone(device) else torch.autocast(device.type, enabled=False)


def at_precision(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which networks compute in the configured `precision`; weights and losses keep their type."""
    if precision != "bfloat16" or shapes_alone(device):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether `device` is a processor with instructions for bfloat16 (AVX-512 BF16); others imitate them."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # some versions of torch cannot say
    return device.type == "cpu" and asked is not None and bool(asked())


@contextmanager
def tensor_float(allowed: bool) -> Iterator[None]:
    """Allow or forbid TensorFloat-32 on CUDA for the length of a run."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def keyed(device: torch.device, *key: int) -> Iterator[None]:
    """Return a context in which what torch draws follows from `key` alone; outside it nothing has been drawn."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def repeatable() -> AbstractContextManager[Any]:
    """Return a context in which CUDA's convolutions give the same bits each time, in full float32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
