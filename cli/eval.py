"""`gfr-eval`: score, compare and show restorations; restore photographs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.command import (
    SETTINGS,
    Commands,
    GivenPath,
    device_option,
    dry_run_option,
    json_option,
    overwrite_option,
    print_summary,
    reports_errors,
    trust_option,
    version_option,
)
from cli.progress import progress_bars
from cli.restore import app_command, explain_command, restore_command, sheet_command

EXPORTS = ("onnx", "torchscript")
FORMATS = ("text", "markdown", "csv", "latex", "json")


@click.group(cls=Commands, context_settings=SETTINGS)
@version_option
def main() -> None:
    """Score models on degraded test sets, print Table 1, and restore photographs."""


@main.command("score")
@click.argument("folders", metavar="DIR2...", nargs=-1, required=True, type=GivenPath())
@click.option(
    "--run",
    "runs",
    metavar="[NAME=]RUN",
    multiple=True,
    help="A run folder, a checkpoint or `default`, the model that ships; repeatable. NAME=RUN1,RUN2,... are runs of "
    "one method with other seeds: tables show their mean and spread.",
)
@click.option(
    "--cascade",
    "cascades",
    metavar="NAME=RUN1,RUN2",
    multiple=True,
    help="Super-resolution in two steps, as the paper does 8x for SRCNN and VDSR: RUN1 at half the size, then "
    "RUN2 on its result; repeatable. For DIR2 of 8x that is a run of scale 4, then one of scale 2.",
)
@click.option(
    "--restored",
    metavar="NAME=FOLDER",
    multiple=True,
    help="What another system restored: to each lq/FILE.jpg of DIR2 its FOLDER/FILE.png, 256x256; repeatable. With "
    "several DIR2, FOLDER has a folder with the name of each.",
)
@click.option("--random-guide", is_flag=True, help="Also score each run with the guide of another person, as NAME(R).")
@click.option("--split", "splits", multiple=True, help="A split to score; repeatable.  [default: all]")
@click.option("--limit", type=click.IntRange(1), help="Only the first N observations of each split.")
@click.option("--seed", type=int, default=0, show_default=True, help="Keys the random guides.")
@click.option(
    "--panels", type=click.IntRange(0), default=24, show_default=True, help="Observations whose pictures are kept."
)
@click.option(
    "--identity-weights",
    metavar="sface|dlib-recognition|FILE",
    help="Adds the identity similarity, by these weights of gfr-data weights, or by a TorchScript file, RGB in [0, 1] "
    "(B, 3, 256, 256) to embeddings (B, D).",
)
@click.option(
    "--lpips-weights",
    metavar="vgg16-hed|vgg-face|lpips|FILE",
    help="Adds the perceptual distance, by these weights, or by a TorchScript file, two batches to distances (B,).",
)
@click.option("--dists-weights", metavar="dists|FILE", help="Adds DISTS, by its package or by a TorchScript file.")
@click.option("--niqe-weights", metavar="niqe|FILE", help="Adds NIQE of what is restored, by its authors' model.")
@click.option(
    "--set-weights",
    metavar="dlib-recognition|sface|vgg16-hed|vgg-face|inception-fid|FILE",
    help="Keeps what this network sees of each image, so that tables have KID and Fréchet distance of each split; FID "
    "is the latter by inception-fid. FILE: TorchScript, as for --identity-weights.",
)
@trust_option
@device_option
@click.option("--out", required=True, metavar="SCORES", type=GivenPath(), help="Folder to write.")
@overwrite_option
@dry_run_option
@json_option
@reports_errors
def score_command(dry_run: bool, as_json: bool, **options: Any) -> None:  # fields of ScoreConfig
    """Compare restorations with the truth, image by image: PSNR, SSIM, landmark error.

    DIR2 is what gfr-data degrade wrote. Bicubic upsampling is always scored too. Run it again after an interruption: it
    goes on where it stopped; methods that SCORES holds already stay in its table.
    """
    from gfr_model.scoring.job import ScoreConfig
    from gfr_model.scoring.score import plan, score

    config = ScoreConfig(**options)
    if dry_run:
        found = plan(config)
        print_summary(found, as_json, "\n".join(f"{key}: {value}" for key, value in found.items()))
        return
    with progress_bars() as progress:
        summary = score(config, progress)
    state = "written" if summary.changed else "nothing to do"
    print_summary(summary.record(), as_json, f"{summary.text()}\n{state}: {config.out}")


@main.command("table")
@click.argument("folders", metavar="SCORES...", nargs=-1, required=True, type=GivenPath())
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="What to print.")
@click.option("--luma", is_flag=True, help="PSNR and SSIM on Y instead of RGB.")
@click.option("--face", is_flag=True, help="PSNR and SSIM inside the face alone; the paper has no such numbers.")
@click.option(
    "--ssim",
    type=click.Choice(("wang-rgb", "wang-y", "matlab-volume")),
    help="How SSIM is taken beside PSNR on RGB; the paper does not say how it took its own.  [default: wang-rgb]",
)
@click.option("--ci", is_flag=True, help="Add 95% bootstrap intervals.")
@click.option("--paper/--no-paper", default=True, show_default=True, help="Print the paper's own numbers beside ours.")
@click.option("--compare", nargs=2, metavar="A B", help="Compare two methods pairwise instead.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap and of the sign flips.")
@reports_errors
def table_command(
    folders: tuple[Path, ...],
    form: str,
    luma: bool,
    face: bool,
    ssim: str | None,
    ci: bool,
    paper: bool,
    compare: tuple[str, str] | None,
    seed: int,
) -> None:
    """Print Table 1's form: methods by split and scale, from any number of score folders."""
    from gfr_model.results.formats import render, render_comparison
    from gfr_model.results.scores import FACE, LUMA, RGB, SSIMS
    from gfr_model.results.table import compare_methods, tabulate

    if [luma, face, ssim is not None].count(True) > 1:
        raise click.UsageError("--luma, --face and --ssim are tables of their own: name one of them")
    if compare:
        click.echo(render_comparison(compare_methods(folders, *compare, seed), form))
        return
    metrics = LUMA if luma else FACE if face else ("psnr", SSIMS[ssim]) if ssim else RGB
    click.echo(render(tabulate(folders, metrics, paper and not face, ci, seed), form))


@main.command("report")
@click.argument("folder", metavar="SCORES", type=GivenPath())
@click.option("--out", metavar="PAGE", type=GivenPath(), help="Page to write.  [default: SCORES/report.html]")
@json_option
@reports_errors
def report_command(folder: Path, out: Path | None, as_json: bool) -> None:
    """Draw the page of a score folder: table, pictures side by side, what the gain depends on."""
    from gfr_model.results.report import write_report

    target = out or folder / "report.html"
    with progress_bars() as progress:
        shown = write_report(folder, target, progress)
    print_summary({"report": str(target), "pictures": shown}, as_json, f"written: {target}")


main.add_command(restore_command)
main.add_command(explain_command)
main.add_command(sheet_command)
main.add_command(app_command)


@main.command("export")
@click.argument("run", metavar="RUN", type=GivenPath())
@click.option("--format", "form", type=click.Choice(EXPORTS), default="onnx", show_default=True, help="What to write.")
@click.option("--out", required=True, metavar="FILE", type=GivenPath(dir_okay=False), help="File to write.")
@overwrite_option
@json_option
@reports_errors
def export_command(run: Path, form: str, out: Path, overwrite: bool, as_json: bool) -> None:
    """Write a trained network as one file for other programs, run that file, and compare it with torch.

    Inputs: degraded and guide, (B, 3, 256, 256) float32 RGB in [0, 1]. Outputs: restored, warped, flow.
    """
    from gfr_model.export import export_network

    exported = export_network(run, form, out, overwrite)
    state = "written" if exported.new else "nothing to do"
    print_summary(asdict(exported), as_json, f"{exported.text()}\n{state}: {out}")


@main.command("import")
@click.argument("file", metavar="FILE", type=GivenPath(dir_okay=False))
@click.option("--out", "run", required=True, metavar="RUN", type=GivenPath(file_okay=False), help="Folder to write.")
@overwrite_option
@json_option
@reports_errors
def import_command(file: Path, run: Path, overwrite: bool, as_json: bool) -> None:
    """Make a run folder of the network that the paper's authors trained, their Torch7 file netG.t7.

    --run takes it like any other. Its licence is the authors': none is stated, so ask them before any use but research.
    A file of another structure is refused; nothing in it is run.
    """
    from gfr_model.imported.gfrnet import import_gfrnet

    made = import_gfrnet(file, run, overwrite)
    print_summary(asdict(made), as_json, f"{made.text()}\nwritten: {run}")


if __name__ == "__main__":
    main()
