"""One page at the end of a run: its curves, its last pictures, its settings. It needs no other file."""

import base64
import html
import math
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from gfr_model.config import TrainConfig
from gfr_model.training.run import SAMPLES, SUMMARY_FILE, read_metrics
from manifests import write_text

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 220, 56, 26, 12  # px of one chart and its margins
COLOURS = {"train": "#4477aa", "val": "#cc3311", "without the network": "#999999"}
REFERENCES = {"psnr_degraded": "psnr", "landmark_error_unwarped": "landmark_error"}  # drawn into the other's chart
DRAWN = 600  # points of a curve at most
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1340px;padding:0 1rem;color:#222}"
    "svg{background:#fff;margin:0 .5rem 1rem 0}text{font:11px system-ui,sans-serif;fill:#555}"
    "img{max-width:100%}table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0;border-bottom:1px solid #eee}"
)

Curves = dict[str, dict[str, list[tuple[int, float]]]]  # name -> split -> (step, value)


def write_summary(run: Path, config: TrainConfig, lines: list[str]) -> Path:
    """Write `summary.html` of a run with `lines` of text at its top, and return its path."""
    curves = _curves(read_metrics(run))
    charts = "".join(_chart(name, splits) for name, splits in sorted(curves.items()))
    facts = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    rows = "".join(f"<tr><td>{name}</td><td>{html.escape(str(v))}</td></tr>" for name, v in asdict(config).items())
    legend = " ".join(f'<span style="color:{colour}">&#9632; {split}</span>' for split, colour in COLOURS.items())
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(run.name)}</title>'
        f"<style>{STYLE}</style><h1>Training run {html.escape(run.name)}</h1>{facts}"
        f"<h2>Curves</h2><p>{legend}; x: steps</p>{charts}<h2>Last pictures</h2>{_last_picture(run)}"
        f"<h2>Settings</h2><table>{rows}</table></html>\n"
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


def _chart(name: str, splits: dict[str, list[tuple[int, float]]]) -> str:
    points = [point for curve in splits.values() for point in curve]
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    y0, y1 = min(y for _, y in points), max(y for _, y in points)
    across, down = WIDTH - LEFT - 8, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> str:
        right = LEFT + across * (x - x0) / max(x1 - x0, 1)
        return f"{right:.1f},{TOP + down * (1 - (y - y0) / (y1 - y0 or 1)):.1f}"

    lines = ""
    for split, curve in splits.items():
        thinned = curve[:: max(1, len(curve) // DRAWN)]
        path = " ".join(place(x, y) for x, y in thinned)
        lines += f'<polyline points="{path}" fill="none" stroke="{COLOURS[split]}" stroke-width="1.5"/>'
        lines += "".join(
            f'<circle cx="{place(x, y).split(",")[0]}" cy="{place(x, y).split(",")[1]}" r="2.5" '
            f'fill="{COLOURS[split]}"/>'
            for x, y in (thinned if len(thinned) < 30 else [])
        )
    frame = f'<path d="M{LEFT} {TOP}V{TOP + down}H{WIDTH - 8}" fill="none" stroke="#bbb"/>'
    marks = (
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{y1:.4g}</text>'
        f'<text x="{LEFT - 4}" y="{TOP + down}" text-anchor="end">{y0:.4g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{x0}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 8}" text-anchor="end">{x1}</text>'
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(name)}</text>'
    )
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{frame}{lines}{marks}</svg>'


def _last_picture(run: Path) -> str:
    pictures = sorted((run / SAMPLES).glob("step-*.png"))
    if not pictures:
        return "<p>None yet.</p>"
    content = base64.b64encode(pictures[-1].read_bytes()).decode()
    return f'<p>{pictures[-1].name}</p><img alt="samples" src="data:image/png;base64,{content}">'
