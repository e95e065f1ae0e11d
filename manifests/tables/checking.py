"""`gfr-data validate`: is a dataset folder what its tables say?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from manifests.errors import DataError
from manifests.files import hash_file
from manifests.progress import Progress, silent
from manifests.tables.io import key_of, read_table
from manifests.tables.schemas import FILES, REASONS, SCHEMAS, STATUSES
from manifests.tables.seal import is_intact

# (path column, hash column) of each table: files that must exist with these bytes.
HASHED = {
    "faces": (),
    "pairs": (("target_path", "target_hash"), ("guide_path", "guide_hash")),
    "degraded": (("target_path", "target_hash"), ("guide_path", "guide_hash"), ("lq_path", "lq_hash")),
    "scores": (),
}


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
            table = read_table(folder / FILES[name], SCHEMAS[name], repeats=True)
        except DataError as error:
            problems.append(str(error))
            continue
        where = FILES[name]
        problems += [f"{where}: {problem}" for problem in _problems(name, table, folder, progress)]
    return [*problems, *_damaged_parts(folder)]


def _problems(name: str, table: pa.Table, folder: Path, progress: Progress) -> Iterator[str]:
    yield from _repeated(table, key_of(SCHEMAS[name]))
    if name == "faces":
        yield from _bad_faces(table, folder)
    if name in ("pairs", "degraded"):
        yield from _shared(table, "person {!r}", ["person"])
        yield from _shared(table, "one photograph (crop hash {})", ["target_hash", "guide_hash"])
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
    seen: dict[tuple[object, ...], int] = {}
    for row, value in enumerate(zip(*(table.column(name).to_pylist() for name in key), strict=True)):
        if value in seen:
            yield f"rows {seen[value]} and {row} have the same {', '.join(key)}: {value}"
        seen.setdefault(value, row)


def _bad_faces(table: pa.Table, folder: Path) -> Iterator[str]:
    columns = ("status", "reason", "crop_path")
    for row, (status, reason, crop) in enumerate(zip(*(table.column(c).to_pylist() for c in columns), strict=True)):
        if status not in STATUSES:
            yield f"row {row}: unknown status {status!r}"
        if status in ("rejected", "unreadable") and reason not in REASONS:
            yield f"row {row}: {status} without a known reason ({reason!r})"
        if status == "selected" and (crop is None or not (folder / crop).is_file()):
            yield f"row {row}: selected, but its crop {crop!r} is missing"


def _shared(table: pa.Table, what: str, columns: Sequence[str]) -> Iterator[str]:
    """The values of `columns` that are in more than one split; `what` says what such a value is."""
    splits = defaultdict(set)
    for column in columns:
        for value, split in zip(table.column(column).to_pylist(), table.column("split").to_pylist(), strict=True):
            splits[value].add(split)
    for value, where in sorted(splits.items()):
        if len(where) > 1:
            yield f"{what.format(value)} is in several splits: {', '.join(sorted(where))}"


def _bad_files(name: str, table: pa.Table, folder: Path, progress: Progress) -> Iterator[str]:
    expected: dict[str, str] = {}
    for path_column, hash_column in HASHED[name]:
        pairs = zip(table.column(path_column).to_pylist(), table.column(hash_column).to_pylist(), strict=True)
        for path, digest in pairs:
            if expected.setdefault(path, digest) != digest:
                yield f"{path} is listed with two different hashes"
    for done, (path, digest) in enumerate(sorted(expected.items()), start=1):
        file = folder / path
        if not file.is_file():
            yield f"{path} is missing"
        elif hash_file(file) != digest:
            yield f"{path} has other bytes than when it was written"
        progress(f"check {name}", done, len(expected))
