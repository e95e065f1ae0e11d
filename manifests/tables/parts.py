"""Tables of millions of rows, a part at a time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.tables.io import damaged, reading_of


def read_parts(
    path: str | Path,
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
    rows: Sequence[int] | np.ndarray | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """Read and check a table as `read_table` does with `repeats`, a row group at a time: its first row, its rows.

    rows: only the row groups that hold some of them.
    """
    path, first = Path(path), 0
    reading = reading_of(path, schema, columns)
    wanted = None if rows is None else np.unique(np.asarray(rows, np.int64))
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error
    with file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if wanted is not None and not np.diff(np.searchsorted(wanted, [first, first + size])).any():
                first += size
                continue
            try:
                part = file.read_row_group(group, columns=reading.names)
            except (pa.ArrowException, OSError) as error:
                raise damaged(path, error) from error
            yield first, reading.checked(part, first)
            first += part.num_rows


def read_rows(
    path: str | Path, schema: pa.Schema, rows: Sequence[int], columns: Sequence[str] | None = None
) -> pa.Table:
    """Some rows of a table, in their order, read and checked as `read_parts` does: little of a large table is read."""
    kept = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    parts, places = [kept.empty_table()], dict[int, int]()
    for first, part in read_parts(path, schema, columns, rows):
        own = [row for row in dict.fromkeys(rows) if first <= row < first + part.num_rows]
        places |= {row: len(places) + at for at, row in enumerate(own)}
        parts.append(part.select(kept.names).take(pa.array([row - first for row in own], pa.int64())))
    return pa.concat_tables(parts, promote_options="permissive").take(
        pa.array([places[row] for row in rows], pa.int64())
    )


def regrouped(parts: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows of `parts`, of which one there must be, as tables of `size` rows, the last of what is left."""
    held: list[pa.Table] = []
    for part in parts:
        held.append(part)
        while sum(one.num_rows for one in held) > size:
            whole = pa.concat_tables(held)
            yield whole.slice(0, size)
            held = [whole.slice(size)]
    yield pa.concat_tables(held)
