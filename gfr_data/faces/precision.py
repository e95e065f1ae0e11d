"""How exactly networks that look at photographs compute."""

from contextlib import AbstractContextManager
from typing import Any

import torch


def in_float32() -> AbstractContextManager[Any]:
    """A context in which CUDA's convolutions keep all of float32.

    By default torch lets them round to TensorFloat-32's 10 bits; boxes and points should not depend on the device.
    """
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
