"""`gfr-data build-pairs`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.command import (
    GivenPath,
    dry_run_option,
    jobs_option,
    json_option,
    list_settings_option,
    overwrite_option,
    print_summary,
    reports_errors,
    state,
    trust_option,
)
from cli.progress import progress_bars
from gfr_data.engine import BACKENDS
from gfr_data.pairs.recipe import RECIPES
from manifests.crops import CROP_SIZE, CROP_SIZES

if TYPE_CHECKING:
    from gfr_model.embedders import Embedder


def _list_rules() -> str:
    from gfr_data.rules import list_rules

    return list_rules()


def _embedder(given: str) -> "Embedder":
    from gfr_model.embedders import open_embedder

    return open_embedder(given)


@click.command("build-pairs")
@click.option(
    "--source",
    "sources",
    multiple=True,
    required=True,
    metavar="LAYOUT=ROOT",
    help="A dataset: vggface2, casia-webface, lfw, celeba or folder (one folder per person), and where it lies: a "
    "folder, a .tar, .tar.gz or .zip of it, a folder of these, or an address (s3://, hf://, https://, ...). Or files "
    "with a label for each photograph: webdataset shards, parquet as datasets writes it; ROOT/*.parquet takes some. "
    "Or mapping: pairs that are given, see --mapping. Give it several times for several datasets; LAYOUT:NAME=ROOT "
    "names one.",
)
@click.option(
    "--mapping",
    "mappings",
    multiple=True,
    metavar="[NAME:]FILE",
    help="CSV or Parquet of a target and its references a row, paths in the ROOT of --source mapping=ROOT; ref-ldm's "
    "files are read as they are.  [default: those that lie in ROOT]",
)
@click.option(
    "--columns",
    "columns",
    multiple=True,
    metavar="[NAME:]ROLE=COLUMN,...",
    help="What parquet's columns (image, identity), webdataset's files and keys of json, or the columns of --mapping "
    "(target, references, identity, split) are called, if not so.",
)
@click.option("--out", required=True, type=GivenPath(), help="Folder to write.")
@click.option(
    "--landmarks",
    default="auto",
    show_default=True,
    metavar="auto|fan|dlib|file:PATH",
    help="Where the 68 landmarks come from: the face-alignment network (fan), dlib's predictor (trained on iBUG 300-W, "
    "not for commercial use), the first of these that is there (auto), or a CSV, Parquet or TCDCN text of points.",
)
@click.option("--fan-weights", type=GivenPath(), help="Weights of 'fan', if not the downloaded ones.")
@trust_option
@jobs_option
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the networks run; with cuda every process decodes and shares the GPU. auto: what OUT was begun with, "
    "else cuda where torch can use it, else cpu.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="loky",
    show_default=True,
    help="Processes of this machine (loky), or a Dask or Ray cluster that sees the same folders.",
)
@click.option("--scheduler", metavar="ADDRESS", help="The Dask scheduler or Ray head; without it a local cluster.")
@click.option(
    "--crop-size",
    type=click.Choice(CROP_SIZES),
    default=CROP_SIZE,
    show_default=True,
    help="px of the crops. A target has to be as much larger in its photograph; train with --set image_size=512.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Keys the split by person.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N identities of each subset of each source.")
@click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    help="Refuse whatever departs from it. 'paper': one vggface2 and one casia-webface source, all identities, "
    "at most five photographs of each.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="Another threshold, as quality.NAME=VALUE, selection.NAME=VALUE or persons.NAME=VALUE; --list-settings names "
    "them all.",
)
@list_settings_option(_list_rules)
@click.option(
    "--embedder",
    metavar="sface|dlib-recognition|FILE",
    help="Ask this network who is who: faces of another person than their identity's, identities without a clear "
    "person and persons who have two identities fall out. By name, see `gfr-data weights`, or a file.",
)
@click.option(
    "--decisions",
    type=GivenPath(dir_okay=False),
    help="CSV of path, decision (keep, reject, guide), why: what you decided about photographs, as the report page "
    "saves it. They overrule the measures; with others, the same command examines those people again.",
)
@click.option("--retry-failed", is_flag=True, help="Examine again the photographs that were unreadable.")
@overwrite_option
@dry_run_option
@json_option
@reports_errors
def build_pairs_command(
    sources: tuple[str, ...],
    mappings: tuple[str, ...],
    columns: tuple[str, ...],
    settings: tuple[str, ...],
    backend: str,
    jobs: int | None,
    scheduler: str | None,
    embedder: str | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,  # fields of BuildConfig
) -> None:
    """Find, measure and select faces, and pair each target with a guide of the same person.

    Run it again after an interruption: it goes on where it stopped, and does nothing when all is done.
    """
    from gfr_data.build import build_pairs, plan
    from gfr_data.config import BuildConfig
    from gfr_data.engine import Engine, cores
    from gfr_data.rules import read_rules
    from gfr_data.sources.layouts import left_out
    from gfr_data.sources.options import parse_source, with_columns, with_tables

    thresholds, rules, persons = read_rules(settings)
    config = BuildConfig(
        sources=with_columns(with_tables([parse_source(text) for text in sources], mappings), columns),
        thresholds=thresholds,
        rules=rules,
        persons=persons,
        embedder=_embedder(embedder) if embedder else None,
        engine=Engine(backend, jobs or cores(), scheduler),
        **options,
    )
    for line in filter(None, map(left_out, config.sources)):
        click.echo(line, err=True)
    with progress_bars() as progress:
        if dry_run:
            found = plan(config, progress)
            print_summary(asdict(found), as_json, found.text())
            return
        summary = build_pairs(config, progress)
    text = f"{summary.text()}\n{state(summary.changed)}: {config.out} (look at {config.out / 'report.html'})"
    print_summary(asdict(summary), as_json, text)
