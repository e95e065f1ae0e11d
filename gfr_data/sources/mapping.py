"""Pairs that are given: tables of a target and its references a row, as FFHQ-Ref and CelebA-Test-Ref have them."""

import ast
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_data.sources.names import text_of
from gfr_data.sources.source import Source
from manifests import DataError, unsafe_path

TABLES = (".csv", ".parquet")
TARGET, REFERENCES, IDENTITY, SPLIT = "target", "references", "identity", "split"
REF_LDM = {TARGET: "gt_image", REFERENCES: "ref_image"}  # what that project's files call them
SPLITS = ("train", "val", "test", "")  # of a person in several, the first keeps them; "": none is given
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


@dataclass(frozen=True)
class Row:
    """A given pair, or several with one target."""

    target: str  # photographs relative to the source's root
    references: tuple[str, ...]
    identity: str  # "" where the table has none
    split: str  # one of SPLITS
    where: str  # 'file, row 3' for messages


@dataclass(frozen=True)
class Person:
    name: str
    named: bool  # whether the table gave the name
    split: str
    paths: tuple[str, ...]  # sorted
    references: tuple[tuple[str, ...], ...]  # of each of `paths`; () where it is nobody's target


def read_persons(source: Source) -> tuple[list[Person], int]:
    """The persons of a source's tables, by split and name, and how many targets fell out.

    Without a column of identities, photographs that are in one row show one person, called as the first of them.
    A target that is in several rows has the references of all. Targets of a person who is in several splits are kept in
    the first of SPLITS. Raises DataError for a table that cannot be read, and for a photograph of two persons.
    """
    rows = [row for table in source.tables for row in _read(source, Path(table))]
    if not rows:
        raise DataError(
            f"{source.root}: no table of pairs names a target ({', '.join(source.tables) or 'there is none'})"
        )
    persons: dict[str, list[Row]] = {}
    for row, name in zip(rows, _names(rows), strict=True):
        persons.setdefault(name, []).append(row)
    found, lost = [], 0
    for name, own in persons.items():
        split = min((row.split for row in own), key=SPLITS.index)
        kept = [row for row in own if row.split == split]
        lost += len(own) - len(kept)
        references: dict[str, list[str]] = {}
        for row in kept:
            known = references.setdefault(row.target, [])
            known += [path for path in row.references if path not in known and path != row.target]
        paths = sorted({*references, *(path for paths in references.values() for path in paths)})
        given = tuple(tuple(references.get(path, ())) for path in paths)
        found.append(Person(name, bool(own[0].identity), split, tuple(paths), given))
    return sorted(found, key=lambda person: (SPLITS.index(person.split), person.name)), lost


def _names(rows: Sequence[Row]) -> list[str]:
    """The person of each row: the identity that it gives, else the first photograph of all that hang together."""
    whose: dict[str, str] = {}  # photograph -> another of the same person, itself at last
    said: dict[str, Row] = {}

    def first(path: str) -> str:
        while whose.setdefault(path, path) != path:
            whose[path] = path = whose[whose[path]]
        return path

    for row in rows:
        for path in (row.target, *row.references):
            other = said.setdefault(path, row)
            if other.identity != row.identity:
                raise DataError(
                    f"{path} is of {other.identity!r} in {other.where}, and of {row.identity!r} in {row.where}: "
                    "a photograph has one person; mend the table"
                )
            one, two = sorted((first(row.target), first(path)))
            whose[two] = one
    return [row.identity or first(row.target) for row in rows]


def _read(source: Source, table: Path) -> Iterator[Row]:
    """The rows of one table. Raises DataError naming file and row."""
    columns, rows = _columns(table)
    names = {role: _column(source, role, columns) for role in (TARGET, REFERENCES, IDENTITY, SPLIT)}
    for role in (TARGET, REFERENCES):
        if names[role] is None:
            raise DataError(
                f"{table} has no column {role!r}, but {', '.join(columns)}; name it with --columns {role}=NAME"
            )
    for number, values in enumerate(rows, start=1):
        where = f"{table}, row {number}"
        target, *references = (
            _path(path, where) for path in (values[names[TARGET]], *_list(values[names[REFERENCES]], where))
        )
        identity = values.get(names[IDENTITY])
        given = values.get(names[SPLIT])
        split = _split_of_file(table) if given in (None, "") else _SPLIT_NAMES.get(str(given).lower().partition("-")[0])
        if split is None:
            raise DataError(f"{where}: the split {given!r} is none of train, val, test")
        yield Row(target, tuple(references), "" if identity is None else str(identity), split, where)


def _columns(table: Path) -> tuple[list[str], Iterator[dict[str | None, Any]]]:
    """A table's columns, and its rows."""
    try:
        if table.suffix.lower() == ".parquet":
            found = pq.read_table(table, page_checksum_verification=True)
            return list(found.schema.names), iter(found.to_pylist())
        with open(table, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or ()), iter(list(reader))
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(f"cannot read the pairs {table}: {reason}") from error


def _column(source: Source, role: str, columns: Sequence[str]) -> str | None:
    asked = source.column(role)
    if asked != role and asked not in columns:
        raise DataError(f"the tables of {source.dataset} have no column {asked!r}, but {', '.join(columns)}")
    return next((name for name in (asked, REF_LDM.get(role)) if name in columns), None)


def _list(value: Any, where: str) -> list[Any]:
    """A list, a text that is Python's of one, or a single path."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise DataError(f"{where}: its references are no list of paths: {value[:80]!r}") from error
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _path(value: Any, where: str) -> str:
    path = str(value).removeprefix("./") if isinstance(value, str) else ""
    if why := unsafe_path(text_of(path)):
        raise DataError(f"{where}: {value!r} {why.partition(';')[0]}; give a path relative to the source's folder")
    return path


def _split_of_file(table: Path) -> str:
    words = re.findall(r"[a-z]+", table.stem.lower())
    return next((_SPLIT_NAMES[word] for word in words if word in _SPLIT_NAMES), "")
