"""Any number of score tables as one: each method's score of an observation once, by split and scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from manifests import SCORES, SCORES_FILE, DataError, read_table

RGB, LUMA = ("psnr", "ssim"), ("psnr_y", "ssim_y")
FURTHER = ("landmark_error", "landmark_error_initial", "lpips", "identity_similarity")
MOST_SCALES = 4  # of a split that have a column each; more were drawn from a range, and share one
FIRST_SPLITS = ("test-vggface2", "test-webface")  # in the paper's order
OBSERVATION = ("split", "pair_id", "copy", "blur_sigma", "scale", "noise_sigma", "jpeg_quality")
ABOUT = ("person", "method", "checkpoint_hash", "protocol", "error")
COLUMNS = (*OBSERVATION, *ABOUT, *RGB, *LUMA, *FURTHER)


@dataclass(frozen=True)
class Column:
    """A split at one scale, or at all of its scales."""

    split: str
    scale: float | None  # None: all
    label: str  # of the scale, '4×'
    images: int  # observations


@dataclass(frozen=True)
class Scores:
    """The rows of score tables."""

    methods: tuple[str, ...]  # in the tables' order
    columns: tuple[Column, ...]
    failed: tuple[dict[str, Any], ...]  # rows without a score
    by_place: dict[tuple[str, str], dict[float, list[dict[str, Any]]]]  # (method, split) -> scale -> rows with a score

    def of(self, method: str, column: Column) -> list[dict[str, Any]]:
        """The rows of a method in a column."""
        scales = self.by_place.get((method, column.split), {})
        return [row for scale, rows in scales.items() if column.scale in (None, scale) for row in rows]

    def of_method(self, method: str) -> list[dict[str, Any]]:
        """All rows of a method that have a score."""
        return [row for column in self.columns for row in self.of(method, column)]


def merge(folders: Sequence[Path]) -> Scores:
    """Read score folders. What two of them both have counts once. Raises DataError where they contradict each other."""
    tables = [_read(folder).to_pylist() for folder in folders]
    if not any(tables):
        raise DataError(f"{folders[0] / SCORES_FILE} has no rows; score something first")
    _check(tables, folders)
    rows = _merged([row for table in tables for row in table], folders)
    good = [row for row in rows if row["error"] is None]
    by_place: dict[tuple[str, str], dict[float, list[dict[str, Any]]]] = {}
    for row in good:
        by_place.setdefault((row["method"], row["split"]), {}).setdefault(row["scale"], []).append(row)
    failed = tuple(row for row in rows if row["error"] is not None)
    return Scores(tuple(dict.fromkeys(row["method"] for row in rows)), _columns(good), failed, by_place)


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
        before = kept.setdefault((row["method"], *observation(row)), row)
        if before["error"] is not None:
            kept[row["method"], *observation(row)] = row
        elif row["error"] is None and before["psnr"] != row["psnr"]:
            raise DataError(
                f"{_listed(folders)} have different scores of {row['method']} for {row['pair_id']}, as if of different "
                "data; score one degraded set into each table"
            )
    return list(kept.values())


def observation(row: dict[str, Any]) -> tuple[Any, ...]:
    """What identifies it, across tables."""
    return tuple(row[name] for name in OBSERVATION)


def _columns(rows: Sequence[dict[str, Any]]) -> tuple[Column, ...]:
    places: dict[str, dict[float, set[tuple[Any, ...]]]] = {}
    for row in rows:
        places.setdefault(row["split"], {}).setdefault(row["scale"], set()).add(observation(row))
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


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(str(folder) for folder in folders)
