"""One page that shows a folder of scores: Table 1's form, pictures side by side, and what the gain depends on."""

import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.results.score_charts import COLOURS, chart, curve, legend, ranked
from gfr_model.results.score_page import page
from gfr_model.results.scores import observation
from gfr_model.results.side_by_side import Pictures, Shown, side_by_side
from gfr_model.results.table import Row, Table, tabulate
from gfr_model.scoring.methods import BICUBIC
from manifests import SCORES, SCORES_FILE, Progress, read_table, silent, write_text

HOW_TO_LOOK = (
    "Drag the line: left the input, right the output. A click on a picture lays it over the input instead. "
    "In the flow, the hue says where a pixel looks, the saturation how far."
)
NOTHING_KEPT = "No pictures were kept: score at least one run or folder, with --panels above 0."

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

    Raises DataError when `folder` holds no scores.
    """
    rows = read_table(folder / SCORES_FILE, SCORES).to_pylist()
    shown = _shown(rows)
    pictures = Pictures(folder)
    content, count = side_by_side(shown, pictures, progress)
    sections = [
        ("Results", "Means over the images; best in blue, second best underlined.", _results(tabulate([folder]))),
        ("Side by side", HOW_TO_LOOK if count else NOTHING_KEPT, content),
        ("What the gain depends on", "PSNR over bicubic upsampling; bands hold 95% of the bootstrap.", _curves(shown)),
    ]
    observations = len({observation(row) for row in rows})
    line = f"{observations:,} degraded images of {len({row['person'] for row in rows}):,} persons"
    methods = list(dict.fromkeys(row["method"] for row in rows))
    title = f"Scores of {', '.join(methods[1:5]) or BICUBIC}{' and others' * (len(methods) > 5)}"
    write_text(out, page(title, line, sections, json.dumps(pictures.found)))
    return count


def _shown(rows: Sequence[dict[str, Any]]) -> list[Shown]:
    """Every method's scores but bicubic's, with their gains."""
    base = {observation(row): row["psnr"] for row in rows if row["method"] == BICUBIC and row["psnr"] is not None}
    return [
        Shown(row, row["psnr"] - base[observation(row)])
        for row in rows
        if row["method"] != BICUBIC and row["psnr"] is not None and observation(row) in base
    ]


# Results


def _results(table: Table) -> str:
    parts = {source: list(rows) for source, rows in groupby(table.rows, key=lambda row: row.source)}
    content = _block(table, parts["measured"])
    if "paper" in parts:
        title = "The paper's Table 1, measured by its authors on their own photographs"
        content += f"<details><summary>{title}</summary>{_block(table, parts['paper'])}</details>"
    return content + f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in table.notes)}</ul>'


def _block(table: Table, rows: Sequence[Row]) -> str:
    splits = "".join(
        f'<th colspan="{len(list(columns))}">{escape(split)}</th>'
        for split, columns in groupby(table.columns, key=lambda column: column.split)
    )
    scales = "".join(f"<th>{escape(column.label)}</th>" for column in table.columns)
    lines = "".join(_line(row) for row in rows)
    return (
        f'<div class="wide"><table><thead><tr><th></th>{splits}</tr><tr><th>method</th>{scales}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _line(row: Row) -> str:
    cells = []
    for found in row.results:
        if found is None:
            cells.append("<td>–</td>")
            continue
        cells.append(
            f'<td><span class="s{found.psnr.rank}">{found.psnr.value.mean:.2f}</span> '
            f'<small class="s{found.ssim.rank}">({found.ssim.value.mean:.3f})</small></td>'
        )
    return f"<tr><td>{escape(row.method)}</td>{''.join(cells)}</tr>"


# Curves


def _curves(shown: Sequence[Shown]) -> str:
    finite = [one for one in shown if math.isfinite(one.gain)]
    if not finite:
        return '<p class="none">Only bicubic was scored.</p>'
    names = list(dict.fromkeys(one.row["method"] for one in finite))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    groups = {name: [one for one in finite if one.row["method"] == name] for name in names}
    gains = {name: (colours[name], np.array([one.gain for one in groups[name]])) for name in names}
    figures = [_figure("Each image", "sorted by gain, dB", ranked(gains)), *_against(groups, colours)]
    return f'{legend(colours)}<div class="charts">{"".join(figures)}</div>'


def _against(groups: dict[str, list[Shown]], colours: dict[str, str]) -> Iterator[str]:
    """A figure for each property; a sentence where it is the same for all."""
    for column, title, unit in AGAINST:
        curves, names = [], {}
        for method, members in groups.items():
            x = np.array([float(one.row[column]) for one in members])
            if column == "jpeg_quality":
                x, names = np.where(x == 0, math.inf, x), {math.inf: "lossless"}
            gain = np.array([one.gain for one in members])
            curves.append(curve(method, colours[method], x, gain, np.array([one.row["person"] for one in members])))
        values = {x for one in curves for x, _ in one.points}
        if len(values) == 1:
            value = values.pop()
            yield _figure(title, unit, f'<p class="none">{names.get(value, f"{value:.3g}")} for all images</p>')
        else:
            yield _figure(title, "gain, dB", chart(curves, unit, names))


def _figure(title: str, unit: str, content: str) -> str:
    return f"<figure><figcaption>{escape(title)} <span>{escape(unit)}</span></figcaption>{content}</figure>"
