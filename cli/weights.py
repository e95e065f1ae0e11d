"""`gfr-data weights`: what others trained, whether it is here, and how to get it."""

from dataclasses import asdict
from typing import Any

import click

from cli.command import json_option, overwrite_option, print_summary, reports_errors
from cli.progress import progress_bars

SHOWN_OF_HASH = 12  # digits


@click.group("weights", invoke_without_command=True)
@json_option
@reports_errors
@click.pass_context
def weights_command(context: click.Context, as_json: bool) -> None:
    """List every weight the project can use: what for, licence, size, hash, whether it is here. `get` downloads.

    They lie in the folder that GFR_WEIGHTS names, else in gfr/weights of the user's data (on Linux
    ~/.local/share/gfr/weights, or under XDG_DATA_HOME). Remove files there, or the folder, to be rid of them.
    """
    if context.invoked_subcommand is None:
        _print_list(as_json)
    elif as_json:
        raise click.UsageError("give --json after get")


def _print_list(as_json: bool) -> None:
    from manifests.weights import WEIGHTS, folder

    records = [_record(weight.name) for weight in WEIGHTS]
    print_summary({"folder": str(folder()), "weights": records}, as_json, _text(records, str(folder())))


@weights_command.command("get")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--from",
    "source",
    metavar="URL|FILE",
    help="Another place than the official one: a mirror, or a file (or archive) that you have. For one NAME. Without "
    "it, GFR_WEIGHTS_MIRROR may name an address where the files lie by their names.",
)
@overwrite_option
@json_option
@reports_errors
def get_command(names: tuple[str, ...], source: str | None, overwrite: bool, as_json: bool) -> None:
    """Download weights by name. An interrupted download goes on; what is there already stays."""
    from manifests.weights import get, named

    if source and len(names) > 1:
        raise click.UsageError("--from is for one NAME")
    for name in names:  # a wrong name is told before hours of download
        named(name)
    got = []
    with progress_bars() as progress:
        for name in names:
            got += get(name, source, progress, overwrite)
    print_summary({"files": [asdict(one) for one in got]}, as_json, "\n".join(one.text() for one in got))


def _record(name: str) -> dict[str, Any]:
    """A row of the list."""
    from manifests.weights import named, state
    from manifests.weights.fetch import recorded
    from manifests.weights.places import paths

    weight = named(name)
    found = paths(weight)
    files = []
    for file in weight.files:
        path = found.get(file)
        files.append(
            {
                "file": file.name,
                "bytes": file.size or (path.stat().st_size if path else None),
                "sha256": (recorded(path) if path else "") or file.sha256 or None,
                "verified": bool(file.sha256),
                "path": str(path) if path else None,
            }
        )
    record = {"name": weight.name, "use": weight.use, "licence": weight.licence, "state": state(name), "files": files}
    return record | {"address": weight.address or None, "page": weight.page}


def _text(records: list[dict[str, Any]], place: str) -> str:
    from tabulate import tabulate

    rows = []
    for record in records:
        sizes = [file["bytes"] for file in record["files"]]
        size = "?" if None in sizes else f"{sum(sizes) / 1e6:,.1f} MB"
        digest = record["files"][0]["sha256"]
        known = digest[:SHOWN_OF_HASH] if digest else "at download"
        rows.append([record["name"], record["state"], size, known, record["use"], record["licence"]])
    heads = ["name", "", "size", "sha256", "what for", "licence and terms"]
    widths = [None, None, None, None, 34, 34]
    here = [f"{record['name']}: {record['files'][0]['path']}" for record in records if record["state"] == "here"]
    parts = [tabulate(rows, heads, tablefmt="simple", maxcolwidths=widths, disable_numparse=True), "", *here, ""]
    parts += [
        "`gfr-data weights get NAME` downloads one. They lie in",
        f"{place} (GFR_WEIGHTS names another folder); remove files there, or the folder, to be rid of them.",
    ]
    return "\n".join(parts)
