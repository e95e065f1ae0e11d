"""Score tables -> Table 1's form: methods by split and scale, beside the paper's numbers, each marked as what it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.results.scores import LUMA, RGB, Column, Scores, merge, observation
from gfr_model.results.statistics import Comparison, Interval, bootstrap, compare
from manifests import ConfigError, DataError
from manifests.paper import OURS, ROWS, result

NAN = float("nan")
# Further metrics, as notes name them.
FURTHER = {"lpips": "perceptual distance {:.4f}", "identity_similarity": "identity similarity {:.4f}"}


@dataclass(frozen=True)
class Cell:
    """One metric of one method in one column."""

    value: Interval  # bounds are NaN where none were asked for, and in the paper's rows
    rank: int  # 1: best, 2: second best, 0: neither, among rows of the same source


@dataclass(frozen=True)
class Further:
    """Means of what is not in Table 1, None where it was not measured."""

    landmark_error: float | None = None  # px, of the warped guide
    landmark_error_initial: float | None = None  # px, of the guide itself
    lpips: float | None = None
    identity_similarity: float | None = None


@dataclass(frozen=True)
class Result:
    """A method in one column."""

    psnr: Cell
    ssim: Cell
    images: int | None  # None in the paper's rows
    further: Further


@dataclass(frozen=True)
class Row:
    """A method, with a result for each column, None where it was not tried there."""

    source: str  # 'measured' here, or 'paper'
    group: str  # the paper's, empty otherwise
    method: str
    results: tuple[Result | None, ...]


@dataclass(frozen=True)
class Table:
    """Table 1's form, and what has to be said beside it."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonRow:
    """A against B in one column."""

    column: Column
    metric: str
    found: Comparison


def tabulate(
    folders: Sequence[Path],
    luma: bool = False,  # PSNR and SSIM on Y instead of RGB
    paper: bool = True,  # with the paper's rows
    intervals: bool = False,  # with bootstrap intervals
    seed: int = 0,  # of the bootstrap
) -> Table:
    """Table 1 of any number of score folders. Raises DataError for tables that are unreadable or contradict."""
    scores = merge(folders)
    names = LUMA if luma else RGB
    measured = [
        Row(
            "measured", "", method, tuple(_result(scores.of(method, c), names, intervals, seed) for c in scores.columns)
        )
        for method in scores.methods
    ]
    rows = _ranked(measured, scores.methods)
    if paper:
        rows += _ranked(list(_paper_rows(scores.columns)), [row.method for row in ROWS if row.group != OURS])
    notes = [*_general_notes(scores, luma, intervals, rows), *_method_notes(scores), *_column_notes(scores)]
    return Table(scores.columns, tuple(rows), tuple(notes))


def compare_methods(folders: Sequence[Path], first: str, second: str, seed: int = 0) -> list[ComparisonRow]:
    """Compare two methods where both have scores, on RGB. Raises ConfigError for a name that no table has."""
    scores = merge(folders)
    if unknown := [name for name in (first, second) if name not in scores.methods]:
        raise ConfigError(f"no scores of {' and '.join(unknown)}; there are {', '.join(scores.methods)}")
    found = []
    for column in scores.columns:
        ours = {observation(row): row for row in scores.of(first, column)}
        both = [(ours[key], row) for row in scores.of(second, column) if (key := observation(row)) in ours]
        if not both:
            continue
        persons = np.array([row["person"] for row, _ in both])
        for metric in RGB:
            ours_values, others = (np.array([row[metric] for row in side]) for side in zip(*both, strict=True))
            found.append(ComparisonRow(column, metric, compare(ours_values, others, persons, seed)))
    if not found:
        raise DataError(f"{first} and {second} have no observation in common; score both on the same degraded folder")
    return found


def _result(rows: Sequence[dict[str, Any]], names: tuple[str, str], intervals: bool, seed: int) -> Result | None:
    """The means of a method's rows in a column, without ranks."""
    if not rows:
        return None
    persons = np.array([row["person"] for row in rows])
    cells = []
    for name in names:
        values = np.array([row[name] for row in rows])
        found = bootstrap(values, persons, seed) if intervals else Interval(float(values.mean()), NAN, NAN)
        cells.append(Cell(found, 0))
    further = {name: _mean(rows, name) for name in Further.__annotations__}
    return Result(cells[0], cells[1], len(rows), Further(**further))


def _mean(rows: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if row[name] is not None]
    return float(np.mean(values)) if values else None


def _paper_rows(columns: Sequence[Column]) -> Iterator[Row]:
    for row in ROWS:
        printed = [None if c.scale is None else result(row, c.split, c.scale) for c in columns]
        results = [
            None if pair is None else Result(_exact(pair[0]), _exact(pair[1]), None, Further()) for pair in printed
        ]
        if any(results):
            yield Row("paper", row.group, row.method, tuple(results))


def _exact(value: float) -> Cell:
    return Cell(Interval(value, NAN, NAN), 0)


def _ranked(rows: Sequence[Row], second_best: Sequence[str]) -> list[Row]:
    """The rows with ranks; only the methods `second_best` can be second."""
    columns = range(len(rows[0].results) if rows else 0)
    psnr = [_ranks({r.method: x.psnr for r in rows if (x := r.results[c])}, second_best) for c in columns]
    ssim = [_ranks({r.method: x.ssim for r in rows if (x := r.results[c])}, second_best) for c in columns]
    return [
        replace(
            row,
            results=tuple(
                found
                and replace(
                    found,
                    psnr=replace(found.psnr, rank=psnr[column].get(row.method, 0)),
                    ssim=replace(found.ssim, rank=ssim[column].get(row.method, 0)),
                )
                for column, found in enumerate(row.results)
            ),
        )
        for row in rows
    ]


def _ranks(cells: dict[str, Cell], second_best: Sequence[str]) -> dict[str, int]:
    """1 for each best method, 2 for each second best; none where there is nothing to compare with."""
    values = {method: cell.value.mean for method, cell in cells.items()}
    if len(values) < 2:
        return {}
    best = max(values.values())
    others = {method: value for method, value in values.items() if value < best and method in second_best}
    second = max(others.values(), default=best)
    ranks = {method: 1 for method, value in values.items() if value == best}
    return ranks | {method: 2 for method, value in others.items() if value == second}


def _general_notes(scores: Scores, luma: bool, intervals: bool, rows: Sequence[Row]) -> Iterator[str]:
    images = ", ".join(f"{c.images:,} of {c.split} {c.label}" for c in scores.columns)
    yield f"PSNR in dB and (SSIM) on {'luma (Y)' if luma else 'RGB'}, means over images: {images}."
    if intervals:
        yield "In brackets the 95% bootstrap interval, drawing persons."
    if any(row.source == "paper" for row in rows):
        yield (
            "(paper): Table 1 of the paper, measured by its authors on their own photographs; comparable only where "
            "the data are the same. Its second best leaves GFRNet's variants out, as the paper does."
        )


def _method_notes(scores: Scores) -> Iterator[str]:
    for method in scores.methods:
        failed = [row for row in scores.failed if row["method"] == method]
        if failed:
            yield f"{method}: {len(failed):,} observations have no score, the first because {failed[0]['error']}"
        rows = scores.of_method(method)
        after, before = _mean(rows, "landmark_error"), _mean(rows, "landmark_error_initial")
        if after is not None and before is not None:
            yield f"{method}: landmarks of the warped guide {after:.2f} px off, {before:.2f} px before warping."
        told = [text.format(mean) for name, text in FURTHER.items() if (mean := _mean(rows, name)) is not None]
        if told:
            yield f"{method}: {', '.join(told)}."


def _column_notes(scores: Scores) -> Iterator[str]:
    for column in scores.columns:
        found = {method: len(scores.of(method, column)) for method in scores.methods}
        few = [method for method, count in found.items() if 0 < count < column.images]
        if few:
            yield f"{column.split} {column.label}: {', '.join(few)} on a part of the images only."
