"""Trained networks, ready to restore."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch import nn

from gfr_model.checkpoint import JUDGED, MODEL_FILE, Header, read, read_header, with_prefix
from gfr_model.config import TrainConfig
from gfr_model.default import FOLDER, say_licence_once
from gfr_model.networks.build import build_network
from manifests import DataError, hash_file

DEFAULT = "default"  # the model that ships, wherever a run is named


@dataclass(frozen=True)
class TrainedModel:
    """A network ready to restore."""

    network: nn.Module  # in evaluation mode; forward(degraded, guide) -> Restoration
    config: TrainConfig
    checkpoint_hash: str  # BLAKE2b-128 of the weights' file
    name: str  # of the run

    @property
    def needs_guide(self) -> bool:
        """Whether it can't restore without one: a RecNet by attention takes a guide of one colour for none."""
        return bool(self.network.guided) and self.config.recnet != "attentive"

    @property
    def takes_several(self) -> bool:
        """Whether it takes from several guides at once."""
        return bool(getattr(self.network, "takes_several", False))


def shortfall(validation: Mapping[str, float]) -> str:
    """A sentence where a validation found the network's output further from the truth than its input; else empty."""
    made, given = (validation.get(name) for name in JUDGED)
    if made is None or given is None or not made < given:
        return ""
    return (
        f"the model loses to doing nothing: PSNR {made:.2f} dB of what it restored, {given:.2f} dB of what it was given"
    )


def shortfall_of(run: Path) -> str:
    """`shortfall` of a run's model at its own validation; empty where there is no model, or it was not validated."""
    path = run / MODEL_FILE
    return shortfall(read(path).state.get("validation", {})) if path.is_file() else ""


def model_path(name: Path | str) -> Path:
    """The run folder or checkpoint that `name` means: `default` is the model that ships, all else is a path.

    A folder that is called so is named by its whole path. Raises DataError when this installation lacks the model.
    """
    if str(name) != DEFAULT:
        return Path(name)
    if not (FOLDER / MODEL_FILE).is_file():
        raise DataError(
            f"the model `default` is not part of this installation ({FOLDER / MODEL_FILE} is missing): install the "
            "project's wheel, or name a run of gfr-train"
        )
    say_licence_once()
    return FOLDER


def load_model(run_or_checkpoint: Path | str, device: torch.device | str = "cpu") -> TrainedModel:
    """Load a trained network from a run folder (its best weights), one checkpoint file, or by the name `default`.

    Where its own validation found it worse than its input, a line on stderr says so. Raises DataError when there is
    none, or when the file is not one.
    """
    path = model_path(run_or_checkpoint)
    name = path.name if path.is_dir() else path.stem
    if path.is_dir():
        path = path / MODEL_FILE
        if not path.is_file():
            raise DataError(
                f"{path.parent} holds no {MODEL_FILE}: train it to its first validation with gfr-train, then retry"
            )
    _refuse_other_shapes(read_header(path))
    checkpoint = read(path)
    if worse := shortfall(checkpoint.state.get("validation", {})):
        click.echo(f"Warning, {name}: {worse}", err=True)
    network = build_network(checkpoint.config)
    network.load_state_dict(with_prefix(checkpoint.tensors, "network."))
    return TrainedModel(network.to(device).eval(), checkpoint.config, hash_file(path), name)


def _refuse_other_shapes(header: Header) -> None:
    """Raise DataError unless the file holds the very tensors of the network that its configuration describes.

    The network is built without memory first: a file may name any width, its tensors are only as large as it is itself.
    """
    try:
        with torch.device("meta"):
            built = build_network(header.config).state_dict()
    except Exception as error:  # each kind of number that is too large has an exception of its own
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{header.path} describes a network that cannot be built: {reason}; use another one") from error
    wanted = {name: tuple(value.shape) for name, value in built.items()}
    found = with_prefix(header.shapes, "network.")
    if differs := sorted(name for name in {**wanted, **found} if wanted.get(name) != found.get(name)):
        name = differs[0]
        raise DataError(
            f"{header.path} does not fit the network its configuration describes: {name} is "
            f"{found.get(name, 'missing')} and should be {wanted.get(name, 'absent')}; use another one"
        )
