"""The acceptable faces of a build, a column each: of millions, objects would take many times the memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gfr_data.examination.index import given_pairs
from gfr_data.examination.row import SHARD, read_shard
from gfr_data.examination.work import Work
from gfr_data.pairs.guide import Candidate
from gfr_data.quality.copies import PICTURE

IdentityKey = tuple[str, str, str]  # dataset, subset, identity

KEY = ("dataset", "subset", "identity")  # the columns of an IdentityKey
OWN = ("source_path", "decision")  # what is said of a face alone
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
    columns: pa.Table  # OWN and NUMBERS
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
            said = zip(*(table[name].to_pylist() for name in OWN), strict=True)
            values = zip(*(table[name].to_pylist() for name in NUMBERS), strict=True)
            rows, identities = self.row[some].tolist(), self.identity[some].tolist()
            parts = zip(some.tolist(), rows, identities, said, values, strict=True)
            for number, row, identity, (path, decision), measured in parts:
                dataset, subset, name = self.keys[identity]
                face, own = Candidate(path, *measured), self.references.get(number, ())
                yield Entry(number, row, dataset, subset, name, self.persons[identity], face, own, decision)

    def column(self, name: str, numbers: np.ndarray | Sequence[int]) -> pa.Array:
        """A column of some faces, in the order of `numbers`; those of KEY and 'person' are their identities'."""
        identities = self.identity[numbers].tolist() if name in (*KEY, "person") else []
        if name == "person":
            return pa.array([self.persons[identity] for identity in identities], pa.string())
        if name in KEY:
            at = KEY.index(name)
            return pa.array([self.keys[identity][at] for identity in identities], pa.string())
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
    parts: dict[str, list[pa.Array]] = {name: [] for name in (*OWN, *NUMBERS)}
    persons: dict[IdentityKey, str] = {}
    runs: list[tuple[IdentityKey, int]] = []  # identities one after the other, and how many faces each has there
    references: dict[int, tuple[int, ...]] = {}
    count = 0
    for number in range(work.count()):
        table = read_shard(work, number, ["status", "perceptual_hash", "picture", *KEY, "person", *OWN, *NUMBERS])
        good = pc.and_(pc.equal(table["status"], "spare"), pc.is_valid(table["yaw"]))
        rows, table = pc.indices_nonzero(good).to_numpy(), table.filter(good)
        new = slice(count, count + table.num_rows)
        shard[new], row[new] = number, rows
        hashes[new] = table["perceptual_hash"].to_numpy()
        pictures[new] = np.frombuffer(b"".join(table["picture"].to_pylist()), np.uint8).reshape(-1, PICTURE * PICTURE)
        given = given_pairs(work, number) if table.num_rows else {}
        references |= {count + at: tuple(given[one]) for at, one in enumerate(rows.tolist()) if one in given}
        for name in parts:
            parts[name] += table[name].chunks
        whose = zip(*(table[name].to_pylist() for name in (*KEY, "person")), strict=True)
        for (*key, person), same in groupby(whose):
            runs.append(((key[0], key[1], key[2]), sum(1 for _ in same)))
            persons.setdefault(runs[-1][0], person)
        count += table.num_rows
    keys = tuple(sorted(persons))
    place = {key: number for number, key in enumerate(keys)}
    identity = np.repeat(np.array([place[key] for key, _ in runs], np.int32), [size for _, size in runs])
    in_order = tuple(persons[key] for key in keys)
    faces = Faces(shard[:count], row[:count], _whole(parts), identity, keys, in_order, references)
    return faces, Prints(hashes[:count], pictures[:count])


def _whole(parts: dict[str, list[pa.Array]]) -> pa.Table:
    """A table of columns in parts. Those of one are let go before the next is put together, or all would be twice."""
    columns = {}
    for name in tuple(parts):
        columns[name] = pa.chunked_array(parts.pop(name), SHARD.field(name).type).combine_chunks()
        pa.default_memory_pool().release_unused()
    return pa.table(columns)
