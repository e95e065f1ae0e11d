"""`python -m gfr_model.default RUN`: put the network of a run folder or checkpoint into the package, half as large."""

import sys
from dataclasses import replace
from pathlib import Path

import click
import torch

from gfr_model.checkpoint import MODEL_FILE, read, with_prefix, write
from gfr_model.default import FOLDER
from gfr_model.inference import TrainedModel, load_model
from manifests import DataError, GfrError

MOST_BYTES = 16_000_000  # of the file: what a wheel may grow by
# Of the output, in [0, 1], from half precision, for images that show nothing and whose landmarks may lie anywhere. For
# faces (16 looked at) the model that ships differs by a twentieth of it.
MOST_DIFFERENCE = 1 / 255


def ship(run: Path, folder: Path = FOLDER) -> str:
    """Write `folder`/model.safetensors from a run and return a line about it.

    Raises DataError when the run holds no network, or half precision changes what it does, or the file is too large;
    what was there before stays then.
    """
    exact = load_model(run)
    trained = read(run / MODEL_FILE if run.is_dir() else run)
    tensors = {f"network.{name}": value for name, value in with_prefix(trained.tensors, "network.").items()}
    # What a run needs in training alone says nothing of the network, and may name files of one machine.
    config = replace(trained.config, vgg_face="", identity_weights="", init=())
    part = folder / f"{MODEL_FILE}.new"
    try:
        write(part, tensors, config, {"validation": trained.state.get("validation", {})}, half=True)
        size, difference = part.stat().st_size, _difference(exact, load_model(part))
        if not difference <= MOST_DIFFERENCE:
            raise DataError(f"half precision changes the output of {run} by up to {difference:.4f}; it was not written")
        if size > MOST_BYTES:
            raise DataError(f"{run} takes {size / 1e6:.1f} MB, at most {MOST_BYTES / 1e6:.0f} may ship")
        part.replace(folder / MODEL_FILE)
    finally:
        part.unlink(missing_ok=True)
    return f"written: {folder / MODEL_FILE}, {size / 1e6:.1f} MB; half precision changes at most {difference:.5f} of 1"


def _difference(exact: TrainedModel, stored: TrainedModel) -> float:
    """The largest difference of what both make of smooth random images."""
    generator, size = torch.Generator().manual_seed(0), exact.config.image_size
    degraded, guide = (
        torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8, generator=generator), (size, size), mode="bilinear")
        for _ in range(2)
    )
    with torch.inference_mode():
        made = [model.network(degraded, guide).restored for model in (exact, stored)]
    return float((made[0] - made[1]).abs().max())


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def main(run: Path) -> None:
    """Put the network of RUN, a run folder or a checkpoint, into the package."""
    try:
        click.echo(ship(run))
    except GfrError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
