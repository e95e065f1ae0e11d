"""`gfr-eval restore`, `explain` and `app`: photographs in, better photographs out."""

import functools
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.command import (
    GivenPath,
    device_option,
    dry_run_option,
    json_option,
    overwrite_option,
    print_summary,
    reports_errors,
    run_option,
)
from cli.progress import progress_bars


def _face(context: click.Context, option: click.Parameter, value: str) -> str:
    """`largest`, `all`, or a number from 1 on."""
    if value in ("largest", "all") or (value.isdecimal() and int(value) >= 1):
        return value
    raise click.BadParameter(f"{value!r} is neither 'largest' nor 'all' nor a number from 1 on")


def face_option(choices: str) -> Callable[[Any], Any]:
    """The option of which face, with what it takes."""
    about = "Which face; they count from the left, from 1 on."
    return click.option("--face", metavar=choices, default="largest", show_default=True, callback=_face, help=about)


most_guides_option = click.option(
    "--most-guides",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Photographs of a folder that serve at once, the best fitting first, where the network takes several.",
)


@click.command("restore")
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=GivenPath())
@run_option
@click.option(
    "--guide",
    metavar="PHOTO_OR_FOLDER",
    type=GivenPath(),
    help="A good photograph of the same person, or a folder of them. For PHOTO with a folder for each person: a "
    "folder with folders of the same names.",
)
@click.option(
    "--out",
    required=True,
    metavar="PATH",
    type=GivenPath(),
    help="A file (.png, .jpg, .webp) for one photograph, a folder for more.",
)
@face_option("largest|all|INDEX")
@click.option(
    "--enlarge",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Enlarge the photograph, so that a small face has room for its detail.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    help="Share of the change that is applied.  [default: by how much the face needs it]",
)
@most_guides_option
@click.option("--compare", is_flag=True, help="Also write NAME.compare.png: input, guide, warped guide, output.")
@click.option(
    "--only-kept",
    metavar="FOLDER",
    type=GivenPath(file_okay=False),
    help="Copy to FOLDER what was marked to be kept on the album's page, OUT/index.html.",
)
@device_option
@overwrite_option
@dry_run_option
@json_option
@reports_errors
def restore_command(
    photos: tuple[Path, ...],
    run: Path,
    guide: Path | None,
    out: Path,
    face: str,
    enlarge: int,
    strength: float | None,
    most_guides: int,
    compare: bool,
    only_kept: Path | None,
    device: str,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Restore photographs of a person with the help of better ones.

    Finds the face, chooses the guides that fit best and says why, restores, and blends the face back: the result is the
    whole photograph with its EXIF and colour profile. PHOTO may be a folder, also with a folder for each person.
    Results have 8 bits and no transparency. Run it again after an interruption: it goes on where it stopped.
    Exit status 1 where any photograph was not restored; which, and why, is listed at the end.
    """
    from gfr_model.restoration.album import restore_album
    from gfr_model.restoration.jobs import AlbumConfig, plan_jobs
    from gfr_model.restoration.restore import Options
    from manifests import DataError

    options = Options(face, enlarge, strength, most_guides)
    config = AlbumConfig(photos, run, guide, out, options, compare, device, overwrite, only_kept)
    if dry_run:
        jobs = plan_jobs(config)
        lines = [f"{job.photo} with {job.guide or 'no guide'} -> {job.out}" for job in jobs]
        record = [{"photo": str(job.photo), "guide": str(job.guide or ""), "out": str(job.out)} for job in jobs]
        print_summary({"photographs": record}, as_json, "\n".join(lines))
        return
    from tqdm import tqdm

    from cli.finder import Finder

    with progress_bars() as progress:
        # tqdm's way of writing keeps lines and bar apart.
        say = functools.partial(tqdm.write, file=sys.stderr)
        summary = restore_album(config, lambda: Finder(device), progress, say)
    became = "written" if summary.record()["restored"] else "there already"
    print_summary(summary.record(), as_json, f"{summary.text()}\n{became}: {out}")
    if summary.page_problem:
        raise DataError(summary.page_problem)
    if summary.failed:
        raise click.exceptions.Exit(1)


@click.command("explain")
@click.argument("photo", metavar="PHOTO", type=GivenPath())
@click.option(
    "--guide",
    required=True,
    metavar="PHOTO_OR_FOLDER",
    type=GivenPath(),
    help="A good photograph of the same person, or a folder of them.",
)
@click.option(
    "--out",
    required=True,
    metavar="PICTURE.png",
    type=GivenPath(dir_okay=False),
    help="What to write.",
)
@run_option
@click.option(
    "--other-guide",
    metavar="PHOTO_OR_FOLDER",
    type=GivenPath(),
    help="A photograph of another person: also show what it makes in the guide's place.",
)
@face_option("largest|INDEX")
@most_guides_option
@device_option
@overwrite_option
@json_option
@reports_errors
def explain_command(as_json: bool, **options: Any) -> None:
    """Show in one picture how guides help: landmarks found, flow, warped guide, output, and other guides' outputs.

    The outputs with a grey guide and with another person's show how much of the result is the guides'; of several, the
    change without each shows what it brings.
    """
    from cli.finder import Finder
    from gfr_model.restoration.explain import ExplainConfig, explain

    explained = explain(ExplainConfig(**options), lambda: Finder(options["device"]))
    print_summary(asdict(explained), as_json, f"{explained.text()}\nwritten: {explained.out}")


@click.command("sheet")
@click.argument("cases", metavar="PHOTO[=GUIDE]...", nargs=-1, required=True)
@click.option("--run", "runs", metavar="[NAME=]RUN", multiple=True, required=True, help="A column; repeatable.")
@click.option(
    "--out",
    required=True,
    multiple=True,
    metavar="FILE",
    type=GivenPath(dir_okay=False),
    help="A picture (.png) or a page (.html) to write; repeatable.",
)
@device_option
@overwrite_option
@json_option
@reports_errors
def sheet_command(as_json: bool, **options: Any) -> None:
    """Show real photographs beside what several runs make of them, as the paper's Figs. 1 and 5 do.

    Each row is a photograph with its guide as an inset; GUIDE is a photograph or a folder of one person's.
    """
    from cli.finder import Finder
    from gfr_model.restoration.sheet import SheetConfig, write_sheet
    from manifests import DataError

    with progress_bars() as progress:
        sheet = write_sheet(SheetConfig(**options), lambda: Finder(options["device"]), progress)
    print_summary(asdict(sheet), as_json, f"{sheet.photographs} photographs\nwritten: {', '.join(sheet.out)}")
    if sheet.problems:
        raise DataError(f"not on the sheet: {'; '.join(sheet.problems)}")


@click.command("app")
@run_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Where it listens, on 127.0.0.1 alone; 0 takes a free one.",
)
@click.option("--open", "browse", is_flag=True, help="Open the page in the browser.")
@device_option
@reports_errors
def app_command(run: Path, port: int, browse: bool, device: str) -> None:
    """Serve a page to drop photographs and guides on, for the browser of this machine alone.

    Each photograph comes back with a slider between before and after, and one for the strength. Nothing is kept after
    the end, and nothing leaves the machine. Needs the extra `app`.
    """
    from cli.finder import Finder
    from gfr_model.app.server import serve

    serve(run, device, lambda: Finder(device), port, browse, lambda line: click.echo(line, err=True))
