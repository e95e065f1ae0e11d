"""`gfr-train`: train a network on the pairs of a build folder."""

import functools
from dataclasses import asdict
from pathlib import Path

import click

from cli.command import (
    SETTINGS,
    GivenPath,
    device_option,
    dry_run_option,
    json_option,
    list_settings_option,
    overwrite_option,
    print_summary,
    reports_errors,
    trust_option,
    version_option,
)
from cli.progress import progress_bars
from gfr_model.models import NAMES, VARIANTS

PRESETS = ("paper", "fast", "demo", "points", "default")


def _list_settings() -> str:
    from gfr_model.config import TrainConfig
    from manifests.settings import listed

    return listed(TrainConfig())


@click.command(context_settings=SETTINGS)
@version_option
@click.argument("folder", metavar="DIR", type=GivenPath(exists=True, file_okay=False))
@click.option("--out", "run", metavar="RUN", type=GivenPath(file_okay=False), help="Run folder.")
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="paper",
    show_default=True,
    help="paper: its procedure, batch 1. fast: a modern GPU. demo: minutes on two CPU cores. points: the network that "
    "finds landmarks. default: the model that ships, from --init of points.",
)
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    help="Ablation of the paper's Table 1; -F starts at the identity unless --set warp_output=position.  "
    "[default: full]",
)
@click.option("--model", type=click.Choice(NAMES), help="Train a baseline instead of GFRNet.  [default: gfrnet]")
@click.option(
    "--init",
    metavar="RUN|FILE|default",
    multiple=True,
    help="Begin with these weights, where they fit; repeatable, and a later one counts for more.",
)
@click.option(
    "--vgg-face",
    metavar="PATH|vgg16-hed|off",
    help="Weights of VGG-Face for the perceptual loss, if not the downloaded ones; VGG-16 of an edge detector in their "
    "place; or 'off'.",
)
@click.option(
    "--vgg19",
    metavar="PATH|vgg16-hed|off",
    help="The same of VGG19 for SRGAN and DeblurGAN; 'off' takes the squared error in place of its features.",
)
@click.option("--config", "file", type=GivenPath(), help="TOML file of settings.")
@click.option(
    "--set", "assignments", metavar="KEY=VALUE", multiple=True, help="One setting; --list-settings names them."
)
@list_settings_option(_list_settings)
@device_option
@click.option("--on-nonfinite", type=click.Choice(("stop", "skip")), help="At a loss or gradient that is not finite.")
@click.option("--describe", is_flag=True, help="Print the networks with parameters and operations, and do nothing.")
@trust_option
@dry_run_option
@overwrite_option
@json_option
@reports_errors
def main(
    folder: Path,
    run: Path | None,
    preset: str,
    file: Path | None,
    assignments: tuple[str, ...],
    device: str,
    describe: bool,
    trust_program: bool,
    dry_run: bool,
    overwrite: bool,
    as_json: bool,
    **options: str | tuple[str, ...] | None,  # those that are settings, by their names
) -> None:
    """Train a network on the pairs in DIR, a folder that `gfr-data build-pairs` wrote.

    The same command continues a run that was interrupted, and does nothing where it is finished. On several GPUs:

    \b
    torchrun --nproc-per-node N --no-python gfr-train DIR --out RUN --device cuda ...
    """
    from gfr_model.presets import resolve

    config = resolve(
        preset, file, assignments, {key: value for key, value in options.items() if value not in (None, ())}
    )
    if describe:
        from gfr_model.networks.describe import describe as describe_networks

        description = describe_networks(config)
        print_summary(asdict(description), as_json, str(description))
        return
    if run is None:
        raise click.UsageError("Missing option '--out': the folder of this run.")
    from gfr_model.training.summary import summary_lines
    from gfr_model.training.survey import survey
    from gfr_model.training.train import train

    if dry_run:
        from manifests.settings import to_toml

        plan = survey(folder, run, config, device, trust_program)
        facts = [f"{key}: {value}" for key, value in plan.items()]
        print_summary(plan, as_json, "\n".join([to_toml(config), *facts]))
        return
    with progress_bars() as progress:
        say = functools.partial(click.echo, err=True)
        result = train(folder, run, config, device, overwrite, progress, say, trust_program)
    files = [f"Curves and pictures: {run / 'summary.html'}", f"Model: {run / 'model.safetensors'}"]
    print_summary(asdict(result) | {"run": str(run)}, as_json, "\n".join([*summary_lines(result), *files]))


if __name__ == "__main__":
    main()
