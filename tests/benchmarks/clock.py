"""The clock of benchmarks that compare on a core which others may share."""

import time

import torch


def now(device: str) -> float:
    """On a CPU the seconds that this process has worked, all its threads together; else those of the wall clock.

    On a GPU what was queued is waited for. Differences of two readings count.
    """
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
