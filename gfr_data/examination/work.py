"""The build's work folder: the index cut into shards of whole identities, and what was found out about each shard.

work/index.parquet          every photograph in order, one row group per shard
work/shards/00000.parquet   the faces of shard 0, whole or absent
work/shards/00000.now       rows of the shard that a worker is working on; it stays when the worker dies
work/shards/00000.skip      rows that killed their worker twice
work/shards/00000.crops     crops made of the shard's photographs, with what they were made of

Index and shards carry the configuration and the hash of the weights that made them, as all tables do. What carries
another, what is cut and what is missing are one: not there.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gfr_data.sources.addresses import is_address, joined
from gfr_data.sources.names import text_of
from gfr_data.sources.parts import Part, is_unchanged, read_bytes
from gfr_data.sources.source import Identity, Source
from manifests import DataError, Provenance, is_made_by, write_parts, write_text
from manifests.notes import read_note, write_note

WORK = "work"  # the folder's name in that of the build
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


@dataclass(frozen=True)
class Work:
    folder: Path
    made_by: Provenance  # what decides the faces: the build's configuration and the hash of its weights

    @property
    def index(self) -> Path:
        return self.folder / "index.parquet"

    def make(self) -> None:
        """Make the folders."""
        (self.folder / "shards").mkdir(parents=True, exist_ok=True)

    def shard(self, number: int) -> Path:
        return self.folder / "shards" / f"{number:05d}.parquet"

    def is_indexed(self) -> bool:
        """Whether the index is there."""
        return is_made_by(self.index, self.made_by)

    def sizes(self) -> list[int]:
        """Photographs of each shard. Raises DataError when the index is damaged."""
        try:
            metadata = pq.read_metadata(self.index)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.index, error) from error
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]

    def count(self) -> int:
        """How many shards the index has."""
        return len(self.sizes())

    def is_done(self, number: int) -> bool:
        """Whether a shard is finished."""
        return is_made_by(self.shard(number), self.made_by)

    def missing(self) -> list[int]:
        """Shards that are not finished."""
        return [number for number in range(self.count()) if not self.is_done(number)]

    def photographs(self, number: int) -> pa.Table:
        """The index rows of one shard. Raises DataError when the index is damaged."""
        try:
            return pq.ParquetFile(self.index, page_checksum_verification=True).read_row_group(number)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.index, error) from error

    # The rows that a worker is working on. Not flushed to disk: read only when the worker died and the machine did not.

    def note(self, number: int, rows: Sequence[int]) -> None:
        """Note that a worker is working on `rows` of a shard."""
        self._now(number).write_text(json.dumps(list(rows)))

    def forget(self, number: int) -> None:
        """The worker is done with the shard."""
        self._now(number).unlink(missing_ok=True)

    def noted(self, number: int) -> list[int]:
        """Rows that a worker was working on when it died; empty if there are none."""
        return sorted(_rows(self._now(number)))

    def in_flight(self) -> list[int]:
        """Unfinished shards that a worker has begun."""
        numbers = sorted(int(path.stem) for path in self.folder.glob("shards/*.now"))
        return [number for number in numbers if not self.is_done(number)]

    def skipped(self, number: int) -> set[int]:
        """Rows that are not examined, because they killed their worker."""
        return _rows(self._skip(number))

    def skip(self, number: int, rows: Iterable[int]) -> None:
        """Examine `rows` of a shard never again."""
        write_text(self._skip(number), json.dumps(sorted(self.skipped(number) | set(rows))))

    def unskip(self, number: int) -> None:
        """Examine all rows of a shard again."""
        self._skip(number).unlink(missing_ok=True)

    # A crop that is not noted here, or not as it lies there, is made again.

    def note_crops(self, number: int, made: dict[str, tuple[str, str]]) -> None:
        """Note the crops of a shard: path -> hash of the photograph, hash of the crop's file."""
        write_note(self._crops(number), dict(made))

    def noted_crops(self, number: int) -> dict[str, tuple[str, str]]:
        """What was noted of a shard's crops; {} where nothing was, or the note is damaged."""
        try:
            made = read_note(self._crops(number)) or {}
            return {path: (photograph, crop) for path, (photograph, crop) in made.items()}
        except (OSError, ValueError, TypeError):
            return {}

    def all_noted_crops(self) -> dict[str, str]:
        """The hash of each crop's file that was noted, by its path."""
        notes = (self.noted_crops(number) for number in range(self.count()))
        return {path: crop for note in notes for path, (_, crop) in note.items()}

    def forget_shards(self, numbers: Iterable[int]) -> None:
        """Examine shards anew."""
        for number in numbers:
            self.shard(number).unlink(missing_ok=True)

    def _crops(self, number: int) -> Path:
        return self.folder / "shards" / f"{number:05d}.crops"

    def _now(self, number: int) -> Path:
        return self.folder / "shards" / f"{number:05d}.now"

    def _skip(self, number: int) -> Path:
        return self.folder / "shards" / f"{number:05d}.skip"


def write_index(work: Work, identities: Iterable[tuple[int, Identity]], size: int = SHARD_PHOTOGRAPHS) -> None:
    """Write the index atomically, a row group per shard of whole identities; one identity there must be.

    Holds one shard at a time.
    """
    write_parts(work.index, map(_index_rows, _cut(identities, size)), INDEX, work.made_by, group=None)


def read_photographs(work: Work, number: int, sources: Sequence[Source]) -> list[Photograph]:
    """The photographs of one shard, in the order of the index."""
    return [_photograph(row, values, sources) for row, values in enumerate(work.photographs(number).to_pylist())]


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


def read_again(photograph: Photograph, digest: str) -> np.ndarray | None:
    """The upright photograph, (H, W, 3) uint8 RGB; None where it is gone or no longer has the bytes of `digest`."""
    from gfr_data.faces.decode import Unreadable, read_photograph

    try:
        image, found = read_photograph(photograph.read)
    except Unreadable:
        require_source(photograph)
        return None
    return image if found == digest else None


def damaged(path: Path, error: Exception) -> DataError:
    """The error for a file of the work folder that cannot be read. One whose content is wrong is removed first."""
    if isinstance(error, OSError) and error.errno:  # the disk's or the user's business; what is damaged has no number
        return DataError(f"cannot read {path}: {error.strerror}; mend it, then run again")
    path.unlink(missing_ok=True)
    return DataError(f"{path} was damaged and is removed; the same command makes it again")


def _rows(path: Path) -> set[int]:
    """The numbers in a note. A damaged note notes nothing: what killed its worker will be found out again."""
    try:
        return {int(row) for row in json.loads(path.read_text())}
    except (OSError, ValueError, TypeError):
        return set()


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
        for column, name in zip(columns[7:], _PART, strict=True):
            column.extend(None if part is None else getattr(part, name) for part in identity.parts)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, INDEX, strict=True)], schema=INDEX)
