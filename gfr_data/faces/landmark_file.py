"""Landmarks that exist already: a CSV, Parquet or TCDCN-style text file of paths and 136 numbers."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from gfr_data.faces.landmarks import POINTS, LandmarkRequest, Landmarks
from gfr_data.faces.point_table import PointTable, make_points
from gfr_data.sources.addresses import joined, path_key
from gfr_data.sources.names import text_of
from manifests import DataError

COLUMNS = [f"{axis}{k}" for k in range(POINTS) for axis in "xy"]
LEAST = 0.01  # share of a source's photographs that a file has points of, or it is not of that source
SHOWN = 3  # paths that tell what does not fit
_BATCH = 16384  # rows read at a time


class LandmarkFile:
    """A provider that looks points up by the photograph's path.

    The file's paths are absolute or relative to the folder that holds it. CSV and Parquet have the columns path, x0, y0
    ... x67, y67; Parquet may have one list column `landmarks` instead; text has a path and 136 numbers (x y x y ...) a
    line. Points are px of the upright photograph, or with `in_crop` of the crop. A row with a number that is missing or
    not finite counts as missing.

    table: where they lie already, as a build has put them; without it they go to a folder of this process, which ends
    with it. Raises DataError when the file is missing or of another form.
    """

    def __init__(self, path: Path, in_crop: bool = False, table: PointTable | None = None) -> None:
        self.in_crop = in_crop
        if table is None:
            if not path.is_file():
                raise DataError(f"{path}: no such file of landmarks; give --landmarks file:PATH of one that exists")
            self.own = tempfile.TemporaryDirectory(prefix="gfr-points-")
            table = make_points(Path(self.own.name), keyed_points(path), "")
        self.table = table

    def __call__(self, requests: Sequence[LandmarkRequest]) -> list[Landmarks | None]:
        """The points of each face, None where the file has none."""
        return [self._find(request) for request in requests]

    def _find(self, request: LandmarkRequest) -> Landmarks | None:
        found = (self.table.find(key) for key in _keys(request.root, request.source_path))
        points = next((points for points in found if points is not None), None)
        if points is None or not np.isfinite(points).all():
            return None
        return Landmarks(points if self.in_crop else request.geometry.enlarged(request.reduction).to_crop(points))


def keyed_points(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Keys (n,) uint64 and points (n, 136) float32 of a file, a part at a time. Raises DataError for another form."""
    for paths, values in _read(path):
        yield np.array([path_key(str(path.parent), name) for name in paths], np.uint64), values


def require_match(path: Path, photographs: Iterable[tuple[str, str]]) -> None:
    """Raise DataError when the file has points of too few photographs (source's root, path relative to it) of a source.

    Names three paths of the file, and three of the source: what differs in them is to be mended.
    """
    wanted: dict[str, list[int]] = {}
    names: dict[str, list[str]] = {}
    for root, name in photographs:
        wanted.setdefault(root, []).append(next(_keys(root, name)))
        if len(shown := names.setdefault(root, [])) < SHOWN:
            shown.append(text_of(joined(root, name)))
    parts: list[np.ndarray] = [np.empty(0, np.uint64)]
    held: list[str] = []
    for paths, points in _read(path):
        held += [str(path.parent / name) for name in paths[: SHOWN - len(held)]]
        whole = np.isfinite(points).all(axis=1)
        parts.append(np.array([path_key(str(path.parent), name) for name in paths], np.uint64)[whole])
    keys = np.concatenate(parts)
    for root, asked in wanted.items():
        found = int(np.isin(np.array(asked, np.uint64), keys).sum())
        if found < max(LEAST * len(asked), 1):
            raise DataError(
                f"{path} has points of {found} of the {len(asked)} photographs in {root}. It names "
                f"{', '.join(held) or 'nothing'}; the photographs are {', '.join(names[root])}. "
                "Its paths must be absolute or relative to its folder: mend them, or leave the source out"
            )


def _keys(root: str, name: str) -> Iterator[int]:
    """The keys under which a photograph's points may stand: by its name, or as the tables write a name that is no text.

    The latter only where no other photograph has that name.
    """
    yield path_key(root, name)
    if (text := text_of(name)) != name and not os.path.lexists(joined(root, text)):
        yield path_key(root, text)


def _read(path: Path) -> Iterator[tuple[list[str], np.ndarray]]:
    """Paths and their points (N, 136) float32, a part of the file at a time."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            yield from (
                _columns(path, batch)
                for batch in pq.ParquetFile(path, page_checksum_verification=True).iter_batches(_BATCH)
            )
        elif path.suffix.lower() == ".csv":
            names = pa.csv.ConvertOptions(column_types={"path": pa.string()}, strings_can_be_null=False)
            yield from (_columns(path, batch) for batch in pa.csv.open_csv(path, convert_options=names))
        else:
            yield from _lines(path)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as landmarks: {str(error).splitlines()[0]}") from error


def _columns(path: Path, batch: pa.RecordBatch) -> tuple[list[str], np.ndarray]:
    names = set(batch.schema.names)
    missing = [name for name in ["path", *COLUMNS] if name not in names]
    if "path" in names and "landmarks" in names and missing:
        rows = batch.column("landmarks").to_pylist()
        if any(row is not None and len(row) != 2 * POINTS for row in rows):
            raise DataError(f"{path}: each list in `landmarks` must have 136 numbers, x y x y ...")
        nothing = [np.nan] * (2 * POINTS)
        return batch.column("path").to_pylist(), np.array([row or nothing for row in rows], np.float32)
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]}; it needs path, x0, y0 ... x67, y67")
    values = [batch.column(name).cast(pa.float32()).to_numpy(zero_copy_only=False) for name in COLUMNS]
    return batch.column("path").to_pylist(), np.stack(values, axis=1)


def _lines(path: Path) -> Iterator[tuple[list[str], np.ndarray]]:
    paths: list[str] = []
    rows: list[np.ndarray] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            name, *numbers = line.rsplit(None, 2 * POINTS)
            try:
                row = np.array(numbers, dtype=np.float32)
            except ValueError:
                row = np.empty(0, np.float32)
            if len(row) != 2 * POINTS:
                raise DataError(f"{path}:{number}: expected a path and 136 numbers, x y x y ...")
            paths.append(name.strip())
            rows.append(row)
            if len(rows) == _BATCH:
                yield paths, np.stack(rows)
                paths, rows = [], []
    if rows:
        yield paths, np.stack(rows)
