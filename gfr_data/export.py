"""Pairs with their pictures inside, for other tools: webdataset's tar shards, or one Parquet table with image bytes."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests import PAIRS, PAIRS_FILE, ConfigError, DataError, Progress, atomic_path, read_table, silent
from manifests.folders import held, remove

FORMATS = ("webdataset", "parquet-embedded")
EMBEDDED_FILE = "pairs-embedded.parquet"
TARS = "*-[0-9][0-9][0-9][0-9][0-9][0-9].tar"
SHARD_PAIRS = 1000  # pairs of a tar: about 250 MB
ROWS_HELD = 128  # pairs whose pictures are in memory together
ROLES = ("target", "guide")


@dataclass(frozen=True)
class ExportSummary:
    format: str
    files: tuple[str, ...]  # written, relative to the folder
    pairs: int


def export(
    folder: Path, out: Path, form: str, progress: Progress = silent, overwrite: bool = False, size: int = SHARD_PAIRS
) -> ExportSummary:
    """Write the pairs of `folder` with their pictures into the folder `out`.

    `webdataset`: `<split>-000000.tar`, ... with `<key>.target.png`, `<key>.guide.png`, `<key>.json`, `size` pairs each.
    `parquet-embedded`: one table whose `target` and `guide` are {bytes, path}, as `datasets` has images.

    Raises ConfigError for another format, DataError when `out` has files already or a picture is missing.
    """
    if form not in FORMATS:
        raise ConfigError(f"--format is {form!r}; choose one of {', '.join(FORMATS)}")
    table = read_table(folder / PAIRS_FILE, PAIRS)
    with held(out):
        if overwrite:
            remove(out, (EMBEDDED_FILE, TARS))
        if left := sorted(out.iterdir()):
            raise DataError(f"{out} is not empty ({left[0].name}); give another folder, or --overwrite for an export")
        if form == "webdataset":
            files = list(_write_tars(folder, out, table, size, progress))
        else:
            files = [_write_embedded(folder, out, table, progress)]
    return ExportSummary(form, tuple(files), table.num_rows)


def _write_tars(folder: Path, out: Path, table: pa.Table, size: int, progress: Progress) -> Iterator[str]:
    done = 0
    for split in sorted(set(table["split"].to_pylist())):
        rows = table.filter(pc.equal(table["split"], split))
        for number, start in enumerate(range(0, rows.num_rows, size)):
            name = f"{split}-{number:06d}.tar"
            with atomic_path(out / name) as part, tarfile.open(part, "w") as archive:
                for row, values in enumerate(rows.slice(start, size).to_pylist(), start=start):
                    for role in ROLES:
                        _add(archive, f"{split}-{row:08d}.{role}.png", _picture(folder, values[f"{role}_path"]))
                    _add(archive, f"{split}-{row:08d}.json", json.dumps(values, ensure_ascii=False).encode())
                    done += 1
                    progress("export", done, table.num_rows)
            yield name


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # of time 0 and nobody's: the same pairs give the same bytes
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _write_embedded(folder: Path, out: Path, table: pa.Table, progress: Progress) -> str:
    image = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    schema = pa.schema([pa.field(role, image) for role in ROLES] + [f for f in PAIRS if f.name[-5:] != "_path"])
    schema = schema.with_metadata({b"huggingface": json.dumps({"info": {"features": _features(schema)}}).encode()})
    with atomic_path(out / EMBEDDED_FILE) as part, pq.ParquetWriter(part, schema, compression="none") as writer:
        for start in range(0, table.num_rows, ROWS_HELD):
            rows = table.slice(start, ROWS_HELD)
            paths = [rows[f"{role}_path"].to_pylist() for role in ROLES]
            pictures = [
                pa.array([{"bytes": _picture(folder, path), "path": path} for path in part], image) for part in paths
            ]
            rest = [rows[name].combine_chunks() for name in schema.names[len(ROLES) :]]
            writer.write_table(pa.Table.from_arrays([*pictures, *rest], schema=schema), row_group_size=ROWS_HELD)
            progress("export", min(start + ROWS_HELD, table.num_rows), table.num_rows)
    return EMBEDDED_FILE


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What the `datasets` package calls each column; it shows `Image` columns as pictures."""

    def feature(kind: pa.DataType) -> dict[str, Any]:
        if pa.types.is_fixed_size_list(kind):
            return {"feature": feature(kind.value_type), "length": kind.list_size, "_type": "Sequence"}
        return {"dtype": {"float": "float32", "double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}

    return {f.name: {"_type": "Image"} if f.name in ROLES else feature(f.type) for f in schema}


def _picture(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except OSError as error:
        raise DataError(f"{folder / path} cannot be read ({error.strerror}); see gfr-data validate {folder}") from error
