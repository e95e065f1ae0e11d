"""A table as text, Markdown, CSV, LaTeX or JSON."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from gfr_model.results.statistics import Interval
from gfr_model.results.table import Cell, ComparisonRow, Row, Table

DIGITS = (2, 3)  # of PSNR and SSIM, as the paper prints them
MARKS = {
    "text": {0: ("", " "), 1: ("", "*"), 2: ("", "+")},
    "markdown": {0: ("", ""), 1: ("**", "**"), 2: ("_", "_")},
    "latex": {0: ("", ""), 1: (r"\textbf{", "}"), 2: (r"\underline{", "}")},
}
LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}"}
LATEX |= {"×": r"$\times$", "–": "--", "\\": r"\textbackslash{}", "^": r"\textasciicircum{}"}


def render(table: Table, form: str) -> str:
    """`table` in one of FORMATS."""
    return FORMATS[form](table)


def render_comparison(rows: Sequence[ComparisonRow], first: str, second: str, form: str) -> str:
    """A paired comparison in one of FORMATS."""
    if form == "json":
        return json.dumps([_comparison_record(row, first, second) for row in rows], indent=2, ensure_ascii=False)
    if form == "csv":
        return _csv([_comparison_record(row, first, second) for row in rows])
    head = [
        "split",
        "scale",
        "metric",
        f"{first} - {second}",
        "95% interval",
        "p",
        f"{first} better",
        "images",
        "persons",
    ]
    body = []
    for row in rows:
        found, digits = row.found, 3 if row.metric == "psnr" else 4
        difference = found.difference
        body.append(
            [
                row.column.split,
                row.column.label,
                row.metric.upper(),
                f"{difference.mean:+.{digits}f}",
                f"[{difference.low:+.{digits}f}, {difference.high:+.{digits}f}]",
                f"{found.p_value:.2g}",
                f"{100 * found.wins:.0f}%",
                f"{found.count:,}",
                f"{found.persons:,}",
            ]
        )
    if form == "markdown":
        return "\n".join(_markdown_line(line) for line in [head, ["---"] * len(head), *body])
    if form == "latex":
        return _latex_table("lll" + "r" * (len(head) - 3), [head], body)
    return _aligned([head, *body])


def _text(table: Table) -> str:
    splits = ["", *_once(column.split for column in table.columns)]
    scales = ["Method", *(column.label for column in table.columns)]
    lines: list[list[str] | str] = [splits, scales]
    for source, rows in groupby(table.rows, key=lambda row: row.source):
        lines.append("Measured here" if source == "measured" else "The paper's Table 1")
        lines += [["  " + _name(row), *_cells(row, "text")] for row in rows]
    notes = ["* best, + second best of its block.", *table.notes]
    return _aligned(lines) + "\n\n" + "\n".join(notes)


def _markdown(table: Table) -> str:
    head = ["Method", *(f"{column.split} {column.label}" for column in table.columns)]
    lines = [head, ["---"] + ["---:"] * len(table.columns)]
    lines += [[_name(row).replace("|", r"\|"), *_cells(row, "markdown")] for row in table.rows]
    notes = ["**Best**, _second best_ of the measured and of the paper's rows.", *table.notes]
    return "\n".join(_markdown_line(line) for line in lines) + "\n\n" + "\n\n".join(notes)


def _latex(table: Table) -> str:
    spans = []
    for split, columns in groupby(table.columns, key=lambda column: column.split):
        spans.append(rf"\multicolumn{{{len(list(columns))}}}{{c}}{{{_escape(split)}}}")
    scales = ["Method", *(_escape(column.label) for column in table.columns)]
    body: list[list[str]] = []
    for row in table.rows:
        if body and row.source == "paper" and body[-1] != [r"\hline"] and table.rows[len(body) - 1].source != "paper":
            body.append([r"\hline"])
        body.append([_escape(_name(row)), *_cells(row, "latex")])
    notes = "".join(f"% {line}\n" for line in table.notes)
    return notes + _latex_table("l" + "c" * len(table.columns), [["", *spans], scales], body, escape=False)


def _csv_table(table: Table) -> str:
    return _csv(_records(table))


def _json(table: Table) -> str:
    return json.dumps({"rows": _records(table), "notes": table.notes}, indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Table], str]] = {
    "text": _text,
    "markdown": _markdown,
    "csv": _csv_table,
    "latex": _latex,
    "json": _json,
}


def _records(table: Table) -> list[dict[str, Any]]:
    """One record for each method and column."""
    records = []
    for row in table.rows:
        for column, found in zip(table.columns, row.results, strict=True):
            if found is None:
                continue
            record: dict[str, Any] = {"source": row.source, "group": row.group, "method": row.method}
            record |= {"split": column.split, "scale": column.scale if column.scale is not None else column.label}
            record["images"] = found.images
            for name, cell in (("psnr", found.psnr), ("ssim", found.ssim)):
                record |= {name: _finite(cell.value.mean), f"{name}_low": _finite(cell.value.low)}
                record |= {f"{name}_high": _finite(cell.value.high), f"{name}_rank": cell.rank or None}
            records.append(record | asdict(found.further))
    return records


def _comparison_record(row: ComparisonRow, first: str, second: str) -> dict[str, Any]:
    found = row.found
    return {
        "split": row.column.split,
        "scale": row.column.scale if row.column.scale is not None else row.column.label,
        "metric": row.metric,
        "first": first,
        "second": second,
        "difference": found.difference.mean,
        "low": _finite(found.difference.low),
        "high": _finite(found.difference.high),
        "p_value": found.p_value,
        "first_better": found.wins,
        "images": found.count,
        "persons": found.persons,
    }


def _name(row: Row) -> str:
    return f"{row.method} (paper)" if row.source == "paper" else row.method


def _cells(row: Row, form: str) -> list[str]:
    return ["–" if found is None else _pair(found.psnr, found.ssim, form) for found in row.results]


def _pair(psnr: Cell, ssim: Cell, form: str) -> str:
    """PSNR and (SSIM), as the paper has them; the mark of a text stands behind the bracket."""
    (first, last), (before, after) = MARKS[form][psnr.rank], MARKS[form][ssim.rank]
    left = f"{first}{psnr.value.mean:.{DIGITS[0]}f}{last}{_bounds(psnr.value, DIGITS[0])}"
    right = f"{ssim.value.mean:.{DIGITS[1]}f}"
    if form == "text":
        return f"{left} ({right}{_bounds(ssim.value, DIGITS[1])}){after}"
    return f"{left} ({before}{right}{after}{_bounds(ssim.value, DIGITS[1])})"


def _bounds(value: Interval, digits: int) -> str:
    return "" if math.isnan(value.low) else f" [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _once(names: Any) -> list[str]:
    """Each name where it begins, nothing where it goes on."""
    found: list[str] = []
    before = None
    for name in names:
        found.append(name if name != before else "")
        before = name
    return found


def _aligned(lines: Sequence[list[str] | str]) -> str:
    """Lines of cells in columns; a plain string stands alone."""
    wide: dict[int, int] = {}
    for line in lines:
        if not isinstance(line, str):
            for place, cell in enumerate(line):
                wide[place] = max(wide.get(place, 0), len(cell))
    return "\n".join(
        line
        if isinstance(line, str)
        else "  ".join(cell.ljust(wide[place]) for place, cell in enumerate(line)).rstrip()
        for line in lines
    )


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex_table(
    alignment: str, heads: Sequence[Sequence[str]], body: Sequence[Sequence[str]], escape: bool = True
) -> str:
    change = _escape if escape else str
    lines = [rf"\begin{{tabular}}{{{alignment}}}", r"\hline"]
    lines += [" & ".join(change(cell) for cell in head) + r" \\" for head in heads]
    lines.append(r"\hline")
    lines += [
        row[0] if len(row) == 1 else " & ".join(change(cell) for cell in row).replace("–", "--") + r" \\"
        for row in body
    ]
    return "\n".join([*lines, r"\hline", r"\end{tabular}"])


def _escape(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _csv(records: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().rstrip("\n")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
