"""What every command shares: errors as one line, progress as bars or lines, summaries for people or programs."""

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from manifests import GfrError, Progress

Command = TypeVar("Command", bound=Callable[..., Any])

INTERRUPTED = 130  # exit code, as a shell gives it for SIGINT
LINE_EVERY = 10.0  # seconds between progress lines where no terminal is

json_option = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, for programs.")
jobs_option = click.option("--jobs", type=click.IntRange(1), help="Processes. [default: one per CPU core]")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Make it anew: replace what this command wrote there before, and nothing else."
)


def reports_errors(command: Command) -> Command:
    """Give a command `--debug`, and end it with one line and the right exit code when it fails or is interrupted."""

    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(command)
    def wrapped(*args: Any, debug: bool, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except KeyboardInterrupt:
            click.echo("Interrupted. The same command continues where this one stopped.", err=True)
            sys.exit(INTERRUPTED)
        except GfrError as error:
            if debug:
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if debug:
                raise
            kind = type(error).__name__
            click.echo(f"Error: {kind}: {error} (unexpected; --debug shows where it comes from)", err=True)
            sys.exit(1)

    return wrapped  # type: ignore[return-value]  # click needs no more than a callable of the same meaning


def print_summary(summary: dict[str, Any], as_json: bool, text: str) -> None:
    """Print `summary` as one JSON object, or `text` for a person."""
    click.echo(json.dumps(summary, ensure_ascii=False, indent=2) if as_json else text)


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

    def __call__(self, stage: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if stage != self.stage:
            self.close()
            self.stage, self.bar = stage, tqdm(total=total, desc=stage, initial=done, dynamic_ncols=True)
        self.bar.total = total
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

    def __call__(self, stage: str, done: int, total: int) -> None:
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
        click.echo(f"{stage}: {done}/{total}{speed}{left}", err=True)

    def close(self) -> None:
        """Nothing is held."""
