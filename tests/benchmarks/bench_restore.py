"""Seconds that restoring one photograph takes, stage by stage: the paper's network (untrained), the model that ships.

    python tests/benchmarks/bench_restore.py [--device cuda] [--repeats 3]

The photograph is the sample's, 0.6 and 12 megapixels; the guides are its four. On a CPU the time of this process
counts, not that of others on the core: with OMP_NUM_THREADS=1 it is what one core of its own would need.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from PIL import Image

from cli.finder import Finder
from gfr_data.sample.album import render_album
from gfr_data.sample.plan import plan_album
from gfr_model.config import TrainConfig
from gfr_model.inference import TrainedModel, load_model
from gfr_model.networks.gfrnet import GfrNet
from gfr_model.restoration.blend import blend
from gfr_model.restoration.faces import look
from gfr_model.restoration.guides import read_guides
from gfr_model.restoration.metadata import Metadata, encode
from gfr_model.restoration.restore import run_network
from tests.benchmarks.clock import now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    finder = Finder(options.device)
    paper = TrainedModel(GfrNet().to(options.device).eval(), TrainConfig(), "", "untrained")
    models = {"the paper's network": paper, "the model that ships": load_model("default", options.device)}
    threads = f"{torch.get_num_threads()} threads" if options.device == "cpu" else torch.cuda.get_device_name()
    print(f"{platform.machine()}, {threads}, torch {torch.__version__}; median of {options.repeats}")
    print(f"{'what':32} {'0.6 MP':>9} {'12 MP':>9}  seconds")
    with tempfile.TemporaryDirectory() as name:
        render_album(Path(name), 1, *plan_album(2, 1))
        columns = [measure(Path(name) / "album", width, finder, models, options) for width in (900, 3900)]
    for what in columns[0]:
        print(f"{what:32} " + " ".join(f"{column[what]:9.3f}" for column in columns))


def measure(
    album: Path, width: int, finder: Finder, models: dict[str, TrainedModel], options: argparse.Namespace
) -> dict[str, float]:
    """Median seconds of each stage."""
    path = album / f"{width}.jpg"
    with Image.open(album / "photograph.jpg") as picture:
        picture.resize((width, round(width * picture.height / picture.width))).save(path)
    image = finder.read(path)
    face = max(look(image, finder), key=lambda one: one.square.width)
    seen = finder.cut(image, face.square, 256)
    restored = np.roll(seen, 1, axis=0)
    guides = read_guides(album / "guides", finder, 256)
    stages: dict[str, Callable[[], object]] = {
        "read": lambda: finder.read(path),
        "find the face": lambda: look(image, finder),
        "crop": lambda: finder.cut(image, face.square, 256),
        **{
            f"restore, {name}": partial(run_network, model, seen, guides.usable[0].image)
            for name, model in models.items()
        },
        "blend": lambda: blend(image, seen, restored, face.square),
        "write JPEG": lambda: encode(image, Metadata(), ".jpg", ""),
        "read four guides (once)": lambda: read_guides(album / "guides", finder, 256),
    }
    return {what: seconds(stage, options.repeats, options.device) for what, stage in stages.items()}


def seconds(stage: Callable[[], object], repeats: int, device: str) -> float:
    stage()
    times = []
    for _ in range(repeats):
        start = now(device)
        stage()
        times.append(now(device) - start)
    return median(times)


if __name__ == "__main__":
    main()
