"""`gfr-data validate`: is a dataset folder what its tables say?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import DataError
from manifests.files import hash_file
from manifests.progress import Progress, silent
from manifests.tables.io import key_of
from manifests.tables.parts import read_parts
from manifests.tables.schemas import FILES, MORE_GUIDES, PAIRS, REASONS, SCHEMAS, STATUSES
from manifests.tables.seal import is_intact

# (path column, hash column) of each table: files that must exist with these bytes.
CROPS = (
    ("target_path", "target_hash"),
    ("guide_path", "guide_hash"),
    (f"{MORE_GUIDES}_path", f"{MORE_GUIDES}_hash"),
)
_PART = 1 << 14  # rows that become objects together
HASHED = {"faces": (), "pairs": CROPS, "degraded": (*CROPS, ("lq_path", "lq_hash")), "scores": ()}


@dataclass(frozen=True)
class NamedFile:
    """A file that a table names."""

    path: str
    digest: str
    row: int
    column: str


def named_files(table: pa.Table, columns: Sequence[tuple[str, str]] = CROPS) -> Iterator[NamedFile]:
    """The files that a table names in columns of paths, with their hashes; some many times."""
    for path_column, hash_column in columns:
        row = -1
        for part in table.select([path_column, hash_column]).to_batches(_PART):
            for paths, digests in zip(*(column.to_pylist() for column in part.columns), strict=True):
                row += 1
                many = (paths or [], digests or []) if pa.types.is_list(part.schema[0].type) else ([paths], [digests])
                yield from (NamedFile(path, digest, row, path_column) for path, digest in zip(*many, strict=False))


def validate_dataset(folder: str | Path, progress: Progress = silent) -> list[str]:
    """Check every table in `folder`: bytes, schema, keys, files, hashes, and that no person is in two splits.

    Returns the problems, a line each; an empty list means that the folder is sound.
    Raises DataError when the folder holds none of the tables.
    """
    folder = Path(folder)
    present = [name for name, file in FILES.items() if (folder / file).is_file()]
    if not present:
        raise DataError(
            f"{folder} holds none of {', '.join(FILES.values())}; name one that a command wrote, or make it again"
        )
    problems: list[str] = []
    for name in present:
        try:
            table, of_rows = _read(name, folder)
        except DataError as error:
            problems.append(str(error))
            continue
        found = [*_repeated(table, key_of(SCHEMAS[name])), *of_rows, *_problems(name, table, folder, progress)]
        problems += [f"{FILES[name]}: {problem}" for problem in found]
    return [*problems, *_damaged_parts(folder)]


def _read(name: str, folder: Path) -> tuple[pa.Table, list[str]]:
    """The columns of a table whose rows are compared with each other, and the problems that single rows have.

    Of all other columns, most of the table, it holds a row group at a time.
    """
    columns = [*key_of(SCHEMAS[name]), *(column for both in HASHED[name] for column in both)]
    if HASHED[name]:
        columns += ["person", "split"]
    parts = [SCHEMAS[name].empty_table().select(columns)]
    problems: list[str] = []
    for first, part in read_parts(folder / FILES[name], SCHEMAS[name]):
        parts.append(part.select(columns))
        problems += _bad_faces(part, first, folder) if name == "faces" else ()
        problems += _odd_lists(part, first) if HASHED[name] else ()
    return pa.concat_tables(parts), problems


def _problems(name: str, table: pa.Table, folder: Path, progress: Progress) -> Iterator[str]:
    if HASHED[name]:
        yield from _shared(table, "person {!r}", ["person"])
        yield from _shared(table, "one photograph (crop hash {})", [column for _, column in CROPS])
    yield from _bad_files(name, table, folder, progress)


def _damaged_parts(folder: Path) -> Iterator[str]:
    """The other tables below the folder, from which a command goes on, that are not as they were written."""
    for path in sorted(folder.rglob("*.parquet")):
        name = path.relative_to(folder).as_posix()
        try:
            if path.is_file() and name not in FILES.values() and not is_intact(path):
                yield f"{name} has other bytes than when it was written"
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror})"


def _repeated(table: pa.Table, key: Sequence[str]) -> Iterator[str]:
    if not key or table.group_by(key).aggregate([]).num_rows == table.num_rows:
        return
    seen: dict[tuple[object, ...], int] = {}
    for row, value in enumerate(zip(*(table.column(name).to_pylist() for name in key), strict=True)):
        if value in seen:
            yield f"rows {seen[value]} and {row} have the same {', '.join(key)}: {value}"
        seen.setdefault(value, row)


def _bad_faces(table: pa.Table, first: int, folder: Path) -> Iterator[str]:
    columns = ("status", "reason", "crop_path")
    rows = zip(*(table.column(c).to_pylist() for c in columns), strict=True)
    for row, (status, reason, crop) in enumerate(rows, first):
        if status not in STATUSES:
            yield f"row {row}: unknown status {status!r}"
        if status in ("rejected", "unreadable") and reason not in REASONS:
            yield f"row {row}: {status} without a known reason ({reason!r})"
        if status == "selected" and (crop is None or not (folder / crop).is_file()):
            yield f"row {row}: selected, but its crop {crop!r} is missing"


def _odd_lists(table: pa.Table, first: int) -> Iterator[str]:
    """Rows whose lists of further guides are not of one length."""
    columns = [field for field in PAIRS if field.name.startswith(MORE_GUIDES)]
    lengths = [pc.list_value_length(table[field.name]).fill_null(0).to_pylist() for field in columns]
    for row, found in enumerate(zip(*lengths, strict=True), first):
        each = {
            length / 136 if field.name.endswith("_landmarks") else length
            for field, length in zip(columns, found, strict=True)
        }
        if len(each) > 1:
            yield f"row {row}: its lists of further guides have not one length"


def _shared(table: pa.Table, what: str, columns: Sequence[str]) -> Iterator[str]:
    """The values of `columns` that are in more than one split; `what` says what such a value is."""
    parts = []
    for column in columns:
        values, splits = table[column].combine_chunks(), table["split"].combine_chunks()
        if pa.types.is_list(values.type):
            splits, values = splits.take(pc.list_parent_indices(values)), pc.list_flatten(values)
        both = pa.table({"value": values, "split": splits})
        parts.append(both.group_by(["value", "split"]).aggregate([]))
    found = pa.concat_tables(parts).group_by(["value", "split"]).aggregate([])
    counts = found.group_by("value").aggregate([("split", "count")])
    several = counts.filter(pc.greater(counts["split_count"], 1))["value"]
    where = defaultdict(set)
    for row in found.filter(pc.is_in(found["value"], several.combine_chunks())).to_pylist():
        where[row["value"]].add(row["split"])
    for value, splits in sorted(where.items()):
        yield f"{what.format(value)} is in several splits: {', '.join(sorted(splits))}"


def _bad_files(name: str, table: pa.Table, folder: Path, progress: Progress) -> Iterator[str]:
    expected: dict[str, str] = {}
    for one in named_files(table, HASHED[name]):
        if expected.setdefault(one.path, one.digest) != one.digest:
            yield f"{one.path} is listed with two different hashes"
    for done, (path, digest) in enumerate(sorted(expected.items()), start=1):
        file = folder / path
        if not file.is_file():
            yield f"{path} is missing"
        elif hash_file(file) != digest:
            yield f"{path} has other bytes than when it was written"
        progress(f"check {name}", done, len(expected))
