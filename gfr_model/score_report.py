"""One page that shows a folder of scores: Table 1's form, pictures side by side, and what the gain depends on."""

import base64
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.merged_scores import observation
from gfr_model.methods import BICUBIC
from gfr_model.panels import FLOW_FILE
from gfr_model.pictures import FULL_COLOUR, flow_picture
from gfr_model.score_charts import COLOURS, chart, curve, legend, ranked
from gfr_model.score_page import page
from gfr_model.table import Row, Table, tabulate
from manifests import SCORES, SCORES_FILE, Progress, hash_bytes, read_table, silent, write_text

JPEG_QUALITY = 92
FILMS = {"input": "input", "guide": "guide", "warped": "warped guide", "output": "output", "truth": "truth"}

# What the gain is drawn against: column, title, unit.
AGAINST = (
    ("scale", "Scale", "downsampling s"),
    ("pose_difference", "Pose difference", "angle between target and guide, degrees"),
    ("blur_sigma", "Blur", "rho, px"),
    ("noise_sigma", "Noise", "sigma, grey levels"),
    ("jpeg_quality", "JPEG quality", "q"),
)


@dataclass(frozen=True)
class Shown:
    """A row of scores beside bicubic's of the same observation."""

    row: dict[str, Any]
    gain: float  # dB over bicubic


def write_report(folder: Path, out: Path, progress: Progress = silent) -> int:
    """Write the page of the scores in `folder`; returns how many rows of pictures it has.

    Raises DataError when `folder` holds no scores.
    """
    rows = read_table(folder / SCORES_FILE, SCORES).to_pylist()
    table = tabulate([folder])
    shown = _shown(rows)
    pictures = _Pictures(folder)
    with_panel = [one for one in shown if one.row["panel"] is not None]
    parts = []
    for done, one in enumerate(with_panel):
        progress("page", done, len(with_panel))
        parts.append(_row(one, done, pictures))
    progress("page", len(with_panel), len(with_panel))
    kept = [one for one, part in zip(with_panel, parts, strict=True) if part]
    sections = [
        ("Results", "Means over the images; best in blue, second best underlined.", _results(table)),
        ("Side by side", _introduction(kept), _side_by_side(kept, [part for part in parts if part])),
        ("What the gain depends on", "PSNR over bicubic upsampling; bands hold 95% of the bootstrap.", _curves(shown)),
    ]
    observations = len({observation(row) for row in rows})
    line = f"{observations:,} degraded images of {len({row['person'] for row in rows}):,} persons"
    methods = list(dict.fromkeys(row["method"] for row in rows))
    title = f"Scores of {', '.join(methods[1:5]) or BICUBIC}{' and others' * (len(methods) > 5)}"
    write_text(out, page(title, line, sections, json.dumps(pictures.found)))
    return len(kept)


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


# Side by side


class _Pictures:
    """The pictures of a page, each once: {key: data URI}."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, str] = {}

    def add(self, panel: str, name: str) -> str | None:
        """The key of a kept picture, None where it is missing or unreadable."""
        from PIL import Image

        try:
            with Image.open(self.folder / panel / f"{name}.png") as file:
                return self._keep(np.array(file.convert("RGB")))
        except (OSError, ValueError):
            return None

    def add_flow(self, panel: str) -> tuple[str, str] | None:
        """The key of a kept flow as a picture, and its title; full colour is its own longest way."""
        try:
            flow = np.load(self.folder / panel / FLOW_FILE, allow_pickle=False).astype(np.float32)[None]
        except (OSError, ValueError):
            return None
        size = flow.shape[-1]
        line = np.linspace(-1, 1, size, dtype=np.float32)
        still = np.stack(np.meshgrid(line, line))[None]
        longest = float(np.quantile(np.hypot(*(flow - still)[0]), 0.99))  # in [-1, 1]'s unit
        scaled = still + (flow - still) * (2 * FULL_COLOUR / max(longest, 1e-6))
        return self._keep(flow_picture(scaled)[0]), f"flow, up to {longest * (size - 1) / 2:.0f} px"

    def _keep(self, image: np.ndarray) -> str:
        key = hash_bytes(image.tobytes())[:12]
        if key not in self.found:
            self.found[key] = _data_uri(image)
        return key


def _data_uri(image: np.ndarray) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def _introduction(shown: Sequence[Shown]) -> str:
    if not shown:
        return "No pictures were kept: score at least one run or folder, with --panels above 0."
    return (
        "Drag the line: left the input, right the output. A click on a picture lays it over the input instead. "
        "In the flow, the hue says where a pixel looks, the saturation how far."
    )


def _side_by_side(shown: Sequence[Shown], parts: Sequence[str]) -> str:
    if not shown:
        return ""
    methods = list(dict.fromkeys(one.row["method"] for one in shown))
    places = list(dict.fromkeys(_where(one.row) for one in shown))
    orders = [("gain", "largest gain"), ("loss", "largest loss"), ("psnr", "PSNR"), ("pose", "pose difference")]
    controls = (
        _select("method", "Method", [(name, name) for name in methods])
        + _select("where", "Of", [("", "all splits and scales"), *((name, name) for name in places)])
        + _select("order", "First", [*orders, ("table", "order of the table")])
    )
    return f'<div class="controls">{controls}</div><div id="rows">{"".join(parts)}</div>'


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    choices = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options)
    # The browser would remember a choice that another page made.
    return f'<label>{label}<select id="{name}" autocomplete="off">{choices}</select></label>'


def _where(row: dict[str, Any]) -> str:
    return f"{row['split']} {row['scale']:g}×"


def _row(one: Shown, place: int, pictures: _Pictures) -> str:
    """Divider, facts and pictures of one observation; empty where its pictures are gone."""
    row = one.row
    keys = {title: key for name, title in FILMS.items() if (key := pictures.add(row["panel"], name))}
    if "input" not in keys or "output" not in keys:
        return ""
    if flow := pictures.add_flow(row["panel"]):
        keys[flow[1]] = flow[0]
    films = "".join(
        f'<button type="button" aria-pressed="{str(title == "output").lower()}">'
        f'<img data-picture="{key}" alt="{title}"><span>{title}</span></button>'
        for title, key in keys.items()
    )
    attributes = {
        "method": row["method"],
        "where": _where(row),
        "gain": f"{one.gain:.4f}",
        "psnr": f"{row['psnr']:.4f}",
        "pose": f"{row['pose_difference']:.2f}",
        "place": str(place),
    }
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in attributes.items())
    return (
        f'<div class="row" {data}><div class="divider">'
        f'<img class="after" data-picture="{keys["output"]}" alt="output">'
        f'<img class="before" data-picture="{keys["input"]}" alt="input">'
        f'<input type="range" min="0" max="100" step="0.1" value="50" autocomplete="off" '
        f'aria-label="where the input ends"><i></i><b class="left">input</b><b class="right">output</b></div>'
        f'<div>{_about(one)}<div class="films">{films}</div></div></div>\n'
    )


def _about(one: Shown) -> str:
    row = one.row
    facts = [
        f"PSNR {row['psnr'] - one.gain:.2f} → {row['psnr']:.2f} dB",
        f"SSIM {row['ssim']:.3f}",
        _where(row),
        f"blur {row['blur_sigma']:g}, noise {row['noise_sigma']:g}, "
        + (f"JPEG {row['jpeg_quality']}" if row["jpeg_quality"] else "lossless"),
        f"pose {row['pose_difference']:.0f}° apart",
    ]
    if row["landmark_error"] is not None:
        facts.append(f"landmarks {row['landmark_error_initial']:.1f} → {row['landmark_error']:.1f} px")
    for name, title in (("lpips", "perceptual distance"), ("identity_similarity", "identity similarity")):
        if row[name] is not None:
            facts.append(f"{title} {row[name]:.3f}")
    facts.append(f"{row['person']} · {row['pair_id']}")
    kind = "up" if one.gain >= 0 else "down"
    listed = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    return f'<div class="about"><strong class="{kind}">{one.gain:+.2f} dB</strong>{listed}</div>'


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
