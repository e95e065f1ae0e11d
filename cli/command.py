"""What every command shares: options, errors as one line, summaries for people or programs."""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from manifests import GfrError, project_version
from manifests.tables.provenance import DISTRIBUTION

Command = TypeVar("Command", bound=Callable[..., Any])

INTERRUPTED = 130  # exit code, as a shell gives it for SIGINT


class GivenPath(click.Path):
    """click's path, but an empty text, which an unset variable of a shell gives, does not mean the current folder."""

    def __init__(self, **rules: Any) -> None:
        super().__init__(path_type=Path, **rules)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if value == "":
            self.fail("it is empty; name a path, '.' for the current folder", param, ctx)
        return super().convert(value, param, ctx)


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(click.Group):
    """A group whose list of commands has the whole first paragraph of each one's help; click's own cuts sentences."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, " ".join((one.help or "").split("\n\n")[0].split())) for name, one in commands if one is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


json_option = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, for programs.")
jobs_option = click.option("--jobs", type=click.IntRange(1), help="Processes. [default: one per CPU core]")
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda|cuda:N",
    help="Where the networks run; auto is cuda where torch can use it, else cpu.",
)
trust_option = click.option(
    "--trust-program",
    is_flag=True,
    help="Run weights that are a TorchScript program. Such a file can do whatever you can, also write and delete your "
    "files: pass this only for one whose origin you know and trust.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Make it anew: replace what this command wrote there before, and nothing else."
)

run_option = click.option(
    "--run",
    default="default",
    show_default=True,
    metavar="RUN",
    type=GivenPath(),
    help="A run folder or a checkpoint; `default` is the model that ships.",
)


def version_option(command: Command) -> Command:
    """Give a program `--version`."""
    # Made anew for each: click's remembers the name of the program that was asked first.
    return click.version_option(project_version(), message=f"%(prog)s %(version)s ({DISTRIBUTION})")(command)


def list_settings_option(listed: Callable[[], str]) -> Callable[[Command], Command]:
    """An option that prints what `listed` returns and ends the command, whatever else is given."""

    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            click.echo(listed())
            context.exit()

    return click.option(
        "--list-settings",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Print every setting that --set takes, with its default and its meaning, and do nothing.",
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
            click.echo(f"Error: {shown(str(error))}", err=True)
            sys.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if debug:
                raise
            kind = type(error).__name__
            click.echo(f"Error: {kind}: {shown(str(error))} (unexpected; --debug shows where it comes from)", err=True)
            sys.exit(1)

    return wrapped  # type: ignore[return-value]  # click needs no more than a callable of the same meaning


def shown(text: str) -> str:
    """`text` as one line, with control characters of file names written out: none may break it or colour a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def state(changed: bool) -> str:
    """What became of a command's folder."""
    return "written" if changed else "nothing to do"


def print_summary(summary: dict[str, Any], as_json: bool, text: str) -> None:
    """Print `summary` as one JSON object, or `text` for a person."""
    click.echo(json.dumps(summary, ensure_ascii=False, indent=2) if as_json else text)
