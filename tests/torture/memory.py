"""What the parent of all cases does once: import everything, and find the faces of the sample's photographs."""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from manifests.files import hash_bytes


def import_everything() -> None:
    """Import what the commands import where they need it; a forked child then begins at once."""
    import cv2
    import matplotlib.figure
    import pandas
    import pyarrow.dataset
    import safetensors.torch
    import scipy.stats
    import torch
    import torch._dynamo
    import torch.utils.tensorboard
    from PIL import Image

    import cli.data
    import cli.eval
    import cli.train
    import gfr_data.build
    import gfr_data.degradation.dataset
    import gfr_data.sample.write
    import gfr_model.export
    import gfr_model.restoration.album
    import gfr_model.restoration.explain
    import gfr_model.results.report
    import gfr_model.scoring.score
    import gfr_model.training.train

    modules = (cv2, matplotlib.figure, pandas, pyarrow.dataset, safetensors.torch, scipy.stats, torch.utils.tensorboard)
    commands = (cli.data, cli.eval, cli.train, gfr_data.build, gfr_data.degradation.dataset, gfr_data.sample.write)
    networks = (gfr_model.export, gfr_model.restoration.album, gfr_model.restoration.explain, gfr_model.results.report)
    assert all((*modules, *commands, *networks, gfr_model.scoring.score, gfr_model.training.train))
    Image.init()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # a forked child has none of its parent's threads


def leave_charts_out() -> None:
    """Put an empty drawing in the place of every chart: to draw them takes longer than all that is tortured here."""
    from markupsafe import Markup

    from manifests.pages import charts

    charts._svg = lambda draw, wide, tall: Markup("<svg></svg>")


def remember_faces(photographs: Sequence[Path]) -> None:
    """Find the faces of `photographs` now, and let the detector of every child know them: no file depends on the time.

    Any other picture is looked at as ever.
    """
    from gfr_data.faces.decode import read_image
    from gfr_data.faces.mtcnn import Mtcnn

    found: dict[str, Any] = {}
    detect: Callable[..., Any] = Mtcnn._detect

    def remembered(self: Mtcnn, image: np.ndarray, least: float | None) -> Any:
        key = f"{image.shape} {least} {hash_bytes(np.ascontiguousarray(image).tobytes())}"
        if key not in found:
            found[key] = detect(self, image, least)
        return found[key]

    Mtcnn._detect = remembered  # type: ignore[method-assign]
    detector = Mtcnn("cpu")
    for photograph in photographs:
        detector([read_image(photograph)])
    gc.collect()
    gc.freeze()
