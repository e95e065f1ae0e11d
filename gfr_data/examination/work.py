"""The build's work folder: the index cut into shards of whole identities, and what was found out about each shard.

work/index.parquet             every photograph in order, one row group per shard
work/shards/00/00000.parquet   the faces of shard 0, whole or absent
work/shards/00/00000.now       rows of the shard that a worker is working on; it stays when the worker dies
work/shards/00/00000.skip      rows that killed their worker twice
work/shards/00/00000.crops     crops made of the shard's photographs, with what they were made of
work/shards/00/00000.times     size and time of these crops, by which they are known again unread
work/points/                   points of --landmarks file:PATH while photographs are examined, see `faces.point_table`

A thousand shards lie in a folder, so that none holds more than a few thousand files.
Index and shards carry the configuration and the hash of the weights that made them, as all tables do. What carries
another, what is cut and what is missing are one: not there.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from manifests import DataError, Provenance, is_made_by, write_text
from manifests.notes import read_note, write_note

WORK = "work"  # the folder's name in that of the build
POINTS = f"{WORK}/points"
SHARDS = "shards"  # their folder in it
A_FOLDER = 1000  # shards in a folder of these


@dataclass(frozen=True)
class Work:
    folder: Path
    made_by: Provenance  # what decides the faces: the build's configuration and the hash of its weights

    @property
    def index(self) -> Path:
        return self.folder / "index.parquet"

    def make(self) -> None:
        """Make the folders."""
        (self.folder / SHARDS).mkdir(parents=True, exist_ok=True)

    def shard(self, number: int) -> Path:
        return self._file(number, "parquet")

    def files(self, kind: str = "*") -> Iterator[tuple[int, Path]]:
        """What lies there of each shard, with its number; `kind`: the end of the name."""
        for path in self.folder.glob(f"{SHARDS}/*/*.{kind}"):
            if path.stem.isdecimal():
                yield int(path.stem), path

    def is_indexed(self) -> bool:
        """Whether the index is there."""
        return is_made_by(self.index, self.made_by)

    def sizes(self) -> list[int]:
        """Photographs of each shard. Raises DataError when the index is damaged."""
        footer = self._footer()
        return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]

    def count(self) -> int:
        """How many shards the index has. Raises DataError when the index is damaged."""
        return int(self._footer().num_row_groups)

    def is_done(self, number: int) -> bool:
        """Whether a shard is finished."""
        return is_made_by(self.shard(number), self.made_by)

    def is_undecided(self, number: int) -> bool:
        """Whether nothing was decided about any photograph of a finished shard, as its footer tells."""
        footer = pq.read_metadata(self.shard(number))
        if "decision" not in footer.schema.to_arrow_schema().names:
            return True  # a shard of before
        groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
        columns = [group.column(at) for group in groups for at in range(group.num_columns)]
        found = [column for column in columns if column.path_in_schema == "decision"]
        nulls = [one.statistics.null_count if one.statistics is not None else 0 for one in found]
        return nulls == [one.num_values for one in found]

    def missing(self) -> list[int]:
        """Shards that are not finished."""
        return [number for number in range(self.count()) if not self.is_done(number)]

    def photographs(self, number: int) -> pa.Table:
        """The index rows of one shard. Raises DataError when the index is damaged."""
        footer = self._footer()
        try:
            with pq.ParquetFile(self.index, metadata=footer, page_checksum_verification=True) as file:
                return file.read_row_group(number)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.index, error) from error

    def _footer(self) -> pq.FileMetaData:
        """The index's footer, parsed once: it grows with the shards, each of which asks for it."""
        try:
            found = self.index.stat()
            return _parsed(self.index, (found.st_ino, found.st_mtime_ns, found.st_size))
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.index, error) from error

    # The rows that a worker is working on. Not flushed to disk: read only when the worker died and the machine did not.

    def note(self, number: int, rows: Sequence[int]) -> None:
        """Note that a worker is working on `rows` of a shard."""
        self._now(number).parent.mkdir(exist_ok=True)
        self._now(number).write_text(json.dumps(list(rows)))

    def forget(self, number: int) -> None:
        """The worker is done with the shard."""
        self._now(number).unlink(missing_ok=True)

    def noted(self, number: int) -> list[int]:
        """Rows that a worker was working on when it died; empty if there are none."""
        return sorted(_rows(self._now(number)))

    def in_flight(self) -> list[int]:
        """Unfinished shards that a worker has begun."""
        numbers = sorted(number for number, _ in self.files("now"))
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

    # Apart from the others: of all that a build leaves this alone is another each time.

    def note_times(self, number: int, times: dict[str, str]) -> None:
        """Note the crops of a shard as `files.noted` does, by their paths."""
        write_note(self._times(number), dict(times))

    def noted_times(self, number: int) -> dict[str, str]:
        """What `note_times` noted; {} where nothing was, or the note is damaged."""
        try:
            return {path: str(time) for path, time in (read_note(self._times(number)) or {}).items()}
        except OSError:
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
        return self._file(number, "crops")

    def _times(self, number: int) -> Path:
        return self._file(number, "times")

    def _now(self, number: int) -> Path:
        return self._file(number, "now")

    def _skip(self, number: int) -> Path:
        return self._file(number, "skip")

    def _file(self, number: int, kind: str) -> Path:
        return self.folder / SHARDS / f"{number // A_FOLDER:02d}" / f"{number:05d}.{kind}"


@lru_cache(maxsize=1)
def _parsed(path: Path, stamp: tuple[int, ...]) -> pq.FileMetaData:
    """The footer of a Parquet file as it was when it had `stamp`."""
    return pq.read_metadata(path)


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
