"""How far a command is: bars on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from manifests import Progress

LINE_EVERY = 10.0  # seconds between progress lines where no terminal is


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Yield a Progress that draws one bar per stage on a terminal, and prints a line now and then elsewhere."""
    report = _Bars() if sys.stderr.isatty() else _Lines()
    try:
        yield report
    finally:
        report.close()


class _Bars:
    """A tqdm bar for the stage at work."""

    def __init__(self) -> None:
        self.stage = ""
        self.bar: Any = None

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        from tqdm import tqdm

        if stage != self.stage:
            self.close()
            self.stage, self.bar = stage, tqdm(total=total, desc=stage, initial=done, dynamic_ncols=True)
        self.bar.total = total
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class _Lines:
    """A plain line at the start and end of a stage and every LINE_EVERY seconds between."""

    def __init__(self) -> None:
        self.stage = ""
        self.started = self.printed = 0.0
        self.first = 0

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        new = stage != self.stage
        if new:
            self.stage, self.started, self.first = stage, now, done
        if not new and done < total and now - self.printed < LINE_EVERY:
            return
        self.printed = now
        rate = (done - self.first) / (now - self.started) if now > self.started else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        speed = f", {rate:.1f}/s" if rate > 0 else ""
        click.echo(f"{stage}: {done}/{total}{speed}{left}{f', {note}' if note else ''}", err=True)

    def close(self) -> None:
        """Nothing is held."""
