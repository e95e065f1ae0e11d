"""The GFRNet that the paper's authors trained, from their Torch7 file to a run folder.

What is known of the file is what their test.lua does with it: a gModule takes {observation, guide}, BGR in [0, 1], and
gives the warped guide first and the result third; it is never told that training is over, so batch norm keeps to the
statistics of the single image. All else is read from the file itself.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gfr_model.checkpoint import MODEL_FILE, write
from gfr_model.config import OFF, TrainConfig
from gfr_model.imported.graph import Graph
from gfr_model.models import LAYERS
from gfr_model.networks.build import build_network
from gfr_model.torch7 import Torch7Object, read_torch7
from manifests import ConfigError, DataError, hash_file
from manifests.folders import Kind, claimed
from manifests.settings import to_toml

CONFIG_FILE = "config.toml"
HEAD = "# gfr-eval import"
FOLDER = Kind("gfr-eval import", CONFIG_FILE, HEAD, (MODEL_FILE,))
WARPED, RESULT = 0, 2  # of its outputs, as test.lua takes them


@dataclass(frozen=True)
class Imported:
    """A run folder that was made of a file."""

    run: str
    layers: int
    parameters: int
    dropouts: int  # layers that were left aside

    def text(self) -> str:
        """For a person."""
        lines = [f"{self.layers} layers, {self.parameters:,} numbers"]
        if self.dropouts:
            lines.append(f"{self.dropouts} dropout layers are left aside; the authors' test.lua leaves them on")
        return "\n".join(lines)


def import_gfrnet(file: Path, run: Path, overwrite: bool = False) -> Imported:
    """Turn the authors' netG.t7 into a run folder: config.toml, which describes its layers, and model.safetensors.

    Raises DataError, naming the layer, for a file of another structure; what `claimed` raises for the folder.
    """
    if not file.is_file():
        raise DataError(f"there is no file {file}; `gfr-data weights` says where the authors keep theirs")
    graph = read_graph(read_torch7(file), str(file))
    config = TrainConfig(model=LAYERS, layers=tuple(map(str, graph.lines)), vgg_face=OFF)
    _require_to_run(config, str(file))
    tensors = {f"network.{name}": torch.tensor(np.ascontiguousarray(w)) for name, w in graph.weights.items()}
    made = Imported(str(run), len(graph.lines), sum(tensor.numel() for tensor in tensors.values()), graph.dropouts)
    with claimed(run, FOLDER, f"{HEAD} {file.name} {hash_file(file)}\n{to_toml(config)}", overwrite, _changes):
        write(run / MODEL_FILE, tensors, config, {})
    return made


def read_graph(root: object, source: str) -> Graph:
    """The lines of a network that takes and gives what GFRNet does, RGB. Raises DataError for any other."""
    if not isinstance(root, Torch7Object) or root.name != "nn.gModule":
        found = root.name if isinstance(root, Torch7Object) else type(root).__name__
        raise DataError(f"{source} holds {found}, not the nn.gModule that the authors' test.lua takes")
    graph = Graph(source)
    try:
        outputs = graph.run(root, [*graph.add("reverse", [0]), *graph.add("reverse", [1])])
    except RecursionError as error:
        raise DataError(f"{source}: its modules lie within each other without end; get the file again") from error
    if len(outputs) <= RESULT:
        raise DataError(f"{source}: the network gives {len(outputs)} values, test.lua takes the third")
    samplers = [line for line in graph.lines if line.kind == "sample"]
    if len(samplers) != 1:
        raise DataError(f"{source}: {len(samplers)} layers BilinearSamplerBHWD, and GFRNet warps its guide once")
    for name, place in (("warped", WARPED), ("restored", RESULT)):
        graph.add(name, graph.add("reverse", [outputs[place]]))
    positions = graph.add("permute", [samplers[0].inputs[1]], 0, 3, 1, 2)  # y, x
    graph.add("flow", graph.add("reverse", positions))
    return graph


def _require_to_run(config: TrainConfig, source: str) -> None:
    """Raise DataError unless the network takes and gives images; nothing is computed."""
    size = config.image_size
    try:
        with torch.device("meta"):
            made = build_network(config).eval()(torch.empty(1, 3, size, size), torch.empty(1, 3, size, size))
    except (ValueError, RuntimeError, TypeError, ConfigError) as error:
        raise DataError(f"{source}: the layers do not fit each other: {str(error).splitlines()[0]}") from error
    shapes = {"result": (made.restored, 3), "warped guide": (made.warped, 3), "flow": (made.flow, 2)}
    for name, (value, channels) in shapes.items():
        if value is None or tuple(value.shape) != (1, channels, size, size):
            raise DataError(f"{source}: its {name} is {None if value is None else tuple(value.shape)}, no image")


def _changes(before: str, now: str) -> list[str]:
    return [] if before == now else ["it was made from another file"]
