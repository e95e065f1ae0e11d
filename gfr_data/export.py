"""Pairs with their pictures inside, for other tools: webdataset's tar shards, or Parquet with image bytes.

The Parquet form is a data set as the `datasets` package and its hub have them: a file for each split, named so that no
way of loading the folder mixes a test set into the training set, a card and Croissant metadata.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr_data.dataset_card import CARD, CROISSANT, Part, card, croissant, is_card
from manifests import (
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    DataError,
    Progress,
    atomic_path,
    hash_bytes,
    hash_file,
    read_parts,
    read_provenance,
    read_table,
    silent,
    write_text,
)
from manifests.crops import CROP_SIZES, UnusableError, decode_picture, read_content
from manifests.folders import HOLDER, held, remove, remove_unfinished
from manifests.notes import read_note, write_note
from manifests.tables.parts import regrouped

FORMATS = ("webdataset", "parquet-embedded")
EMBEDDED_FILE = "data/{}-00000-of-00001.parquet"  # the only form that `datasets` takes for a split of any name
FORMER_FILE = "pairs-embedded.parquet"  # all splits in one: `datasets` takes every row of it for training
FILES = ("data/*.parquet",)  # in folders of their own
TARS = "*-[0-9][0-9][0-9][0-9][0-9][0-9].tar"
SHARD_PAIRS = 1000  # pairs of a tar: about 250 MB
ROWS_HELD = 128  # pairs whose pictures are in memory together
ROLES = ("target", "guide")
MARK = ".gfr-export"  # there while an export is unfinished: what it is of


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
    `parquet-embedded`: a table for each split, whose `target` and `guide` are {bytes, path}, as `datasets` has images;
    beside them the card `README.md` and `croissant.json`. Splits are called as `datasets` calls them.

    Continues what was interrupted: files that are finished are not looked at again.

    Raises ConfigError for another format, DataError when `out` has files already or a picture is missing.
    """
    if form not in FORMATS:
        raise ConfigError(f"--format is {form!r}; choose one of {', '.join(FORMATS)}")
    table = read_table(folder / PAIRS_FILE, PAIRS, ["pair_id", "split", "person"])
    settings = {"format": form, "pairs": hash_file(folder / PAIRS_FILE), "size": size}
    with held(out, "gfr-data export"):
        if overwrite:
            _remove_former(out)
        begun = _is_begun(out, settings)
        if not begun and (left := sorted(path for path in out.iterdir() if path.name != HOLDER)):
            raise DataError(f"{out} is not empty ({left[0].name}); give another folder, or --overwrite for an export")
        if not begun:
            _require_pictures(folder)
            write_note(out / MARK, settings)
        remove_unfinished(out, FILES)
        write = _write_tars if form == "webdataset" else _write_data_set
        files = list(write(folder, out, table, size, progress))
        (out / MARK).unlink()
    return ExportSummary(form, tuple(files), table.num_rows)


def _is_begun(out: Path, settings: dict[str, Any]) -> bool:
    """Whether `out` holds an unfinished export of just this."""
    try:
        return read_note(out / MARK) == settings
    except OSError:
        return False


def _rows_of(folder: Path, rows: np.ndarray, size: int) -> Iterator[pa.Table]:
    """Some rows of the pairs, ascending, `size` at a time."""

    def parts() -> Iterator[pa.Table]:
        for first, part in read_parts(folder / PAIRS_FILE, PAIRS, None, rows):
            own = rows[slice(*np.searchsorted(rows, [first, first + part.num_rows]))]
            yield part.take(pa.array(own - first))

    return regrouped(parts(), size) if len(rows) else iter(())


def _write_tars(folder: Path, out: Path, table: pa.Table, size: int, progress: Progress) -> Iterator[str]:
    done = 0
    for split in sorted(table["split"].unique().to_pylist()):
        rows = pc.indices_nonzero(pc.equal(table["split"], split)).to_numpy().astype(np.int64)
        shards = [rows[start : start + size] for start in range(0, len(rows), size)]
        names = [f"{split}-{number:06d}.tar" for number in range(len(shards))]
        missing = [number for number, name in enumerate(names) if not (out / name).is_file()]
        done += sum(map(len, shards)) - sum(len(shards[number]) for number in missing)
        wanted = np.concatenate([rows[:0], *(shards[number] for number in missing)])
        for number, part in zip(missing, _rows_of(folder, wanted, size), strict=True):
            with atomic_path(out / names[number]) as path, tarfile.open(path, "w") as archive:
                for row, values in enumerate(part.to_pylist(), start=number * size):
                    key = f"{_without_dots(split)}-{row:08d}"
                    for role in ROLES:
                        content = _picture(folder, values[f"{role}_path"], values[f"{role}_hash"])
                        _add(archive, f"{key}.{role}.png", content)
                    _add(archive, f"{key}.json", json.dumps(values, ensure_ascii=False).encode())
                    done += 1
                    progress("export", done, table.num_rows)
        yield from names


def _without_dots(split: str) -> str:
    """What keys of a split begin with: webdataset ends a key at the first dot, and would join pairs of 'a.1', 'a.2'."""
    return split if "." not in split else f"{split.replace('.', '_')}-{hash_bytes(split.encode())[:8]}"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # of time 0 and nobody's: the same pairs give the same bytes
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _write_data_set(folder: Path, out: Path, table: pa.Table, size: int, progress: Progress) -> Iterator[str]:
    """The card first, by which --overwrite knows the folder; a file for each split; metadata with their hashes last."""
    names = np.array([name_of_split(split) for split in table["split"].to_pylist()])
    rows = {name: np.flatnonzero(names == name) for name in sorted(set(names.tolist()))}
    parts = [
        Part(name, EMBEDDED_FILE.format(name), len(own), len(table["person"].take(pa.array(own)).unique()))
        for name, own in rows.items()
    ]
    made_by = read_provenance(folder / PAIRS_FILE)
    write_text(out / CARD, card(parts, _schema(made_by.crop_size), made_by))
    yield CARD
    for part in parts:
        if not (out / part.file).is_file():
            stage = f"export {part.name}"
            _write_embedded(folder, out / part.file, rows[part.name], _schema(made_by.crop_size), stage, progress)
        yield part.file
    write_text(out / CROISSANT, croissant(out, parts, _schema(made_by.crop_size), made_by))
    yield CROISSANT


def _remove_former(out: Path) -> None:
    """Remove what an export wrote; a card that is somebody else's, and what lies beside it, stays."""
    remove(out, (FORMER_FILE, TARS))
    (out / MARK).unlink(missing_ok=True)
    if is_card(out / CARD):
        remove(out, (EMBEDDED_FILE.format("*"), CROISSANT))
        remove(out, (CARD,))


def name_of_split(split: str) -> str:
    """What `datasets` calls a split: words of letters, digits and `_`, and `validation` for `val`."""
    return "validation" if split == "val" else re.sub(r"\W", "_", split)


def _write_embedded(
    folder: Path, out: Path, own: np.ndarray, schema: pa.Schema, stage: str, progress: Progress
) -> None:
    stamp = {b"huggingface": json.dumps({"info": {"features": _features(schema)}}).encode()}
    schema = schema.with_metadata(stamp)
    image = schema.field(0).type
    with (
        atomic_path(out) as part,
        pq.ParquetWriter(part, schema, compression="none", write_page_checksum=True) as writer,
    ):
        done = 0
        for rows in _rows_of(folder, own, ROWS_HELD):
            pictures = [
                pa.array([{"bytes": _picture(folder, *one), "path": one[0]} for one in _named(rows, role)], image)
                for role in ROLES
            ]
            rest = [rows[name].combine_chunks() for name in schema.names[len(ROLES) :]]
            writer.write_table(pa.Table.from_arrays([*pictures, *rest], schema=schema), row_group_size=ROWS_HELD)
            done += rows.num_rows
            progress(stage, done, len(own))


def _schema(size: int) -> pa.Schema:
    """The pairs' columns without paths to pictures, and before them the pictures, of `size` px."""
    image = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    words = {"target": f"ground-truth crop, {size}x{size}", "guide": f"another photograph of the person, {size}x{size}"}
    pictures = [pa.field(role, image, metadata={"description": words[role]}) for role in ROLES]
    return pa.schema([*pictures, *(column for column in PAIRS if column.name[-5:] != "_path")])


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What the `datasets` package calls each column; it shows `Image` columns as pictures."""

    def feature(kind: pa.DataType) -> dict[str, Any]:
        if pa.types.is_list(kind):
            return {"feature": feature(kind.value_type), "_type": "Sequence"}
        if pa.types.is_fixed_size_list(kind):
            return {"feature": feature(kind.value_type), "length": kind.list_size, "_type": "Sequence"}
        return {"dtype": {"float": "float32", "double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}

    return {f.name: {"_type": "Image"} if f.name in ROLES else feature(f.type) for f in schema}


def _require_pictures(folder: Path) -> None:
    """Raise DataError before anything is written where a picture is missing."""
    for _, part in read_parts(folder / PAIRS_FILE, PAIRS, [f"{role}_path" for role in ROLES]):
        for path in dict.fromkeys(path for column in part.columns for path in column.to_pylist()):
            if not (folder / path).is_file():
                raise DataError(f"{folder / path} is missing; build the pairs again")


def _named(rows: pa.Table, role: str) -> Iterator[tuple[str, str]]:
    """Path and hash of the pictures of a role."""
    return zip(rows[f"{role}_path"].to_pylist(), rows[f"{role}_hash"].to_pylist(), strict=True)


def _picture(folder: Path, path: str, digest: str) -> bytes:
    """The file of a crop, which is one: what else lies there is nobody's to give away."""
    try:
        content = read_content(folder / path, digest, within=folder)
        decode_picture(content, folder / path, None, max(CROP_SIZES))
    except UnusableError as error:
        raise DataError(f"{error}; build the pairs again") from error
    return content
