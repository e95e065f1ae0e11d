"""Where the bytes of a photograph come from: a file of its own, or a part of a file that holds many.

A part is found when the source is indexed and stands in the index, so that whoever reads a photograph needs no list of
what else is in its file.
"""

import errno
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_data.sources.addresses import is_address, joined, open_file, read_range, stamp_of
from manifests import ConfigError, DataError, read_file

# Forms of a part. One that cannot be read begins with '!', and the reason follows.
STORED, ZIP_STORED, ZIP_DEFLATED, GZIP, ROW = "stored", "zip", "zip-deflated", "gzip", "row:"
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip's member: the lengths of its name and its further fields
_GZIP_POINTS = 2048  # places from which a tar.gz can be read on, 32 kB each in every process
_ROWS = 32  # of a table that are read together


@dataclass(frozen=True)
class Part:
    file: str  # relative to the source's root; "" where the root is the file
    stamp: str  # the file's, when it was indexed; see `stamp_of`
    form: str  # STORED, ..., or ROW and the column
    start: int  # first byte (of a zip: of the member's header; of a tar.gz: of the tar inside), or row group
    size: int  # bytes as they lie there, or row of the row group


def read_bytes(root: str, name: str, part: Part | None, most: int) -> bytes:
    """The bytes of the photograph `name` of the source at `root`.

    Raises OSError, with its reason in words, when it cannot be read or holds more than `most` bytes; DataError when the
    file that it is part of is gone or was changed since it was indexed, or does not answer.
    """
    if part is None:
        path = joined(root, name)
        content = read_range(path, 0, most + 1) if is_address(path) else read_file(path, most)
    else:
        content = _read_part(joined(root, part.file), part, most)
    if len(content) > most:
        raise _too_large(most)
    return content


def _read_part(path: str, part: Part, most: int) -> bytes:
    if part.form.startswith("!"):
        raise OSError(errno.EINVAL, part.form[1:])
    if not is_unchanged(path, part.stamp):
        raise DataError(
            f"{path} was changed or removed since it was indexed; put it back, or leave it alone, then run again"
        )
    if part.form.startswith(ROW):
        return _rows(path, part.stamp).value(part.form.removeprefix(ROW), part.start, part.size)
    if part.size > most:
        raise _too_large(most)
    if part.form == GZIP:
        content = _from_gzip(path, part)
    else:
        start = part.start
        if part.form in (ZIP_STORED, ZIP_DEFLATED):
            header = read_range(path, start, _LOCAL_HEADER.size)
            if header[:4] != b"PK\3\4" or len(header) < _LOCAL_HEADER.size:
                raise OSError(errno.EIO, "no member begins where the zip file says")
            start += _LOCAL_HEADER.size + sum(_LOCAL_HEADER.unpack(header))
        content = read_range(path, start, part.size)
    if len(content) < part.size:
        raise OSError(errno.EIO, "the file that holds it ends before it does")
    return _inflated(content, most) if part.form == ZIP_DEFLATED else content


def is_unchanged(path: str, stamp: str) -> bool:
    """Whether the file at `path` is there, and the one that had `stamp`."""
    try:
        return stamp_of(path) == stamp
    except OSError:
        return False


def _inflated(content: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, most + 1)
    except zlib.error as error:
        raise OSError(errno.EIO, f"damaged in its zip file: {error}") from error


def _from_gzip(path: str, part: Part) -> bytes:
    stream = _gzip(path, part.stamp)
    try:
        stream.seek(part.start)
        return bytes(stream.read(part.size))
    except Exception as error:  # the package has errors of its own
        raise OSError(errno.EIO, f"damaged in its tar.gz file: {error}") from error


@lru_cache(maxsize=4)
def _gzip(path: str, stamp: str) -> IO[bytes]:
    return open_gzip(path)


def open_gzip(path: str) -> IO[bytes]:
    """What a gzip file holds, to read and seek: it is unpacked up to where it is read, once, and noted on the way.

    Raises ConfigError where the package is not installed.
    """
    try:
        from indexed_gzip import IndexedGzipFile
    except ImportError as error:
        raise ConfigError(
            f"{path}: a tar.gz is read with indexed-gzip: pip install 'gfrnet-toolkit[gzip]', or unpack it to a tar"
        ) from error
    file = open_file(path)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    spacing = max(4 << 20, size // _GZIP_POINTS)
    stream: IO[bytes] = IndexedGzipFile(fileobj=file, spacing=spacing)
    return stream


class _Rows:
    """Values of a Parquet file, a few rows at a time: forward at no cost, backward from the row group's begin."""

    def __init__(self, path: str) -> None:
        self.file = pq.ParquetFile(open_file(path), pre_buffer=False, buffer_size=1 << 20)
        self.at: tuple[str, int] = ("", -1)  # column and row group that are read
        self.batches: Iterator[pa.RecordBatch] = iter(())
        self.values: pa.Array = pa.nulls(0)
        self.first = 0  # row of the first of `values`

    def value(self, column: str, group: int, row: int) -> bytes:
        """One value. Raises OSError where it has no bytes or the file is damaged."""
        try:
            found = self._find(column, group, row)
        except (pa.ArrowException, OSError, StopIteration) as error:
            self.at = ("", -1)
            raise OSError(errno.EIO, f"damaged in its Parquet file: {error or 'no such row'}") from error
        if found is None:
            raise OSError(errno.ENODATA, "its row has no bytes")
        return bytes(found)

    def _find(self, column: str, group: int, row: int) -> Any:
        if self.at != (column, group) or row < self.first:
            self.at, self.first, self.values = (column, group), 0, pa.nulls(0)
            self.batches = self.file.iter_batches(_ROWS, row_groups=[group], columns=[column], use_threads=False)
        while row >= self.first + len(self.values):
            self.first += len(self.values)
            values = next(self.batches).column(0)
            self.values = values.field("bytes") if pa.types.is_struct(values.type) else values
        return self.values[row - self.first].as_py()


@lru_cache(maxsize=4)
def _rows(path: str, stamp: str) -> _Rows:
    return _Rows(path)


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"larger than {most / 1e6:g} MB")
