"""Score tables -> Table 1's form: methods by split and scale, beside the paper's numbers, each marked as what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gfr_model.paper_table import OURS, ROWS, result
from gfr_model.statistics import Comparison, Interval, bootstrap, compare
from manifests import SCORES, SCORES_FILE, ConfigError, DataError, read_table

METRICS = {"rgb": ("psnr", "ssim"), "y": ("psnr_y", "ssim_y")}
MOST_SCALES = 4  # of a split that have a column each; more were drawn from a range, and share one
FIRST_SPLITS = ("test-vggface2", "test-webface")  # in the paper's order
NAN = float("nan")
OBSERVATION = ("split", "pair_id", "copy", "blur_sigma", "scale", "noise_sigma", "jpeg_quality")
ABOUT = ("person", "method", "checkpoint_hash", "protocol", "error", "landmark_error", "landmark_error_initial")
COLUMNS = (*OBSERVATION, *ABOUT, *METRICS["rgb"], *METRICS["y"])


@dataclass(frozen=True)
class Column:
    """A split at one scale, or at all of its scales."""

    split: str
    scale: float | None  # None: all
    label: str  # of the scale, '4×'
    images: int  # observations


@dataclass(frozen=True)
class Cell:
    """One metric of one method in one column."""

    value: Interval  # bounds are NaN where none were asked for, and in the paper's rows
    rank: int  # 1: best, 2: second best, 0: neither, among rows of the same source


@dataclass(frozen=True)
class Row:
    """A method. `cells` has PSNR and SSIM for each column, None where it was not tried there."""

    source: str  # 'measured' here, or 'paper'
    group: str  # the paper's, empty otherwise
    method: str
    cells: tuple[tuple[Cell, Cell] | None, ...]


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


Pair = tuple[Interval, Interval]  # PSNR and SSIM


@dataclass(frozen=True)
class Line:
    """A row without ranks."""

    source: str
    group: str
    method: str
    pairs: list[Pair | None]


class Scores:
    """The rows of several score tables that have a score, as arrays."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Read and merge. What two tables both have counts once. Raises DataError where they contradict each other."""
        tables = [_read(folder).to_pylist() for folder in folders]
        if not any(tables):
            raise DataError(f"{folders[0] / SCORES_FILE} has no rows; score something first")
        _check(tables, folders)
        rows = _merged([row for table in tables for row in table], folders)
        self.failed = [row for row in rows if row["error"] is not None]
        self.rows = [row for row in rows if row["error"] is None]
        self.methods = list(dict.fromkeys(row["method"] for row in rows))
        self.columns = _columns(self.rows)
        self.protocol = str(rows[0]["protocol"]).partition("; guide of another")[0]

    def of(self, method: str, column: Column) -> list[dict[str, Any]]:
        """The rows of a method in a column."""
        return [
            row
            for row in self.rows
            if row["method"] == method and row["split"] == column.split and column.scale in (None, row["scale"])
        ]


def tabulate(
    folders: Sequence[Path],
    metrics: str = "rgb",  # a name of METRICS
    paper: bool = True,  # with the paper's rows
    intervals: bool = False,  # with bootstrap intervals
    seed: int = 0,  # of the bootstrap
) -> Table:
    """Table 1 of any number of score folders. Raises DataError for tables that are unreadable or contradict."""
    scores = Scores(folders)
    first, second = METRICS[metrics]
    measured = []
    for method in scores.methods:
        pairs: list[Pair | None] = []
        for column in scores.columns:
            found = scores.of(method, column)
            both = _interval(found, first, intervals, seed), _interval(found, second, intervals, seed)
            pairs.append(both if found else None)
        measured.append(Line("measured", "", method, pairs))
    rows = _ranked(measured, scores.methods)
    if paper:
        rows += _paper_rows(scores.columns)
    return Table(scores.columns, tuple(rows), tuple(_notes(scores, metrics, intervals, rows)))


def compare_methods(folders: Sequence[Path], first: str, second: str, seed: int = 0) -> list[ComparisonRow]:
    """Compare two methods where both have scores, on RGB. Raises ConfigError for a name that no table has."""
    scores = Scores(folders)
    if unknown := [name for name in (first, second) if name not in scores.methods]:
        raise ConfigError(f"no scores of {' and '.join(unknown)}; there are {', '.join(scores.methods)}")
    found = []
    for column in scores.columns:
        ours = {_observation(row): row for row in scores.of(first, column)}
        both = [(ours[key], row) for row in scores.of(second, column) if (key := _observation(row)) in ours]
        if not both:
            continue
        persons = np.array([row["person"] for row, _ in both])
        for metric in METRICS["rgb"]:
            ours_values, others = (np.array([row[metric] for row in side]) for side in zip(*both, strict=True))
            found.append(ComparisonRow(column, metric, compare(ours_values, others, persons, seed)))
    if not found:
        raise DataError(f"{first} and {second} have no observation in common; score both on the same degraded folder")
    return found


def _read(folder: Path) -> pa.Table:
    path = folder / SCORES_FILE if folder.is_dir() or folder.suffix != ".parquet" else folder
    return read_table(path, SCORES, COLUMNS).select(COLUMNS)


def _check(tables: Sequence[list[dict[str, Any]]], folders: Sequence[Path]) -> None:
    """One protocol, and one name for one network."""
    if len({row["protocol"].partition("; ")[0] for table in tables for row in table}) > 1:
        raise DataError(f"{_listed(folders)} were scored by different protocols; score them again with one version")
    weights: dict[str, set[str]] = {}
    for table in tables:
        found: dict[str, set[str]] = {}
        for row in table:
            found.setdefault(row["method"], set()).add(row["checkpoint_hash"])
        for method, hashes in found.items():
            if len(hashes) == 1:  # restored files have one for each image
                weights.setdefault(method, set()).update(hashes)
    if mixed := sorted(method for method, hashes in weights.items() if len(hashes) > 1):
        raise DataError(
            f"{_listed(folders)}: {', '.join(mixed)} names different weights; score again with --run NAME=RUN to tell "
            "them apart"
        )


def _merged(rows: Sequence[dict[str, Any]], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Each method's score of an observation once; one that succeeded rather than one that failed."""
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        before = kept.setdefault((row["method"], *_observation(row)), row)
        if before["error"] is not None:
            kept[row["method"], *_observation(row)] = row
        elif row["error"] is None and before["psnr"] != row["psnr"]:
            raise DataError(
                f"{_listed(folders)} have different scores of {row['method']} for {row['pair_id']}, as if of different "
                "data; score one degraded set into each table"
            )
    return list(kept.values())


def _observation(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in OBSERVATION)


def _columns(rows: Sequence[dict[str, Any]]) -> tuple[Column, ...]:
    places: dict[str, dict[float, set[tuple[Any, ...]]]] = {}
    for row in rows:
        places.setdefault(row["split"], {}).setdefault(row["scale"], set()).add(_observation(row))
    order = sorted(places, key=lambda name: (FIRST_SPLITS.index(name) if name in FIRST_SPLITS else 9, name))
    columns = []
    for split in order:
        scales = places[split]
        if len(scales) > MOST_SCALES:
            label = f"{min(scales):g}–{max(scales):g}×"
            columns.append(Column(split, None, label, len(set.union(*scales.values()))))
        else:
            columns += [Column(split, scale, f"{scale:g}×", len(scales[scale])) for scale in sorted(scales)]
    return tuple(columns)


def _interval(rows: Sequence[dict[str, Any]], metric: str, wanted: bool, seed: int) -> Interval:
    values = np.array([row[metric] for row in rows], dtype=np.float64)
    if wanted and len(rows):
        return bootstrap(values, np.array([row["person"] for row in rows]), seed)
    return Interval(float(values.mean()) if len(rows) else NAN, NAN, NAN)


def _ranked(lines: Sequence[Line], second_best: Sequence[str]) -> list[Row]:
    """Rows with ranks; only the methods `second_best` can be second."""
    columns = range(len(lines[0].pairs) if lines else 0)
    ranks = {(column, metric): _ranks(lines, column, metric, second_best) for column in columns for metric in (0, 1)}
    rows = []
    for number, line in enumerate(lines):
        cells: list[tuple[Cell, Cell] | None] = []
        for column, pair in enumerate(line.pairs):
            psnr, ssim = (ranks[column, metric].get(number, 0) for metric in (0, 1))
            cells.append(None if pair is None else (Cell(pair[0], psnr), Cell(pair[1], ssim)))
        rows.append(Row(line.source, line.group, line.method, tuple(cells)))
    return rows


def _ranks(lines: Sequence[Line], column: int, metric: int, second_best: Sequence[str]) -> dict[int, int]:
    """1 for each best, 2 for each second best, by number of the line."""
    values = {n: pair[metric].mean for n, line in enumerate(lines) if (pair := line.pairs[column]) is not None}
    if len(values) < 2:
        return {}
    best = max(values.values())
    others = {n: value for n, value in values.items() if value < best and lines[n].method in second_best}
    second = max(others.values(), default=best)
    return {n: 1 for n, value in values.items() if value == best} | {n: 2 for n in others if others[n] == second}


def _paper_rows(columns: Sequence[Column]) -> list[Row]:
    lines = []
    for row in ROWS:
        results = [None if c.scale is None else result(row, c.split, c.scale) for c in columns]
        pairs = [None if pair is None else (_exact(pair[0]), _exact(pair[1])) for pair in results]
        if any(pairs):
            lines.append(Line("paper", row.group, row.method, pairs))
    return _ranked(lines, [row.method for row in ROWS if row.group != OURS])


def _exact(value: float) -> Interval:
    return Interval(value, NAN, NAN)


def _notes(scores: Scores, metrics: str, intervals: bool, rows: Sequence[Row]) -> list[str]:
    images = ", ".join(f"{c.images:,} of {c.split} {c.label}" for c in scores.columns)
    what = "RGB" if metrics == "rgb" else "luma (Y)"
    notes = [f"PSNR in dB and (SSIM) on {what}, means over images: {images}."]
    if intervals:
        notes.append("In brackets the 95% bootstrap interval, drawing persons.")
    if any(row.source == "paper" for row in rows):
        notes.append(
            "(paper): Table 1 of the paper, measured by its authors on their own photographs; comparable only where "
            "the data are the same. Its second best leaves GFRNet's variants out, as the paper does."
        )
    for method in scores.methods:
        failed = [row for row in scores.failed if row["method"] == method]
        if failed:
            notes.append(
                f"{method}: {len(failed):,} observations have no score, the first because {failed[0]['error']}"
            )
        errors = [row for row in scores.rows if row["method"] == method and row["landmark_error"] is not None]
        if errors:
            after, before = (
                np.mean([row[name] for row in errors]) for name in ("landmark_error", "landmark_error_initial")
            )
            notes.append(f"{method}: landmarks of the warped guide {after:.2f} px off, {before:.2f} px before warping.")
    for column in scores.columns:
        seen = {method: {_observation(row) for row in scores.of(method, column)} for method in scores.methods}
        few = [method for method, found in seen.items() if found and len(found) < column.images]
        if few:
            notes.append(f"{column.split} {column.label}: {', '.join(few)} on a part of the images only.")
    return notes


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(str(folder) for folder in folders)
