"""Photographs in files of many, with a label each: WebDataset's shards, and Parquet as `datasets` writes it.

A label may stand anywhere in any file, so all are read first: about 100 bytes a photograph are held.
"""

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr_data.sources.addresses import joined, open_file, stamp_of
from gfr_data.sources.archives import GZIPPED, Member, list_members
from gfr_data.sources.members import tabled
from gfr_data.sources.names import text_of
from gfr_data.sources.parts import ROW, Part
from gfr_data.sources.source import Source
from gfr_data.sources.trees import Found, files_of
from manifests import DataError, unsafe_path

TARS, PARQUETS = (".tar", *GZIPPED), (".parquet",)
IMAGE, IDENTITY = "image", "identity"  # what --columns may give another name
_IMAGES = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "gif", "avif", "heic", "heif", "ppm", "jp2")

LABELLED = pa.schema(
    [
        pa.field("identity", pa.large_string()),  # null: it has none
        pa.field("file", pa.int32()),  # number of the file that holds it
        pa.field("name", pa.large_string()),  # in that file
        pa.field("form", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("size", pa.int64()),
    ]
)
Row = tuple[str | None, int, str, str, int, int]


def webdataset(source: Source) -> Iterator[tuple[str, list[Found]]]:
    """Identities of the samples of WebDataset's shards, sorted, and their photographs.

    A sample's files are called alike up to the first '.'; its label is in its json under 'identity', or its cls file.
    Raises DataError where a shard is damaged or no sample has a label.
    """
    return _identities(source, TARS, _samples)


def parquet(source: Source) -> Iterator[tuple[str, list[Found]]]:
    """Identities of the rows of Parquet files, sorted, and their photographs, called FILE/ROW/the name that a row has.

    The image column holds bytes, or {bytes, path} as the `datasets` package has it, whose class labels are names here.
    Raises DataError where a file is damaged or lacks a column, or no row has a label.
    """
    return _identities(source, PARQUETS, _parquet_rows)


def unlabelled(source: Source) -> int:
    """How many photographs of such a source have no label: they are nobody's."""
    kind, read = (PARQUETS, _parquet_rows) if source.layout == "parquet" else (TARS, _samples)
    return int(_table(source, kind, read)[1]["identity"].null_count)


Read = Callable[[Source, str, int], Iterable[Row]]


def _identities(source: Source, suffixes: tuple[str, ...], read: Read) -> Iterator[tuple[str, list[Found]]]:
    stamps, table = _table(source, suffixes, read)
    files = list(stamps)
    start = 0
    labels = table["identity"].drop_null()
    if not len(labels):
        raise DataError(f"{source.root} has no photograph with a label; name the column with --columns identity=NAME")
    runs = pc.run_end_encode(labels.combine_chunks())
    for identity, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        rows = table.slice(start, end - start).select(LABELLED.names[1:]).to_pylist()
        yield identity, [_found(files[row["file"]], stamps[files[row["file"]]], row) for row in rows]
        start = end


def _found(file: str, stamp: str, row: dict[str, Any]) -> Found:
    part = Part(file, stamp, row["form"], row["start"], row["size"])
    return Found(f"{file}/{row['name']}" if file else row["name"], part)


def _table(source: Source, suffixes: tuple[str, ...], read: Read) -> tuple[dict[str, str], pa.Table]:
    """The stamp of each file, and LABELLED of them all, by identity, file and name."""
    files = files_of(source, suffixes)
    try:
        stamps = {file: stamp_of(joined(source.root, file)) for file in files}
        return stamps, _sorted(source, tuple(stamps.items()), read)
    except OSError as error:
        raise DataError(f"cannot read {error.filename or source.root}: {error.strerror or error}") from error


@lru_cache(maxsize=8)  # two questions are asked of every source
def _sorted(source: Source, stamps: tuple[tuple[str, str], ...], read: Read) -> pa.Table:
    rows = (row for number, (file, _) in enumerate(stamps) for row in read(source, joined(source.root, file), number))
    table = tabled(rows, LABELLED)
    return table.sort_by([(name, "ascending") for name in ("identity", "file", "name")]).combine_chunks()


def _samples(source: Source, path: str, number: int) -> Iterator[Row]:
    kinds = ("json", "cls", source.column(IDENTITY))

    def has_label(name: str) -> bool:
        return _key_and_kind(name)[1] in kinds

    for key, members in groupby(list_members(path, has_label), lambda member: _key_and_kind(member.name)[0]):
        files = {_key_and_kind(member.name)[1]: member for member in members}
        if (image := _image_of(source, path, key, files)) is not None:
            labels = (_label(source, path, kind, files[kind]) for kind in kinds if kind in files)
            label = next((label for label in labels if label), None)
            yield label, number, image.name, image.form, image.start, image.size


def _key_and_kind(name: str) -> tuple[str, str]:
    """'a/b.left.jpg' is of the sample 'a/b', and its 'left.jpg'."""
    folder, _, last = name.rpartition("/")
    key, _, kind = last.partition(".")
    return f"{folder}/{key}", kind.lower()


def _image_of(source: Source, path: str, key: str, files: dict[str, Member]) -> Member | None:
    if (asked := source.column(IMAGE)) != IMAGE:
        return files.get(asked.lower())
    images = [kind for kind in files if kind.rpartition(".")[2] in _IMAGES]
    if len(images) > 1:
        raise DataError(
            f"{path}: the sample {key.lstrip('/')!r} has {', '.join(images)}; say which: --columns image=NAME"
        )
    return files[images[0]] if images else None


def _label(source: Source, path: str, kind: str, member: Member) -> str | None:
    try:
        text = (member.content or b"").decode()
        value = json.loads(text) if kind == "json" else text.strip()
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: {member.name} cannot be read: {error}; mend that sample, or leave it out") from error
    if kind == "json":
        value = value.get(source.column(IDENTITY)) if isinstance(value, dict) else None
    return None if value is None else str(value)


def _parquet_rows(source: Source, path: str, number: int) -> Iterator[Row]:
    image, identity = source.column(IMAGE), source.column(IDENTITY)
    try:
        with closing(open_file(path)) as stream:
            file = pq.ParquetFile(stream)
            named = _require_columns(path, file.schema_arrow, image, identity)
            names = _class_names(file.schema_arrow, identity)
            form, row = f"{ROW}{image}" + ".bytes" * named[0], 0
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, [identity, *([f"{image}.path"] * named[1])])
                labels = table[identity].to_pylist()
                paths = table[image].combine_chunks().field("path").to_pylist() if named[1] else [None] * len(labels)
                for at, (label, name) in enumerate(zip(labels, paths, strict=True)):
                    who = names[label] if names and isinstance(label, int) and 0 <= label < len(names) else label
                    yield None if who in (None, "") else str(who), number, _row_name(row, name), form, group, at
                    row += 1
    except pa.ArrowException as error:
        raise DataError(f"{path} is damaged or no Parquet: {str(error).splitlines()[0]}; get it again") from error


def _require_columns(path: str, schema: pa.Schema, image: str, identity: str) -> tuple[bool, bool]:
    """Whether the image column has fields `bytes`, and `path`."""
    for role, name in ((IMAGE, image), (IDENTITY, identity)):
        if name not in schema.names:
            has = ", ".join(schema.names)
            raise DataError(f"{path} has no column {name!r}, but {has}; say which it is with --columns {role}=NAME")
    kind = schema.field(image).type
    fields = {field.name for field in kind} if pa.types.is_struct(kind) else set()
    if "bytes" not in fields and not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise DataError(
            f"{path}: its column {image!r} holds no pictures but {kind}; say which with --columns image=NAME"
        )
    return "bytes" in fields, "path" in fields


def _class_names(schema: pa.Schema, identity: str) -> list[str]:
    """What the `datasets` package calls the classes of a column; [] where they are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[identity]["names"] if features[identity]["_type"] == "ClassLabel" else []
    except (KeyError, ValueError, TypeError):
        return []
    return [str(name) for name in names]


def _row_name(row: int, path: str | None) -> str:
    """'17/1.jpg': the row's number, then the name that it gives its picture, where that can be one."""
    name = posixpath.basename((path or "").replace("\\", "/"))
    return f"{row}/{name}" if name and unsafe_path(text_of(name)) is None else str(row)
