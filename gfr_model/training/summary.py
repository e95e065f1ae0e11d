"""One page at the end of a run: its curves, its last pictures, its settings. It needs no other file."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from gfr_model.config import TrainConfig
from gfr_model.training.run import SAMPLES, SUMMARY_FILE, read_metrics
from manifests import write_text
from manifests.pages.charts import Line, encoded, lines
from manifests.pages.frame import render

TEMPLATE = Path(__file__).parent / "templates" / "summary.html"
COLOURS = {"train": "#5b8dd6", "val": "#d8502f", "without the network": "#999999"}
REFERENCES = {"psnr_degraded": "psnr", "landmark_error_unwarped": "landmark_error"}  # drawn into the other's chart
DRAWN = 600  # points of a curve at most

Curves = dict[str, dict[str, list[tuple[int, float]]]]  # name -> split -> (step, value)


def write_summary(run: Path, config: TrainConfig, facts: list[str]) -> Path:
    """Write `summary.html` of a run with `facts`, a line each, at its top, and return its path."""
    pictures = sorted((run / SAMPLES).glob("step-*.png"))
    page = render(
        TEMPLATE,
        title=f"Training run {run.name}",
        lines=facts,
        colours=COLOURS,
        charts=[
            (name, lines([_line(COLOURS[split], points) for split, points in splits.items()], "steps"))
            for name, splits in sorted(_curves(read_metrics(run)).items())
        ],
        picture=pictures[-1].name if pictures else "",
        picture_uri=encoded(pictures[-1].read_bytes(), "png") if pictures else "",
        settings=asdict(config),
    )
    write_text(run / SUMMARY_FILE, page)
    return run / SUMMARY_FILE


def _curves(table: pa.Table) -> Curves:
    curves: Curves = {}
    columns = (table.column(name).to_pylist() for name in ("name", "split", "step", "value"))
    for name, split, step, value in zip(*columns, strict=True):
        if math.isfinite(value):
            chart, line = (REFERENCES[name], "without the network") if name in REFERENCES else (name, split)
            curves.setdefault(chart, {}).setdefault(line, []).append((step, value))
    return curves


def _line(colour: str, points: list[tuple[int, float]]) -> Line:
    x, y = np.array(points[:: max(1, len(points) // DRAWN)]).T
    return Line(colour, x, y)
