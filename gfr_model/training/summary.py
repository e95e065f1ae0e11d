"""What a run came to: in lines, and as one page with its curves, pictures and settings, which needs no file."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gfr_model.config import TrainConfig
from gfr_model.training.run import SAMPLES, SUMMARY_FILE, read_metrics
from manifests import write_text
from manifests.pages.charts import Line, data_uri, lines
from manifests.pages.frame import render

TEMPLATE = Path(__file__).parent / "templates" / "summary.html"
WITHOUT, SIMILARITY = "without the network", "best similarity of true landmarks"
COLOURS = {"training": "#5b8dd6", "validation": "#d8502f", WITHOUT: "#999999", SIMILARITY: "#3f9b62"}
SPLITS = {"train": "training", "val": "validation"}
REFERENCES = {  # drawn into the other's chart
    "psnr_degraded": ("psnr", WITHOUT),
    "landmark_error_unwarped": ("landmark_error", WITHOUT),
    "landmark_error_inner_unwarped": ("landmark_error_inner", WITHOUT),
    "landmark_error_inner_similarity": ("landmark_error_inner", SIMILARITY),
}
# What each chart is called, and its unit; those of a group in this order, what is not named here comes last.
CHARTS: dict[str, dict[str, tuple[str, str]]] = {
    "How well it restores": {
        "psnr": ("PSNR of the output", "dB"),
        "reconstruction": ("Reconstruction loss, eq. 6", ""),
        "landmark_error_inner": ("Warped guide: landmarks inside the face", "px off"),
        "landmark_error": ("Warped guide: all landmarks", "px off"),
        "points_error_inner": ("Landmarks found in the observation", "px off"),
        "points_error_inner_guide": ("Landmarks found in the guide", "px off"),
    },
    "What it is trained on": {
        "loss": ("All losses, weighted", ""),
        "l2": ("Squared error, eq. 6", ""),
        "l2_further": ("Squared errors of a baseline's further results, sum", ""),
        "face": ("Squared error inside the face", ""),
        "perceptual": ("Perceptual loss, eq. 5", ""),
        "vgg19": ("Distance of VGG19's features", ""),
        "identity": ("Identity loss", ""),
        "landmark": ("Landmark loss, eq. 9", ""),
        "tv": ("Total variation of the flow, eq. 10", ""),
        "points": ("Distance of found landmarks", ""),
        "spread": ("Spread of found landmarks", ""),
        "adversarial_global": ("Adversarial loss, eq. 8, whole image", ""),
        "adversarial_local": ("Adversarial loss, eq. 8, face", ""),
        "critic_global": ("Discriminator of the image, eq. 7", ""),
        "critic_local": ("Discriminator of the face, eq. 7", ""),
        "penalty_global": ("Gradient penalty of a baseline's critic", ""),
    },
    "What to watch": {
        "learning_rate": ("Learning rate", ""),
        "gradient_norm": ("Norm of the gradients", ""),
        "flow_spread": ("Flow: spread over the inputs", "px"),
        "dead_channels": ("WarpNet's bottleneck: share that is 0", ""),
        "skipped": ("Steps skipped so far", "steps"),
        "warnings": ("Warnings about the flow", ""),
    },
}
OTHERS = "What to watch"  # the group of what CHARTS does not name
DRAWN = 600  # points of a curve at most
PICTURES = 60  # in the page at most; the folder has all
WIDE = 1280  # px of a picture at most

Curves = dict[str, dict[str, list[tuple[int, float]]]]  # name -> line -> (step, value)


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


def write_summary(run: Path, config: TrainConfig, facts: list[str], best_step: int = -1) -> Path:
    """Write `summary.html` of a run with `facts`, a line each, at its top, and return its path.

    best_step: whose weights are the model, -1 where that is not known.
    """
    curves = _curves(read_metrics(run))
    marks = {float(best_step): "model"} if best_step >= 0 else {}
    pictures, count, damaged = _pictures(run, curves)
    page = render(
        TEMPLATE,
        title=f"Training run {run.resolve().name}",
        lines=facts,
        colours={name: COLOURS[name] for name in COLOURS if any(name in chart for chart in curves.values())},
        groups=[(group, charts) for group in CHARTS if (charts := _charts(group, curves, marks))],
        pictures=pictures,
        pictures_in_all=count,
        damaged=damaged,
        folder=SAMPLES,
        settings=_settings(config),
    )
    write_text(run / SUMMARY_FILE, page)
    return run / SUMMARY_FILE


def _charts(group: str, curves: Curves, marks: dict[float, str]) -> list[tuple[str, str, Any, str]]:
    """Title, unit, chart and name of each chart of a group that has values."""
    known = {name for one in CHARTS.values() for name in one}
    names = [name for name in CHARTS[group] if name in curves]
    names += sorted(curves.keys() - known) if group == OTHERS else []
    charts = []
    for name in names:
        title, unit = CHARTS[group].get(name, (name, ""))
        drawn = [_line(COLOURS[which], points) for which, points in curves[name].items()]
        values = np.concatenate([line.y for line in drawn])
        # A loss that falls by orders of magnitude would be a line along the axis.
        steep = group != "How well it restores" and values.min() > 0 and values.max() > 30 * values.min()
        chart = lines(drawn, "steps", upright=unit, marks=marks, logarithmic=bool(steep))
        charts.append((title, "logarithmic" if steep else "", chart, name))
    return charts


def _pictures(run: Path, curves: Curves) -> tuple[list[dict[str, Any]], int, list[str]]:
    """The pictures of the validations, some of them where there are many, from the first to the last.

    Also how many there are, and the names of those that should be shown and cannot be read.
    """
    paths = sorted((run / SAMPLES).glob("step-*.png"))
    places = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), PICTURES)).round().astype(int))
    psnr = dict(curves.get("psnr", {}).get("validation", []))
    shown, damaged = [], []
    for path in (paths[place] for place in places):
        step = int(path.stem.removeprefix("step-"))
        image = _read_sample(path)
        if image is None:
            damaged.append(path.name)
            continue
        about = f"after step {step:,}" + (f", PSNR {psnr[step]:.2f} dB" if step in psnr else "")
        shown.append({"about": about, "uri": data_uri(image, WIDE)})
    return shown, len(paths), damaged


def _read_sample(path: Path) -> np.ndarray | None:
    """A picture of a validation, (H, W, 3) uint8 RGB; None where it is damaged, which is no reason to end a run."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # as Pillow tells of damage
        return None


def _settings(config: TrainConfig) -> list[tuple[str, Any, str, bool]]:
    """Name, value and meaning of each setting, and whether it is another than the paper's."""
    paper = asdict(TrainConfig())
    fields = TrainConfig.__pydantic_fields__  # type: ignore[attr-defined]  # pydantic's dataclass has it
    return [
        (name, value, str(fields[name].description), value != paper[name]) for name, value in asdict(config).items()
    ]


def _curves(table: pa.Table) -> Curves:
    curves: Curves = {}
    columns = (table.column(name).to_pylist() for name in ("name", "split", "step", "value"))
    for name, split, step, value in zip(*columns, strict=True):
        if math.isfinite(value):
            chart, line = REFERENCES.get(name, (name, SPLITS[split]))
            curves.setdefault(chart, {}).setdefault(line, []).append((step, value))
    return curves


def _line(colour: str, points: list[tuple[int, float]]) -> Line:
    x, y = np.array(points[:: max(1, len(points) // DRAWN)], dtype=float).T
    return Line(colour, x, y)
