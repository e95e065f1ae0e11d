"""Reading and writing the tables. What is written obeys its schema, and what is read is checked against it."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.crops import CROP_SIZE, CROP_SIZES
from manifests.errors import DataError
from manifests.files import atomic_path, hash_bytes, unsafe_path
from manifests.tables import seal
from manifests.tables.provenance import Provenance
from manifests.tables.schemas import KEY, LANDMARKS, SCHEMA_VERSION

VERSION_KEY = b"gfr.schema_version"
CROP_KEY = b"gfr.crop_size"  # of the crops that a table names, where it is not 256
NAME = re.compile(r"\w[\w .-]*")  # of a split: files are called by it
MOST_NAME = 100  # characters
TEXTS = ("tool", "version", "config", "config_hash")  # of a Provenance
ROW_GROUP = 8192  # rows; a few megabytes, so that readers can skip


def to_table(rows: Sequence[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Build a table from plain rows. Raises pyarrow's errors when a row does not fit: that is a bug of the writer."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def write_table(path: str | Path, table: pa.Table, schema: pa.Schema, made_by: Provenance) -> None:
    """Write `table` as Parquet, atomically; the same table and provenance give the same bytes.

    Columns that `schema` does not name are kept behind its own. Raises DataError when a column of the schema is missing
    or has another type, a required value is null, or a path leaves the folder.
    """
    write_parts(path, [table], schema, made_by)


def write_parts(
    path: str | Path, parts: Iterable[pa.Table], schema: pa.Schema, made_by: Provenance, group: int | None = ROW_GROUP
) -> None:
    """Write a table as `write_table` does, from its parts, of which it holds one at a time; one there must be.

    group: rows of a row group at most; None makes one of each part.
    """
    path = Path(path)
    writer: pq.ParquetWriter | None = None
    with atomic_path(path) as file:
        try:
            for part in parts:
                known = _checked(path, part, schema)
                if writer is None:
                    stamped = _sized(known.schema, made_by.crop_size).with_metadata(_metadata(made_by))
                    writer = pq.ParquetWriter(file, stamped, compression="zstd", write_page_checksum=True)
                writer.write_table(known.cast(writer.schema), row_group_size=group or part.num_rows)
        finally:
            if writer is not None:
                writer.close()
        seal.seal(file)


def _checked(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with the schema's columns first, checked."""
    _check_columns(path, table.schema, schema)
    known = table.select(schema.names).cast(schema)
    _check_values(path, known, schema)
    _check_keys(path, known, key_of(schema))
    for name in table.schema.names:
        if name not in schema.names:
            known = known.append_column(table.schema.field(name), table.column(name))
    return known.combine_chunks()


def _sized(schema: pa.Schema, size: int) -> pa.Schema:
    """The schema whose descriptions tell another size of crops."""
    if size == CROP_SIZE:
        return schema
    usual, now = (f"{side}x{side}".encode() for side in (CROP_SIZE, size))
    told = ({key: text.replace(usual, now) for key, text in (column.metadata or {}).items()} for column in schema)
    return pa.schema([column.with_metadata(metadata) for column, metadata in zip(schema, told, strict=True)])


def _metadata(made_by: Provenance) -> dict[bytes, bytes]:
    sized = {} if made_by.crop_size == CROP_SIZE else {CROP_KEY: str(made_by.crop_size).encode()}
    return sized | {
        VERSION_KEY: str(SCHEMA_VERSION).encode(),
        b"gfr.tool": made_by.tool.encode(),
        b"gfr.version": made_by.version.encode(),
        b"gfr.config": made_by.config.encode(),
        b"gfr.config_hash": made_by.config_hash.encode(),
        seal.KEY: seal.OPEN,  # the last
    }


def read_table(
    path: str | Path, schema: pa.Schema, columns: Sequence[str] | None = None, repeats: bool = False
) -> pa.Table:
    """Read and check a table. `columns` limits what is read (and checked) to these.

    A column that the schema says was `added` later has no value in an older table.
    repeats: leave it to the caller to find rows with one key.

    Raises DataError naming file, row and column when the file is missing, damaged or no Parquet, was written by another
    schema version, lacks a column, has one of another type, a null where none may be, a path that leaves the folder, a
    name that could not be a file's or landmarks that are not finite, or two rows have one key.
    """
    path = Path(path)
    reading = reading_of(path, schema, columns)
    try:
        table = pq.read_table(path, columns=reading.names, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error
    table = reading.checked(table)
    if not repeats and set(keys := key_of(schema)) <= set(table.schema.names):
        _check_keys(path, table, keys)
    return table


@dataclass(frozen=True)
class Reading:
    """What is read of a table, and what it is checked against; see `reading_of`."""

    path: Path
    wanted: pa.Schema
    names: list[str]  # columns of the file
    added: list[pa.Field]  # columns that an older file lacks

    def checked(self, table: pa.Table, first: int = 0) -> pa.Table:
        """`table` with the columns that it lacks. Raises DataError as `read_table` does; its first row is `first`."""
        for column in self.added:
            table = table.append_column(column, pa.nulls(table.num_rows, column.type))
        if self.added:
            table = table.select([*self.wanted.names, *(n for n in self.names if n not in self.wanted.names)])
        _check_values(self.path, table, self.wanted, first)
        return table


def reading_of(path: Path, schema: pa.Schema, columns: Sequence[str] | None) -> Reading:
    """What to read of a file. Raises DataError for one that is missing, damaged or has other columns."""
    found = read_schema(path)
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    added = [column for column in wanted if b"added" in (column.metadata or {}) and column.name not in found.names]
    _check_columns(path, found, pa.schema([column for column in wanted if column not in added]))
    names = [name for name in (found.names if columns is None else columns) if name in found.names]
    try:
        whole = seal.is_intact(path)
    except OSError as error:
        raise damaged(path, error) from error
    if not whole:
        raise DataError(f"{path} is damaged: its bytes are not those that were written; make it again")
    return Reading(path, wanted, names, added)


def damaged(path: Path, error: Exception) -> DataError:
    """The error for a table that cannot be read."""
    return DataError(f"{path} is damaged: {_first_line(error)}; make it again")


def key_of(schema: pa.Schema) -> list[str]:
    """The columns of which no two rows have the same values; [] where a table may hold anything twice."""
    return (schema.metadata or {}).get(KEY, b"").decode().split()


def read_schema(path: str | Path) -> pa.Schema:
    """The schema of a table file. Raises DataError when it is missing, no Parquet or of another version."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; name the folder that holds it, or make it first")
    try:
        found = pq.read_schema(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable Parquet file: {_first_line(error)}; make it again") from error
    stamp = (found.metadata or {}).get(VERSION_KEY)
    if stamp is None:
        raise DataError(f"{path} was not written by this project (no schema version in it)")
    if stamp != str(SCHEMA_VERSION).encode():
        raise DataError(
            f"{path} has schema version {stamp.decode(errors='replace')}, this program reads {SCHEMA_VERSION}; "
            "make the table again with this version"
        )
    digest = found.metadata.get(b"gfr.config_hash")  # the checksums are of the pages, and not of what lies beside them
    if digest is not None and hash_bytes(found.metadata.get(b"gfr.config", b"")).encode() != digest:
        raise DataError(f"{path} is damaged: its configuration is not the one that was written; make it again")
    return found


def read_provenance(path: str | Path) -> Provenance:
    """Who made a table, with which configuration. Raises DataError as `read_schema` does."""
    metadata = read_schema(path).metadata
    size = metadata.get(CROP_KEY, str(CROP_SIZE).encode()).decode(errors="replace")
    if size not in map(str, CROP_SIZES):
        raise DataError(f"{path} names crops of {size} px, this program reads {', '.join(map(str, CROP_SIZES))}")
    tool, version, config, digest = (metadata.get(f"gfr.{key}".encode(), b"").decode(errors="replace") for key in TEXTS)
    return Provenance(tool, version, config, digest, int(size))


def settings_of(path: str | Path, tool: str) -> str | None:
    """The configuration (JSON) of a table that `tool` wrote; None where there is none that can be read."""
    try:
        made_by = read_provenance(path)
    except DataError:
        return None
    return made_by.config if made_by.tool == tool else None


def is_made_by(path: str | Path, made_by: Provenance) -> bool:
    """Whether a table is there, whole as far as its footer tells, and made by that tool with that configuration."""
    return settings_of(path, made_by.tool) == made_by.config


def _check_columns(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    missing = [name for name in wanted.names if name not in found.names]
    if missing:
        raise DataError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; make the table again")
    for column in wanted:
        kind = found.field(column.name).type
        if kind != column.type:
            raise DataError(
                f"{path}: column {column.name} has type {kind}, expected {column.type}; make the table again"
            )


def _check_values(path: Path, table: pa.Table, schema: pa.Schema, first: int = 0) -> None:
    for column in schema:
        values = table.column(column.name)
        if not column.nullable and values.null_count:
            row = first + pc.index(pc.is_null(values), True).as_py()
            raise DataError(f"{path}, row {row}, column {column.name}: has no value")
        if (column.metadata or {}).get(b"path"):
            _check_paths(path, column.name, values, first)
        if column.type == LANDMARKS:
            _check_points(path, column.name, values, first)
        if (column.metadata or {}).get(b"name"):
            _check_names(path, column.name, values, first)


def _check_paths(path: Path, name: str, values: pa.ChunkedArray, first: int) -> None:
    for row, found in enumerate(values.to_pylist(), first):
        for value in found if isinstance(found, list) else [found]:
            if value is not None and (why := unsafe_path(value)):
                raise DataError(f"{path}, row {row}, column {name}: {value!r} {why}")


def _check_points(path: Path, name: str, values: pa.ChunkedArray, first: int) -> None:
    if pc.all(pc.is_finite(pc.list_flatten(values)), skip_nulls=False, min_count=0).as_py():
        return
    for row, points in enumerate(values.to_pylist(), first):
        if points is not None and not all(point is not None and math.isfinite(point) for point in points):
            raise DataError(
                f"{path}, row {row}, column {name}: has landmarks that are not finite numbers; make the table again"
            )


def _check_names(path: Path, name: str, values: pa.ChunkedArray, first: int) -> None:
    for value in values.unique().to_pylist():
        if value is not None and not (NAME.fullmatch(value) and len(value) <= MOST_NAME):
            row = first + pc.index(values, value).as_py()
            raise DataError(
                f"{path}, row {row}, column {name}: {value!r} cannot be part of a file's name; "
                f"use letters, digits, '_', '-', '.' and spaces, {MOST_NAME} at most"
            )


def _check_keys(path: Path, table: pa.Table, keys: Sequence[str]) -> None:
    if not keys or table.group_by(keys).aggregate([]).num_rows == table.num_rows:
        return
    seen: dict[tuple[object, ...], int] = {}
    for row, values in enumerate(zip(*(table.column(name).to_pylist() for name in keys), strict=True)):
        if values in seen:
            raise DataError(
                f"{path}, rows {seen[values]} and {row} have the same {', '.join(keys)}: "
                f"{', '.join(map(str, values))}; make the table again"
            )
        seen[values] = row


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
