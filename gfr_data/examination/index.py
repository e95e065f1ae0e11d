"""The index of a build: every photograph of its sources in order, where its bytes are, a row group per shard."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gfr_data.examination.work import Work, damaged
from gfr_data.sources.addresses import is_address, joined
from gfr_data.sources.names import text_of
from gfr_data.sources.parts import Part, is_unchanged, read_bytes
from gfr_data.sources.source import Identity, Source
from manifests import DataError, write_parts

if TYPE_CHECKING:
    from gfr_data.faces.decode import Decoded, Reduce

SHARD_PHOTOGRAPHS = 512  # a shard ends with the identity that reaches this: minutes of work that a kill can cost

INDEX = pa.schema(
    [
        pa.field("source", pa.int32(), nullable=False),  # number of the source in the configuration
        pa.field("subset", pa.string(), nullable=False),
        pa.field("identity", pa.string(), nullable=False),
        pa.field("person", pa.string(), nullable=False),
        pa.field("path", pa.binary(), nullable=False),  # as the file system has it: not every name is text
        pa.field("hint", pa.list_(pa.float64(), 4)),  # the dataset's own box
        # The part of a file that the photograph is, see `sources.parts`; null where it is a file itself.
        pa.field("file", pa.binary()),
        pa.field("stamp", pa.string()),
        pa.field("form", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("size", pa.int64()),
        pa.field("references", pa.list_(pa.int32())),  # of a target of given pairs: its rows in the shard
    ]
)
_PART = ("stamp", "form", "start", "size")


@dataclass(frozen=True)
class Photograph:
    """A row of the index."""

    row: int  # in the shard
    source: Source
    subset: str
    identity: str
    person: str
    name: str  # path relative to the source's root, as the file system or the file that holds it has it
    hint: tuple[float, ...] | None  # the dataset's own box
    part: Part | None = None  # where it lies inside a file

    @property
    def source_path(self) -> str:
        """Its name as text for the tables."""
        return text_of(self.name)

    def read(self, most: int) -> bytes:
        """Its bytes. Raises what `sources.parts.read_bytes` raises."""
        return read_bytes(self.source.root, self.name, self.part, most)


def write_index(work: Work, identities: Iterable[tuple[int, Identity]], size: int = SHARD_PHOTOGRAPHS) -> None:
    """Write the index atomically, a row group per shard of whole identities; one identity there must be.

    Holds one shard at a time.
    """
    write_parts(work.index, map(_index_rows, _cut(identities, size)), INDEX, work.made_by, group=None)


def read_photographs(work: Work, number: int, sources: Sequence[Source]) -> list[Photograph]:
    """The photographs of one shard, in the order of the index."""
    return [_photograph(row, values, sources) for row, values in enumerate(work.photographs(number).to_pylist())]


def given_pairs(work: Work, number: int) -> dict[int, list[int]]:
    """The references of each target of given pairs in a shard, as rows of it."""
    table = work.photographs(number)
    if "references" not in table.schema.names:
        return {}
    return {row: own for row, own in enumerate(table["references"].to_pylist()) if own is not None}


def read_some(work: Work, rows: Sequence[int], sources: Sequence[Source]) -> Iterator[Photograph]:
    """The photographs in some rows of the index, which are those of `faces`, in their order."""
    firsts = np.cumsum([0, *work.sizes()])
    for row in rows:
        number = int(np.searchsorted(firsts, row, side="right")) - 1
        at = row - int(firsts[number])
        yield _photograph(at, work.photographs(number).slice(at, 1).to_pylist()[0], sources)


def _photograph(row: int, values: dict[str, Any], sources: Sequence[Source]) -> Photograph:
    who = sources[values["source"]], values["subset"], values["identity"], values["person"]
    hint = tuple(values["hint"]) if values["hint"] is not None else None
    file = values.get("file")  # an index of before has no parts
    part = None if file is None else Part(os.fsdecode(file), *(values[name] for name in _PART))
    return Photograph(row, *who, os.fsdecode(values["path"]), hint, part)


def changed_files(work: Work, sources: Sequence[Source]) -> bool:
    """Whether a file that holds photographs is gone or another than when it was indexed."""
    try:
        index = pq.ParquetFile(work.index)
        if "file" not in index.schema_arrow.names:
            return False
        files = index.read(["source", "file", "stamp"]).group_by(["source", "file", "stamp"]).aggregate([]).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise damaged(work.index, error) from error
    held = [
        (joined(sources[row["source"]].root, os.fsdecode(row["file"])), row["stamp"]) for row in files if row["stamp"]
    ]
    return any(not is_unchanged(path, stamp) for path, stamp in held)


def require_source(photograph: Photograph) -> None:
    """Raise DataError where a photograph is missing because its whole source is: a disk that was taken away.

    A photograph that alone is gone, or a link to nothing, is a row like that of any other file that cannot be read.
    """
    root = photograph.source.root
    if photograph.part is not None or is_address(root):
        return
    if not Path(root, photograph.name).exists() and not (Path(root).is_dir() and any(os.scandir(root))):
        raise DataError(f"{root} was there when it was indexed; put it back, then run again: what is done stays")


def read_again(photograph: Photograph, digest: str, reduce: "Reduce") -> "Decoded | None":
    """The photograph as small as `reduce` allows; None where it is gone or no longer has the bytes of `digest`."""
    from gfr_data.faces.decode import Unreadable, read_photograph

    try:
        found = read_photograph(photograph.read, reduce)
    except Unreadable:
        require_source(photograph)
        return None
    return found if found.digest == digest else None


def _cut(identities: Iterable[tuple[int, Identity]], size: int) -> Iterator[list[tuple[int, Identity]]]:
    shard: list[tuple[int, Identity]] = []
    photographs = 0
    for item in identities:
        shard.append(item)
        photographs += len(item[1].paths)
        if photographs >= size:
            yield shard
            shard, photographs = [], 0
    if shard:
        yield shard


def _index_rows(shard: list[tuple[int, Identity]]) -> pa.Table:
    columns: list[list[object]] = [[] for _ in INDEX.names]
    for source, identity in shard:
        many = len(identity.paths)
        who: list[object] = [source, identity.subset, text_of(identity.name), text_of(identity.person)]
        for column, value in zip(columns, who, strict=False):
            column.extend([value] * many)
        columns[4].extend(os.fsencode(path) for path in identity.paths)
        columns[5].extend(identity.boxes)
        columns[6].extend(None if part is None else os.fsencode(part.file) for part in identity.parts)
        for column, name in zip(columns[7:11], _PART, strict=True):
            column.extend(None if part is None else getattr(part, name) for part in identity.parts)
        rows = {path: len(columns[11]) + at for at, path in enumerate(identity.paths)}
        given = identity.references or [()] * many
        columns[11].extend([rows[path] for path in own] or None for own in given)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, INDEX, strict=True)], schema=INDEX)
