"""The acceptable faces of a build, a column each: of millions, objects would take many times the memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gfr_data.examination.index import given_pairs
from gfr_data.examination.row import read_shard
from gfr_data.examination.work import Work
from gfr_data.pairs.guide import Candidate
from gfr_data.quality.copies import PICTURE

IdentityKey = tuple[str, str, str]  # dataset, subset, identity

NAMES = ("dataset", "subset", "identity", "person", "source_path", "decision")
NUMBERS = tuple(item.name for item in fields(Candidate) if item.name != "key")
_PART = 1 << 14  # faces that become objects together


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the faces."""

    number: int
    row: int  # in its shard
    dataset: str
    subset: str
    identity: str
    person: str
    face: Candidate
    references: tuple[int, ...]  # where pairs are given: those of this target, rows of its shard
    decision: str | None  # 'keep' or 'guide' where a person decided so

    @property
    def identity_key(self) -> IdentityKey:
        return self.dataset, self.subset, self.identity


@dataclass(frozen=True)
class Faces:
    """The acceptable faces with landmarks of all shards, in the order of the index: the number of a face is its place.

    An identity is in one shard, and its faces follow one another.
    """

    shard: np.ndarray  # (N,) int32
    row: np.ndarray  # (N,) int32, in the shard
    columns: pa.Table  # NAMES and NUMBERS
    identity: np.ndarray  # (N,) int32, number of the face's identity in the order of `IdentityKey`
    keys: tuple[IdentityKey, ...]  # of the identities, in this order
    persons: tuple[str, ...]  # of the identities
    references: dict[int, tuple[int, ...]]  # where pairs are given: face -> rows of its shard

    def __len__(self) -> int:
        return len(self.row)

    def of_shard(self, number: int) -> slice:
        """The faces of a shard."""
        return slice(*np.searchsorted(self.shard, [number, number + 1]).tolist())

    def numbers(self, shard: int, rows: Sequence[int]) -> list[int]:
        """The faces in some rows of a shard."""
        own = self.of_shard(shard)
        return (own.start + np.searchsorted(self.row[own], rows)).tolist()

    def entries(self, numbers: np.ndarray) -> Iterator[Entry]:
        """Some faces as objects, in the order of `numbers` (M,)."""
        for at in range(0, len(numbers), _PART):
            some = numbers[at : at + _PART]
            table = self.columns.take(pa.array(some))
            names = zip(*(table[name].to_pylist() for name in NAMES), strict=True)
            values = zip(*(table[name].to_pylist() for name in NUMBERS), strict=True)
            rows = self.row[some].tolist()
            for number, row, (*whose, path, decision), measured in zip(some.tolist(), rows, names, values, strict=True):
                dataset, subset, identity, person = whose
                face, own = Candidate(path, *measured), self.references.get(number, ())
                yield Entry(number, row, dataset, subset, identity, person, face, own, decision)

    def column(self, name: str, numbers: np.ndarray | Sequence[int]) -> pa.Array:
        """A column of some faces, in the order of `numbers`."""
        return self.columns[name].take(pa.array(numbers, pa.int64())).combine_chunks()

    def by_identity(self, among: np.ndarray) -> np.ndarray:
        """The numbers of the faces that `among` (N,) bool says, identity by identity."""
        numbers = np.flatnonzero(among)
        return numbers[np.argsort(self.identity[numbers], kind="stable")]


@dataclass(frozen=True)
class Prints:
    """What tells copies, of each face."""

    hashes: np.ndarray  # (N,) uint64
    pictures: np.ndarray  # (N, PICTURE^2) uint8


def read_faces(work: Work) -> tuple[Faces, Prints]:
    """The acceptable faces with landmarks of all shards, and what tells copies among them."""
    most = sum(work.sizes())
    pictures = np.empty((most, PICTURE * PICTURE), np.uint8)  # what is not filled takes no memory
    shard, row, hashes = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.uint64)
    parts: list[pa.Table] = []
    references: dict[int, tuple[int, ...]] = {}
    count = 0
    for number in range(work.count()):
        table = read_shard(work, number, ["status", "perceptual_hash", "picture", *NAMES, *NUMBERS])
        good = pc.and_(pc.equal(table["status"], "spare"), pc.is_valid(table["yaw"]))
        rows, table = pc.indices_nonzero(good).to_numpy(), table.filter(good)
        new = slice(count, count + table.num_rows)
        shard[new], row[new] = number, rows
        hashes[new] = table["perceptual_hash"].to_numpy()
        pictures[new] = np.frombuffer(b"".join(table["picture"].to_pylist()), np.uint8).reshape(-1, PICTURE * PICTURE)
        given = given_pairs(work, number) if table.num_rows else {}
        references |= {count + at: tuple(given[one]) for at, one in enumerate(rows.tolist()) if one in given}
        parts.append(table.select([*NAMES, *NUMBERS]))
        count += table.num_rows
    columns = pa.concat_tables(parts).combine_chunks()
    del parts
    identity, keys, persons = _identities(columns)
    faces = Faces(shard[:count], row[:count], columns, identity, keys, persons, references)
    return faces, Prints(hashes[:count], pictures[:count])


def _identities(columns: pa.Table) -> tuple[np.ndarray, tuple[IdentityKey, ...], tuple[str, ...]]:
    """The number of each face's identity, and key and person of each, in the order of the keys."""
    persons: dict[IdentityKey, str] = {}
    runs: list[tuple[IdentityKey, int]] = []
    for part in columns.select(["dataset", "subset", "identity", "person"]).to_batches(_PART):
        rows = zip(*(column.to_pylist() for column in part.columns), strict=True)
        for (dataset, subset, identity, person), same in groupby(rows):
            runs.append(((dataset, subset, identity), sum(1 for _ in same)))
            persons.setdefault(runs[-1][0], person)
    keys = tuple(sorted(persons))
    place = {key: number for number, key in enumerate(keys)}
    numbers = np.array([place[key] for key, _ in runs], np.int32)
    return np.repeat(numbers, [size for _, size in runs]), keys, tuple(persons[key] for key in keys)
