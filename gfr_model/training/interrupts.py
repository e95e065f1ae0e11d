"""Signals that ask a run to stop: it finishes its step and saves first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ASKING = (signal.SIGINT, signal.SIGTERM)


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
