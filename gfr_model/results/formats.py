"""A table as text, Markdown, CSV, LaTeX or JSON."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import tabulate

from gfr_model.results.scores import label
from gfr_model.results.table import Table

FORMATS = ("text", "markdown", "csv", "latex", "json")
LAYOUTS = {"text": "plain", "markdown": "pipe", "latex": "latex_raw"}  # tabulate's names
DIGITS = {"psnr": 2, "ssim": 3}  # as the paper prints them
MARKS = {
    "text": {1: ("", "*"), 2: ("", "+")},
    "markdown": {1: ("**", "**"), 2: ("_", "_")},
    "latex": {1: (r"\textbf{", "}"), 2: (r"\underline{", "}")},
}
ESCAPES = {
    "text": {},
    "markdown": {"|": r"\|"},
    "latex": {
        **{character: rf"\{character}" for character in "&%$#_{}"},
        **{"~": r"\textasciitilde{}", "\\": r"\textbackslash{}", "^": r"\textasciicircum{}"},
        **{"×": r"$\times$", "–": "--", "±": r"$\pm$"},
    },
}
PLUS_MINUS = {"text": "±", "markdown": "±", "latex": r"$\pm$"}
BEST = {
    "text": "* best, + second best of its block.",
    "markdown": "**Best**, _second best_ of the measured and of the paper's rows.",
}
BLOCKS = {"measured": "Measured here", "paper": "The paper's Table 1"}


def render(table: Table, form: str) -> str:
    """`table` in one of FORMATS."""
    if form == "csv":
        return _plain(table.results).to_csv(index=False).rstrip("\n")
    if form == "json":
        return _json({"rows": _plain(table.results).to_dict("records"), "notes": table.notes})
    lines: list[Any] = []
    for source, title in BLOCKS.items():
        block = table.block(source)
        if block and form == "text":
            lines.append([title])
        elif block and lines and form == "latex":
            lines.append(tabulate.SEPARATING_LINE)
        for method, cells in block:
            name = "  " * (form == "text") + _escaped(method, form) + " (paper)" * (source == "paper")
            lines.append([name, *(_escaped("–", form) if cell is None else _cell(cell, form) for cell in cells)])
    if form == "latex":
        return "".join(f"% {line}\n" for line in table.notes) + _latex(table, lines)
    notes = ("\n" if form == "text" else "\n\n").join([BEST[form], *table.notes])
    return f"{_layout(lines, _heads(table, form), form, 1)}\n\n{notes}"


def render_comparison(found: pd.DataFrame, form: str) -> str:
    """What `compare_methods` found, in one of FORMATS."""
    if form == "csv":
        return _plain(found).to_csv(index=False).rstrip("\n")
    if form == "json":
        return _json(_plain(found).to_dict("records"))
    first, second = (_escaped(found[name].iloc[0], form) for name in ("first", "second"))
    percent = _escaped("%", form)
    heads = ["split", "scale", "metric", f"{first} - {second}", f"95{percent} interval", "p", f"{first} better"]
    lines = []
    for row in found.to_dict("records"):
        digits = 3 if row["metric"] == "psnr" else 4
        difference, low, high = (f"{row[name]:+.{digits}f}" for name in ("difference", "low", "high"))
        where = [_escaped(text, form) for text in (row["split"], label(row["scale"]), row["metric"].upper())]
        tested = [f"{row['p_value']:.2g}", f"{100 * row['first_better']:.0f}{percent}"]
        lines.append([*where, difference, f"[{low}, {high}]", *tested, f"{row['images']:,}", f"{row['persons']:,}"])
    return _layout(lines, [*heads, "images", "persons"], form, 3)


def _heads(table: Table, form: str) -> list[str]:
    """One line of heads; in text a second above it, with each split where it begins."""
    if form == "latex":
        return ["Method", *(_escaped(label, form) for label in table.labels)]
    splits = [split for split, _ in table.columns]
    if form == "markdown":
        return [
            "Method",
            *(_escaped(f"{split} {label}", form) for split, label in zip(splits, table.labels, strict=True)),
        ]
    once = [split if n == 0 or splits[n - 1] != split else "" for n, split in enumerate(splits)]
    return ["\nMethod", *(f"{split}\n{label}" for split, label in zip(once, table.labels, strict=True))]


def _latex(table: Table, lines: Sequence[Any]) -> str:
    """A line of splits stands above that of the scales."""
    spans = [rf"\multicolumn{{{count}}}{{c}}{{{_escaped(split, 'latex')}}}" for split, count in table.splits]
    splits = " & ".join(["", *spans])
    return _layout(lines, _heads(table, "latex"), "latex", 1).replace("\\hline\n", f"\\hline\n{splits} \\\\\n", 1)


def _layout(lines: Sequence[Any], heads: Sequence[str], form: str, texts: int) -> str:
    """Lines in columns, of which the first `texts` hold words, the others numbers."""
    numbers = {"text": "left", "markdown": "right", "latex": "center" if texts == 1 else "right"}[form]
    sides = ["left"] * texts + [numbers] * (len(heads) - texts)
    laid = tabulate.tabulate(
        lines,
        heads,
        LAYOUTS[form],
        disable_numparse=True,
        colalign=sides,
        headersalign=sides,
        preserve_whitespace=True,
    )
    return "\n".join(line.rstrip() for line in laid.splitlines())


def _cell(row: dict[str, Any], form: str) -> str:
    """PSNR and (SSIM), as the paper has them; the mark of a text stands behind the bracket."""
    texts, marks = [], []
    for name, digits in DIGITS.items():
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        spread = "" if pd.isna(row[f"{name}_spread"]) else f" {PLUS_MINUS[form]} {row[f'{name}_spread']:.{digits}f}"
        mark = MARKS[form].get(row[f"{name}_rank"], ("", " " if form == "text" and name == "psnr" else ""))
        bounds = "" if pd.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
        texts.append((f"{row[name]:.{digits}f}", f"{spread}{bounds}"))
        marks.append(mark)
    (psnr, psnr_bounds), (ssim, ssim_bounds) = texts
    (first, last), (before, after) = marks
    if form == "text":
        return f"{psnr}{last}{psnr_bounds} ({ssim}{ssim_bounds}){after}"
    return f"{first}{psnr}{last}{psnr_bounds} ({before}{ssim}{after}{ssim_bounds})"


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Python's own values, None for what is missing or not finite: neither JSON nor a reader of CSV knows infinity."""
    known = frame.notna() & ~frame.isin([float("inf"), float("-inf")])
    return frame.astype(object).where(known, None)


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


def _escaped(text: str, form: str) -> str:
    return "".join(ESCAPES[form].get(character, character) for character in text)
