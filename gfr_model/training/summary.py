"""What a run came to: in lines, and as one page with its curves, last pictures and settings, which needs no file."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gfr_model.config import TrainConfig
from gfr_model.training.run import SAMPLES, SUMMARY_FILE, read_metrics
from manifests import write_text
from manifests.pages.charts import Line, encoded, lines
from manifests.pages.frame import render

TEMPLATE = Path(__file__).parent / "templates" / "summary.html"
WITHOUT, SIMILARITY = "without the network", "best similarity of true landmarks"
COLOURS = {"train": "#5b8dd6", "val": "#d8502f", WITHOUT: "#999999", SIMILARITY: "#3f9b62"}
REFERENCES = {  # drawn into the other's chart
    "psnr_degraded": ("psnr", WITHOUT),
    "landmark_error_unwarped": ("landmark_error", WITHOUT),
    "landmark_error_inner_unwarped": ("landmark_error_inner", WITHOUT),
    "landmark_error_inner_similarity": ("landmark_error_inner", SIMILARITY),
}
DRAWN = 600  # points of a curve at most

Curves = dict[str, dict[str, list[tuple[int, float]]]]  # name -> split -> (step, value)


@dataclass(frozen=True)
class TrainSummary:
    """What a run came to."""

    run: Path
    steps: int  # done in all
    new_steps: int  # done by this call
    epochs: float
    skipped: int  # steps without an update
    best_step: int  # of the lowest validation loss, -1 without one
    validation: dict[str, float]  # the last one's values, empty without one
    note: str
    warnings: tuple[str, ...] = ()  # what was wrong with the flow, and when
    shortfall: str = ""  # a sentence where the run's model is worse than doing nothing


def summary_lines(summary: TrainSummary) -> list[str]:
    """The summary for a person."""
    last = ", ".join(f"{name} {value:.4g}" for name, value in summary.validation.items())
    lines = [f"Warning, {summary.shortfall}."] if summary.shortfall else []
    lines += [f"{summary.steps} steps, {summary.epochs:.1f} epochs, {summary.skipped} steps skipped."]
    if last:
        lines.append(f"Last validation: {last}.")
    if summary.best_step >= 0:
        lines.append(f"Lowest validation loss: after step {summary.best_step}.")
    lines += [f"Warning, {line}" for line in summary.warnings]
    return [*lines, summary.note] if summary.note else lines


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
            chart, line = REFERENCES.get(name, (name, split))
            curves.setdefault(chart, {}).setdefault(line, []).append((step, value))
    return curves


def _line(colour: str, points: list[tuple[int, float]]) -> Line:
    x, y = np.array(points[:: max(1, len(points) // DRAWN)]).T
    return Line(colour, x, y)
