"""One page that shows a folder of scores: Table 1's form, pictures side by side, and what the gain depends on."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gfr_model.results.scores import FACE, OBSERVATION
from gfr_model.results.side_by_side import Pictures, side_by_side
from gfr_model.results.statistics import bootstrap
from gfr_model.results.table import tabulate
from manifests import SCORES, SCORES_FILE, Progress, read_table, silent
from manifests.files import write_lone
from manifests.pages.charts import COLOURS, FEW, Line, lines
from manifests.pages.frame import render, require_page
from manifests.tables.schemas import BICUBIC

TEMPLATE = Path(__file__).parent / "templates" / "scores.html"
BINS = 6  # of equal size, into which more than FEW values of a property are cut
POINTS = 120  # of a line of sorted gains at most

# What the gain is drawn against: column, title, unit.
AGAINST = (
    ("scale", "Scale", "downsampling s"),
    ("pose_difference", "Pose difference", "angle between target and guide, degrees"),
    ("blur_sigma", "Blur", "rho, px"),
    ("noise_sigma", "Noise", "sigma, grey levels"),
    ("jpeg_quality", "JPEG quality", "q"),
)


def write_report(folder: Path, out: Path, progress: Progress = silent) -> int:
    """Write the page of the scores in `folder`; returns how many rows of pictures it has.

    Raises DataError when `folder` holds no scores, a picture that is not as it was written, or somebody else's file is
    where the page shall be; ConfigError when that has no page's name.
    """
    require_page(out, folder / "report.html")
    scores = read_table(folder / SCORES_FILE, SCORES).to_pandas().astype({"scale": float})
    shown = _with_gains(scores)
    pictures = Pictures(folder)
    restored = list(side_by_side(shown, pictures, progress))
    methods = scores["method"].unique().tolist()
    images, persons = len(scores.drop_duplicates(OBSERVATION)), scores["person"].nunique()
    finite = shown[np.isfinite(shown["gain"])]
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(finite["method"].unique())}
    page = render(
        TEMPLATE,
        title=f"Scores of {', '.join(methods[1:5]) or BICUBIC}{' and others' * (len(methods) > 5)}",
        lines=[f"{images:,} degraded image{'s' * (images != 1)} of {persons:,} person{'s' * (persons != 1)}"],
        table=tabulate([folder]),
        face=tabulate([folder], FACE, paper=False) if scores[list(FACE)].notna().any(axis=None) else None,
        restored=restored,
        places=list(dict.fromkeys((one.row["split"], one.row["scale"]) for one in restored)),
        pictures=pictures.found,
        colours=colours,
        figures=list(_figures(finite, colours)) if colours else [],
    )
    write_lone(out, page.encode())
    return len(restored)


def _with_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Every method's scores but bicubic's, with their `gain` over it in dB."""
    scored = scores[scores["psnr"].notna()]
    base = scored.loc[scored["method"] == BICUBIC, [*OBSERVATION, "psnr"]].rename(columns={"psnr": "bicubic"})
    shown = scored[scored["method"] != BICUBIC].merge(base, on=OBSERVATION)
    return shown.assign(gain=(shown["psnr"] - shown["bicubic"]).fillna(0.0))  # both equal to the truth: inf - inf


def _figures(shown: pd.DataFrame, colours: dict[str, str]) -> Iterator[tuple[str, str, Any]]:
    """Title, unit and chart of the gain by each property; a sentence where it is the same for all images."""
    lossless = shown["jpeg_quality"].astype(float).replace(0, math.inf)
    groups = [(colours[name], rows) for name, rows in shown.assign(jpeg_quality=lossless).groupby("method", sort=False)]
    yield (
        "Each image",
        "sorted by gain, dB",
        lines([ranked(*one) for one in groups], "share of the images, %", None, True),
    )
    for column, title, unit in AGAINST:
        names = {math.inf: "lossless"} if column == "jpeg_quality" else {}
        curves = [curve(colour, rows[column].to_numpy(float), rows["gain"], rows["person"]) for colour, rows in groups]
        values = np.unique(np.concatenate([line.x for line in curves]))
        if len(values) == 1:
            yield title, unit, f"{names.get(values[0], f'{values[0]:.3g}')} for all images"
        else:
            yield title, "gain, dB", lines(curves, unit, names, signed=True)


def ranked(colour: str, rows: pd.DataFrame) -> Line:
    """Each image's gain, sorted from the largest."""
    ordered = np.sort(rows["gain"].to_numpy())[::-1]
    places = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), POINTS)).round().astype(int))
    return Line(colour, 100 * (places + 0.5) / len(ordered), ordered[places])


def curve(colour: str, x: np.ndarray, gain: Sequence[float], persons: Sequence[Any]) -> Line:
    """Means of `gain` (N,) where `x` (N,) is about the same, with bootstrap intervals by person.

    Infinite values of `x` stand for themselves.
    """
    bins = x
    if len(np.unique(x)) > FEW:
        edges = np.unique(np.quantile(x[np.isfinite(x)], np.linspace(0, 1, BINS + 1)))
        which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
        bins = np.where(np.isfinite(x), which, len(edges))
    rows = pd.DataFrame({"x": x, "gain": np.asarray(gain), "person": np.asarray(persons)})
    means, found = [], []
    for _, inside in rows.groupby(bins):
        means.append(inside["x"].to_numpy().mean())
        found.append(bootstrap(inside["gain"].to_numpy(), inside["person"].to_numpy()))
    y, low, high = (np.array([getattr(one, name) for one in found]) for name in ("mean", "low", "high"))
    return Line(colour, np.array(means), y, low, high)
