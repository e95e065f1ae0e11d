"""From examined faces to pairs: remove copies, select an identity's guide and targets, split by person.

Holds the candidates of all identities (at most 24 of each), not the photographs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import pyarrow.compute as pc

from gfr_data.examination.decisions import GUIDE
from gfr_data.examination.index import given_pairs
from gfr_data.examination.row import read_shard
from gfr_data.examination.work import Work
from gfr_data.pairs.guide import Candidate, SelectionRules, may_be_target, rank_guides, select
from gfr_data.pairs.splits import Group, Place, assign_splits, home, precedence
from gfr_data.quality.copies import find_copies
from gfr_data.sources.names import order_of
from gfr_data.sources.source import Source

IdentityKey = tuple[str, str, str]  # dataset, subset, identity
RowKey = tuple[int, int]  # shard, row in the shard

_COLUMNS = ["dataset", "subset", "identity", "person", "source_path", "perceptual_hash", "picture", "decision"]
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
    references: tuple[RowKey, ...] = ()  # where pairs are given: those of this target
    decision: str | None = None  # 'keep' or 'guide' where a person decided so

    @property
    def identity_key(self) -> IdentityKey:
        return self.dataset, self.subset, self.identity


@dataclass(frozen=True)
class Pair:
    split: str
    target: Entry
    guide: Entry
    more: tuple[Entry, ...] = ()  # further guides, the fittest first


@dataclass(frozen=True)
class Choice:
    pairs: tuple[Pair, ...]  # by dataset, subset, identity; an identity's targets in the order they were chosen
    copies: dict[RowKey, str]  # copy -> 'dataset/path' of the photograph that is kept
    excluded: dict[IdentityKey, Place]  # identities whose person is in another split
    without_pair: Counter[str]  # reason -> identities that gave no pair

    def roles(self) -> dict[RowKey, str]:
        """'guide' or 'target' of each selected row."""
        further = {entry.row: "guide" for pair in self.pairs for entry in pair.more}
        targets = {pair.target.row: "target" for pair in self.pairs}
        return further | targets | {pair.guide.row: "guide" for pair in self.pairs}


@dataclass(frozen=True)
class Selected:
    """What an identity gives."""

    guided: tuple[tuple[Entry, tuple[Entry, ...]], ...]  # a target and its guides each, in the order they were chosen
    reason: str | None  # why there is no pair


def choose_pairs(entries: Sequence[Entry], sources: Sequence[Source], rules: SelectionRules, seed: int) -> Choice:
    """Which faces become pairs of which split, and why the others do not."""
    layouts = {source.dataset: source.layout for source in sources}
    copies = _copies(entries, layouts, seed)
    kept = sorted((entry for entry in entries if entry.row not in copies), key=lambda entry: entry.identity_key)
    selected: dict[IdentityKey, Selected] = {}
    for whose, group in groupby(kept, key=lambda entry: entry.identity_key):
        choose = _given if layouts[whose[0]] == "mapping" else _best
        selected[whose] = choose(list(group), rules)
    giving = [one for one in selected.values() if one.guided]
    places = assign_splits([_group(one, layouts) for one in giving], seed)
    pairs: list[Pair] = []
    excluded: dict[IdentityKey, Place] = {}
    for one, place in zip(giving, places, strict=True):
        if place.split is None:
            excluded[one.guided[0][0].identity_key] = place
        else:
            pairs += [Pair(place.split, target, guides[0], guides[1:]) for target, guides in one.guided]
    reasons = [one.reason for one in selected.values()] + [place.reason for place in excluded.values()]
    return Choice(tuple(pairs), copies, excluded, Counter(reason for reason in reasons if reason is not None))


def _group(one: Selected, layouts: dict[str, str]) -> Group:
    whose = one.guided[0][0]
    layout = layouts[whose.dataset]
    return Group(whose.dataset, layout, whose.subset, whose.identity, whose.person, len(one.guided))


def read_entries(work: Work) -> list[Entry]:
    """The acceptable faces with landmarks of all shards."""
    entries: list[Entry] = []
    for number in range(work.count()):
        table = read_shard(work, number, ["status", *_COLUMNS, *_NUMBERS])
        given = given_pairs(work, number)
        rows = pc.indices_nonzero(pc.and_(pc.equal(table["status"], "spare"), pc.is_valid(table["yaw"])))
        for row, face in zip(rows.to_pylist(), table.take(rows).to_pylist(), strict=True):
            dataset, subset, identity, person, path, code, picture, decision = (face[name] for name in _COLUMNS)
            candidate = Candidate(path, **{name: face[name] for name in _NUMBERS})
            own = tuple((number, other) for other in given.get(row, ()))
            who = dataset, subset, identity, person
            entries.append(Entry((number, row), *who, candidate, code, picture, own, decision))
    return entries


def _copies(entries: Sequence[Entry], layouts: dict[str, str], seed: int) -> dict[RowKey, str]:
    """Copies among all entries. Of two, that of the earlier split (`train` first) is kept, then the better one.

    One that a person kept is none of another of its identity; of one elsewhere it is, for no photograph has two splits.
    """

    def rank(entry: Entry) -> tuple[int, float, IdentityKey, tuple[str, str]]:
        at = home(layouts[entry.dataset], entry.dataset, entry.subset, entry.person, seed)
        return precedence(at), -entry.face.quality, entry.identity_key, order_of(entry.face.key)

    ranked = sorted(entries, key=rank)
    found = find_copies([entry.hash for entry in ranked], [entry.picture for entry in ranked])
    return {
        entry.row: f"{ranked[first].dataset}/{ranked[first].face.key}"
        for entry, first in zip(ranked, found.tolist(), strict=True)
        if first >= 0 and not (entry.decision and entry.identity_key == ranked[first].identity_key)
    }


def _best(faces: list[Entry], rules: SelectionRules) -> Selected:
    """The identity's best frontal face as the guide of others of its best, which are one another's further guides."""
    wanted = {entry.face.key for entry in faces if entry.decision == GUIDE}
    selection = select([entry.face for entry in faces], rules, wanted)
    if selection.guide is None:
        return Selected((), selection.reason)
    by_face = {id(entry.face): entry for entry in faces}
    guide = by_face[id(selection.guide)]
    guided = []
    for target in selection.targets:
        others = rank_guides(target, [face for face in selection.targets if face is not target], rules)
        guided.append((by_face[id(target)], (guide, *(by_face[id(face)] for face in others))))
    return Selected(tuple(guided), None)


def _given(faces: list[Entry], rules: SelectionRules) -> Selected:
    """The targets that were given and may be one, each with its acceptable references, the fittest first."""
    by_row = {entry.row: entry for entry in faces}
    guided = []
    for target in (face for face in faces if may_be_target(face.face, rules)):
        others = {entry.face.key: entry for row in target.references if (entry := by_row.get(row)) is not None}
        ranked = rank_guides(target.face, [entry.face for entry in others.values()], rules)
        if ranked := sorted(ranked, key=lambda face: others[face.key].decision != GUIDE):
            guided.append((target, tuple(others[face.key] for face in ranked)))
    reason = "no_guide" if any(entry.references for entry in faces) else "too_few_faces"
    return Selected(tuple(guided), None if guided else reason)
