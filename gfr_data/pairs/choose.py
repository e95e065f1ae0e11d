"""From examined faces to pairs: remove copies, select an identity's guide and targets, split by person.

Holds the candidates of all identities (at most 24 of each), not the photographs.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import pyarrow.compute as pc

from gfr_data.examination.row import read_shard
from gfr_data.examination.work import Work
from gfr_data.pairs.guide import Candidate, Selection, SelectionRules, select
from gfr_data.pairs.splits import Group, Place, assign_splits, home, precedence
from gfr_data.quality.copies import find_copies
from gfr_data.sources.source import Source

IdentityKey = tuple[str, str, str]  # dataset, subset, identity
RowKey = tuple[int, int]  # shard, row in the shard

_COLUMNS = ["dataset", "subset", "identity", "person", "source_path", "perceptual_hash", "picture"]
_NUMBERS = [item.name for item in fields(Candidate) if item.name != "key"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An acceptable face with landmarks, and where its row is."""

    row: RowKey
    dataset: str
    subset: str
    identity: str
    person: str
    face: Candidate
    hash: int
    picture: bytes

    @property
    def identity_key(self) -> IdentityKey:
        return self.dataset, self.subset, self.identity


@dataclass(frozen=True)
class Pair:
    split: str
    target: Entry
    guide: Entry


@dataclass(frozen=True)
class Choice:
    pairs: tuple[Pair, ...]  # by dataset, subset, identity; an identity's targets in the order they were chosen
    copies: dict[RowKey, str]  # copy -> 'dataset/path' of the photograph that is kept
    excluded: dict[IdentityKey, Place]  # identities whose person is in another split
    without_pair: Counter[str]  # reason -> identities that gave no pair

    def roles(self) -> dict[RowKey, str]:
        """'guide' or 'target' of each selected row."""
        return {pair.target.row: "target" for pair in self.pairs} | {pair.guide.row: "guide" for pair in self.pairs}


def choose_pairs(entries: Sequence[Entry], sources: Sequence[Source], rules: SelectionRules, seed: int) -> Choice:
    """Which faces become pairs of which split, and why the others do not."""
    layouts = {source.dataset: source.layout for source in sources}
    copies = _copies(entries, layouts, seed)
    kept = sorted((entry for entry in entries if entry.row not in copies), key=lambda entry: entry.identity_key)
    selected: dict[IdentityKey, tuple[list[Entry], Selection]] = {}
    for whose, group in groupby(kept, key=lambda entry: entry.identity_key):
        faces = list(group)
        selected[whose] = faces, select([entry.face for entry in faces], rules)
    giving = [(faces[0], selection) for faces, selection in selected.values() if selection.guide is not None]
    groups = [
        Group(entry.dataset, layouts[entry.dataset], entry.subset, entry.identity, entry.person, len(selection.targets))
        for entry, selection in giving
    ]
    places = assign_splits(groups, seed)
    pairs: list[Pair] = []
    excluded: dict[IdentityKey, Place] = {}
    for (entry, selection), place in zip(giving, places, strict=True):
        if place.split is None:
            excluded[entry.identity_key] = place
        else:
            pairs += _pairs(place.split, selected[entry.identity_key][0], selection)
    reasons = [selection.reason for _, selection in selected.values()] + [place.reason for place in excluded.values()]
    return Choice(tuple(pairs), copies, excluded, Counter(reason for reason in reasons if reason is not None))


def read_entries(work: Work) -> list[Entry]:
    """The acceptable faces with landmarks of all shards."""
    entries: list[Entry] = []
    for number in range(work.count()):
        table = read_shard(work, number, ["status", *_COLUMNS, *_NUMBERS])
        rows = pc.indices_nonzero(pc.and_(pc.equal(table["status"], "spare"), pc.is_valid(table["yaw"])))
        for row, face in zip(rows.to_pylist(), table.take(rows).to_pylist(), strict=True):
            dataset, subset, identity, person, path, code, picture = (face[name] for name in _COLUMNS)
            candidate = Candidate(path, **{name: face[name] for name in _NUMBERS})
            entries.append(Entry((number, row), dataset, subset, identity, person, candidate, code, picture))
    return entries


def _copies(entries: Sequence[Entry], layouts: dict[str, str], seed: int) -> dict[RowKey, str]:
    """Copies among all entries. Of two, that of the earlier split (`train` first) is kept, then the better one."""

    def rank(entry: Entry) -> tuple[int, float, str, str]:
        at = home(layouts[entry.dataset], entry.dataset, entry.subset, entry.person, seed)
        return precedence(at), -entry.face.quality, entry.dataset, entry.face.key

    ranked = sorted(entries, key=rank)
    found = find_copies([entry.hash for entry in ranked], [entry.picture for entry in ranked])
    return {
        entry.row: f"{ranked[first].dataset}/{ranked[first].face.key}"
        for entry, first in zip(ranked, found.tolist(), strict=True)
        if first >= 0
    }


def _pairs(split: str, faces: Iterable[Entry], selection: Selection) -> list[Pair]:
    by_face = {id(entry.face): entry for entry in faces}
    guide = by_face[id(selection.guide)]
    return [Pair(split, by_face[id(target)], guide) for target in selection.targets]
