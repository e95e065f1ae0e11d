"""A table of the files in archives: what each is called, and where in its archive it lies."""

import os
import posixpath
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gfr_data.sources.archives import LINK, list_members
from manifests import DataError

_LINKS = 16  # that lead to one another
_NOWHERE: dict[str, Any] = {"form": "!a link to what is no file of its archive", "start": 0, "size": 0}
_HELD = 1 << 16  # members that are Python's objects together

MEMBERS = pa.schema(
    [
        pa.field("path", pa.large_binary()),  # in the tree
        pa.field("file", pa.int32()),  # number of the archive that holds it; -1: it is a file itself
        pa.field("form", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("size", pa.int64()),
    ]
)


Row = tuple[bytes, int, str, int, int]  # of MEMBERS


@lru_cache(maxsize=8)  # two questions are asked of every source
def archived(archives: tuple[str, ...], stamps: tuple[str, ...]) -> pa.Table:
    """A table of MEMBERS of archives, whose `stamps` tell whether they are what they were; `by_path`, links followed.

    Raises DataError where one cannot be read.
    """
    return _linked(by_path(_members(archives)))


def _members(archives: tuple[str, ...]) -> Iterator[Row]:
    for number, path in enumerate(archives):
        try:
            for member in list_members(path):
                yield os.fsencode(member.name), number, member.form, member.start, member.size
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def by_path(rows: Iterable[Row]) -> pa.Table:
    """A table of MEMBERS by path and archive; of what one archive holds twice, the later, as `tar` unpacks it."""
    table = tabled(rows, MEMBERS)
    table = table.append_column("order", pa.array(range(table.num_rows), pa.int64()))
    table = table.sort_by([("path", "ascending"), ("file", "ascending"), ("order", "ascending")]).combine_chunks()
    if table.num_rows > 1:
        same = [pc.equal(table[name].slice(1), table[name].slice(0, table.num_rows - 1)) for name in ("path", "file")]
        last = pc.invert(pc.and_(*same)).combine_chunks()
        table = table.filter(pa.concat_arrays([last, pa.array([True])]))
    return table.select(MEMBERS.names).combine_chunks()


def tabled(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """A table of rows of which few are Python's objects at a time."""
    batches: list[pa.RecordBatch] = []
    held: list[tuple[Any, ...]] = []
    for row in rows:
        held.append(row)
        if len(held) == _HELD:
            batches.append(_batch(held, schema))
            held = []
    return pa.Table.from_batches([*batches, _batch(held, schema)], schema)


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _linked(table: pa.Table) -> pa.Table:
    """`table` with links in place of what they lead to; one that leads nowhere stays a row that cannot be read."""
    links = pc.indices_nonzero(pc.starts_with(table["form"], LINK)).to_pylist()
    if not links:
        return table

    def key(path: bytes | str, file: int) -> tuple[bytes, int]:
        return (os.fsencode(path), file)

    def aim(row: dict[str, Any]) -> tuple[bytes, int]:
        return key(posixpath.normpath(row["form"].removeprefix(LINK)), row["file"])

    rows = {key(row["path"], row["file"]): row for row in table.take(links).to_pylist()}
    aims = pa.array({aim(row)[0] for row in rows.values()}, pa.large_binary())
    rows = {
        key(row["path"], row["file"]): row for row in table.filter(pc.is_in(table["path"], aims)).to_pylist()
    } | rows
    columns = {name: table[name].to_pylist() for name in ("form", "start", "size")}
    for number in links:
        row: dict[str, Any] | None = rows[key(table["path"][number].as_py(), table["file"][number].as_py())]
        for _ in range(_LINKS):
            row = rows.get(aim(row)) if row is not None and row["form"].startswith(LINK) else row
        if row is None or row["form"].startswith(LINK):
            row = _NOWHERE
        for name, column in columns.items():
            column[number] = row[name]
    return pa.table(
        {f.name: pa.array(columns[f.name], f.type) if f.name in columns else table[f.name] for f in MEMBERS}
    )
