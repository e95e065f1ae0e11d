"""The pairs of a split as a run needs them, read from `pairs.parquet` a row group at a time."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from manifests import PAIRS, PAIRS_FILE, read_parts

COLUMNS = [
    "pair_id",
    "split",
    "person",
    *(f"{role}_{name}" for role in ("target", "guide") for name in ("path", "hash", "landmarks")),
]


@dataclass(frozen=True)
class PairTable:
    """The pairs of one split, in the manifest's order. Crops are named once, however many pairs share them."""

    folder: Path
    pair_ids: tuple[str, ...]
    paths: tuple[str, ...]  # of the distinct crops, relative to `folder`
    digests: tuple[str, ...]  # of their files
    rows: np.ndarray  # (M,) int64, row of the manifest where each path stands first
    targets: int  # paths that stand there as a target's come first, then those of guides alone
    target: np.ndarray  # (N,) int64, index into `paths`
    guide: np.ndarray  # (N,) int64, index into `paths`
    crop_points: np.ndarray  # (M, 68, 2) float32, crop px
    crop_persons: np.ndarray  # (M,) int64: crops of equal numbers show one person

    def __len__(self) -> int:
        return len(self.pair_ids)

    @property
    def target_points(self) -> np.ndarray:
        """The targets' landmarks, (N, 68, 2) float32, crop px."""
        return self.crop_points[self.target]

    @property
    def guide_points(self) -> np.ndarray:
        """The guides' landmarks, (N, 68, 2) float32, crop px."""
        return self.crop_points[self.guide]

    def where(self, index: int) -> str:
        """Where a path stands, for messages: 'row 3, target_path'."""
        return f"row {self.rows[index]}, {'target' if index < self.targets else 'guide'}_path"

    @functools.cached_property
    def _by_person(self) -> list[np.ndarray]:
        order = np.argsort(self.crop_persons, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.crop_persons[order])) + 1)

    def crops_of(self, person: int) -> np.ndarray:
        """The crops of one person, indices into `paths`."""
        return self._by_person[person]


@dataclass
class _Crops:
    """The crops of a role, each once, in the order in which they come."""

    points: np.ndarray  # (N, 68, 2) float32, as many as there may be; what is not filled takes no memory
    index: np.ndarray  # (N,) int64, the crop of each pair
    known: dict[str, int] = field(default_factory=dict)  # path -> number
    digests: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)

    def add(self, at: int, rows: Sequence[int], role: str, chosen: pa.Table, persons: Sequence[int]) -> None:
        """The crops of some pairs, the first of which is number `at`."""
        points = chosen.column(f"{role}_landmarks").combine_chunks().flatten().to_numpy().reshape(-1, 68, 2)
        names, digests = (chosen.column(f"{role}_{name}").to_pylist() for name in ("path", "hash"))
        for place, (row, name, digest, person) in enumerate(zip(rows, names, digests, persons, strict=True)):
            number = self.known.setdefault(name, len(self.known))
            if number == len(self.digests):
                self.digests.append(digest)
                self.rows.append(row)
                self.persons.append(person)
            self.points[number] = points[place]
            self.index[at + place] = number


def read_pair_table(folder: Path, rows: Sequence[int] | np.ndarray) -> PairTable:
    """The pairs in some rows, ascending, of a folder's manifest. Raises DataError as `read_parts` does."""
    wanted = np.asarray(rows, np.int64)
    roles = {
        role: _Crops(np.empty((len(wanted), 68, 2), np.float32), np.empty(len(wanted), np.int64))
        for role in ("target", "guide")
    }
    pair_ids: list[str] = []
    known: dict[str, int] = {}
    for first, part in read_parts(folder / PAIRS_FILE, PAIRS, COLUMNS, wanted):
        own = wanted[slice(*np.searchsorted(wanted, [first, first + part.num_rows]))]
        chosen = part.take(pa.array(own - first))
        persons = [known.setdefault(name, len(known)) for name in chosen.column("person").to_pylist()]
        for role, crops in roles.items():
            crops.add(len(pair_ids), own.tolist(), role, chosen, persons)
        pair_ids += chosen.column("pair_id").to_pylist()
    return _joined(folder, pair_ids, roles["target"], roles["guide"])


def _joined(folder: Path, pair_ids: list[str], targets: _Crops, guides: _Crops) -> PairTable:
    """One list of both roles' crops: the targets, then the guides that are no targets."""
    count = len(targets.known)
    places = np.array([targets.known.get(name, -1) for name in guides.known], np.int64)
    alone = places < 0
    places[alone] = count + np.arange(alone.sum())
    points = np.empty((count + int(alone.sum()), 68, 2), np.float32)
    points[:count] = targets.points[:count]
    points[places] = guides.points[: len(places)]
    persons = np.empty(len(points), np.int64)
    persons[:count] = targets.persons
    persons[places] = guides.persons
    lone = np.flatnonzero(alone).tolist()
    names = list(guides.known)
    return PairTable(
        folder=folder,
        pair_ids=tuple(pair_ids),
        paths=(*targets.known, *(names[at] for at in lone)),
        digests=(*targets.digests, *(guides.digests[at] for at in lone)),
        rows=np.array([*targets.rows, *(guides.rows[at] for at in lone)], np.int64),
        targets=count,
        target=targets.index,
        guide=places[guides.index],
        crop_points=points,
        crop_persons=persons,
    )
