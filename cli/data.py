"""`gfr-data`: photographs to manifests."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.build import build_pairs_command
from cli.command import (
    SETTINGS,
    Commands,
    GivenPath,
    dry_run_option,
    jobs_option,
    json_option,
    overwrite_option,
    print_summary,
    reports_errors,
    state,
    version_option,
)
from cli.progress import progress_bars
from cli.weights import weights_command
from gfr_data.export import FORMATS as EXPORT_FORMATS


@click.group(cls=Commands, context_settings=SETTINGS)
@version_option
def main() -> None:
    """Build guided/target pairs from photographs of people, and degraded test sets from pairs."""


@main.command("sample")
@click.argument("out", type=GivenPath())
@click.option("--identities", type=click.IntRange(1), default=60, show_default=True, help="Identity folders to render.")
@click.option("--photos", type=click.IntRange(2), default=6, show_default=True, help="Photographs of each.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which people and photographs.")
@click.option("--defects", is_flag=True, help="Add photographs with labelled defects to training identities.")
@jobs_option
@overwrite_option
@dry_run_option
@json_option
@reports_errors
def sample_command(jobs: int | None, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Render photographs of invented people as OUT/vggface2 and OUT/casia-webface, with exact landmarks.

    OUT/landmarks68.csv serves build-pairs --landmarks file:PATH; OUT/truth.csv holds poses, OUT/labels.csv the defects.
    """
    from gfr_data.engine import cores
    from gfr_data.sample.write import plan_sample, render_sample

    if dry_run:
        summary = plan_sample(**options)
        print_summary(asdict(summary), as_json, f"would write {summary.text()}")
        return
    with progress_bars() as progress:
        summary = render_sample(**options, progress=progress, jobs=jobs or cores())
    print_summary(asdict(summary), as_json, f"{summary.text()}\n{state(summary.changed)}: {summary.out}")


@main.command("degrade")
@click.argument("folder", metavar="DIR", type=GivenPath())
@click.option("--out", type=GivenPath(), help="Folder to write; it stands alone.")
@click.option("--split", "splits", multiple=True, help="A split to degrade; repeatable.  [default: every test-...]")
@click.option(
    "--scale",
    default="4",
    show_default=True,
    metavar="VALUES",
    help="Downsampling s: one value (4), a range (1:0.1:8), a list (4,8), or what the paper has between two (2:6). "
    "With several, each observation draws one.",
)
@click.option("--blur-sigma", metavar="VALUES", help="Gaussian blur rho in px.  [default: the space's]")
@click.option("--noise-sigma", metavar="VALUES", help="Noise sigma in grey levels.  [default: the space's]")
@click.option("--jpeg-quality", metavar="VALUES", help="JPEG quality q, 0 is lossless.  [default: the space's]")
@click.option(
    "--space",
    default="paper",
    show_default=True,
    metavar="paper|wide|FILE.toml",
    help="What is drawn from: eq. 4; blurs of any axis and of motion, more noise, 4:4:4 and second orders; or the "
    "latter with other ranges. The values above are then those of the last pass.",
)
@click.option("--copies", type=click.IntRange(1), default=1, show_default=True, help="Observations of each pair.")
@click.option("--seed", type=int, default=0, show_default=True, help="Keys the draws, with the pair and the copy.")
@jobs_option
@click.option(
    "--preview",
    type=GivenPath(dir_okay=False),
    help="Picture to draw (.png): one face along each parameter, and both implementations. Without --out, that is all.",
)
@overwrite_option
@dry_run_option
@json_option
@reports_errors
def degrade_command(
    folder: Path,
    out: Path | None,
    splits: tuple[str, ...],
    space: str,
    copies: int,
    seed: int,
    jobs: int | None,
    preview: Path | None,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **values: Any,  # of the degradation's parameters
) -> None:
    """Degrade the targets of the pairs in DIR with eq. 4, or beyond it: blur, downsampling, noise, JPEG.

    Stores the low-resolution files themselves. Run it again after an interruption: it goes on where it stopped.
    """
    from gfr_data.degradation.dataset import degrade_dataset, plan
    from gfr_data.engine import cores
    from manifests.degradation.spaces import find_space

    chosen = find_space(space, **values)
    if out is None and preview is None:
        raise click.UsageError("Missing option '--out': the folder to write.")
    if preview is not None and not dry_run:
        from gfr_data.degradation.sheet import preview_pairs
        from gfr_model.degradation.batch import degrade_arrays

        preview_pairs(folder, preview, splits or None, degrade_arrays, chosen, overwrite)
    if out is None:
        print_summary({"preview": str(preview)}, as_json, f"{'would draw' if dry_run else 'written:'} {preview}")
        return
    what = (folder, out, splits or None, chosen, copies, seed)
    if dry_run:
        found = plan(*what, overwrite)
        print_summary(asdict(found), as_json, f"would write to {out}: {found.text()}")
        return
    with progress_bars() as progress:
        summary = degrade_dataset(*what, jobs or cores(), progress, overwrite)
    print_summary(asdict(summary), as_json, f"{summary.text()}\n{state(summary.changed)}: {out}")


@main.command("validate")
@click.argument("folder", type=GivenPath())
@json_option
@reports_errors
def validate_command(folder: Path, as_json: bool) -> None:
    """Check a folder of tables: schema, files, hashes, and that no person or photograph is in two splits."""
    from manifests import DataError, validate_dataset

    with progress_bars() as progress:
        problems = validate_dataset(folder, progress)
    print_summary({"folder": str(folder), "problems": problems}, as_json, "\n".join(problems) or f"{folder} is sound")
    if problems:
        what = f"{folder} has {len(problems)} problem{'s' * (len(problems) > 1)}"
        raise DataError(f"{what}; remove the files named and make them again, or all with --overwrite")


@main.command("report")
@click.argument("folder", type=GivenPath())
@click.option("--out", type=GivenPath(), help="Page to write. [default: FOLDER/report.html]")
@json_option
@reports_errors
def report_command(folder: Path, out: Path | None, as_json: bool) -> None:
    """Draw the page of a build anew: funnel, splits, pairs, what fell out and why, histograms."""
    from gfr_data.report.build_page import write_report

    page = out or folder / "report.html"
    write_report(folder, page)
    print_summary({"report": str(page)}, as_json, f"written: {page}")


@main.command("export")
@click.argument("folder", type=GivenPath())
@click.option("--format", "form", type=click.Choice(EXPORT_FORMATS), required=True, help="What to write.")
@click.option("--out", required=True, type=GivenPath(), help="Folder to write.")
@overwrite_option
@dry_run_option
@json_option
@reports_errors
def export_command(folder: Path, form: str, out: Path, overwrite: bool, dry_run: bool, as_json: bool) -> None:
    """Write the pairs with their pictures inside: tar shards for webdataset, or a Parquet data set with image bytes.

    The latter has a file for each split, a card and Croissant metadata, and opens with datasets.load_dataset(OUT).
    """
    from gfr_data.export import export
    from manifests import PAIRS, PAIRS_FILE, read_table

    if dry_run:
        pairs = read_table(folder / PAIRS_FILE, PAIRS, ["pair_id"]).num_rows
        print_summary({"pairs": pairs, "out": str(out)}, as_json, f"would write {pairs:,} pairs as {form} to {out}")
        return
    with progress_bars() as progress:
        summary = export(folder, out, form, progress, overwrite)
    print_summary(asdict(summary), as_json, f"{summary.pairs:,} pairs in {len(summary.files)} files: {out}")


main.add_command(build_pairs_command)
main.add_command(weights_command)

if __name__ == "__main__":
    main()
