"""From examined faces to pairs: remove wrong persons and copies, select guide and targets, split by person.

Holds columns of the candidates of all identities (at most 24 of each), and their pictures while copies are looked for.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from gfr_data.examination.decisions import GUIDE
from gfr_data.examination.work import Work
from gfr_data.pairs.candidates import Entry, Faces, IdentityKey, Prints, read_faces
from gfr_data.pairs.guide import SelectionRules, may_be_target, rank_guides, select
from gfr_data.pairs.label_noise import Asked, LabelNoise, find_noise
from gfr_data.pairs.splits import Group, Place, assign_splits, home, precedence
from gfr_data.quality.copies import find_copies
from gfr_data.sources.names import order_of
from gfr_data.sources.source import Source


@dataclass(frozen=True, slots=True)
class Pair:
    """Faces by their numbers."""

    split: str
    target: int
    guide: int
    more: tuple[int, ...] = ()  # further guides, the fittest first


@dataclass(frozen=True)
class Choice:
    faces: Faces
    pairs: tuple[Pair, ...]  # by dataset, subset, identity; an identity's targets in the order they were chosen
    copies: dict[int, str]  # face that is a copy -> 'dataset/path' of the photograph that is kept
    excluded: dict[IdentityKey, Place]  # identities whose person is in another split
    without_pair: Counter[str]  # reason -> identities that gave no pair
    noise: LabelNoise = field(default_factory=LabelNoise)

    def roles(self) -> list[str | None]:
        """'guide' or 'target' of each face that is selected, None of the others."""
        roles: list[str | None] = [None] * len(self.faces)
        for pair in self.pairs:
            for number in pair.more:
                roles[number] = "guide"
        for pair in self.pairs:
            roles[pair.target] = "target"
        for pair in self.pairs:
            roles[pair.guide] = "guide"
        return roles


@dataclass(frozen=True, slots=True)
class Selected:
    """What an identity gives."""

    guided: tuple[tuple[int, tuple[int, ...]], ...]  # a target and its guides each, in the order they were chosen
    reason: str | None  # why there is no pair


def choose_pairs(
    work: Work, sources: Sequence[Source], rules: SelectionRules, seed: int, asked: Asked | None = None
) -> Choice:
    """Which of the examined faces become pairs of which split, and why the others do not.

    asked: who tells persons apart; None where nobody does.
    """
    layouts = {source.dataset: source.layout for source in sources}
    faces, prints = read_faces(work)
    noise = LabelNoise() if asked is None else find_noise(work, faces, layouts, seed, asked)
    among = np.ones(len(faces), bool)
    among[list(noise.reasons)] = False
    copies = _copies(faces, prints, layouts, seed, among)
    del prints  # most of the memory
    among[list(copies)] = False
    selected = dict(_select(faces, among, layouts, rules))
    giving = [number for number, one in selected.items() if one.guided]
    groups = [_group(faces, number, len(selected[number].guided), layouts) for number in giving]
    pairs: list[Pair] = []
    excluded: dict[IdentityKey, Place] = {}
    for number, place in zip(giving, assign_splits(groups, seed), strict=True):
        if place.split is None:
            excluded[faces.keys[number]] = place
        else:
            guided = selected[number].guided
            pairs += [Pair(place.split, target, guides[0], guides[1:]) for target, guides in guided]
    reasons = [one.reason for one in selected.values()] + [place.reason for place in excluded.values()]
    known = Counter(reason for reason in reasons if reason is not None) + noise.identities
    return Choice(faces, tuple(pairs), copies, excluded, known, noise)


def _group(faces: Faces, number: int, pairs: int, layouts: dict[str, str]) -> Group:
    dataset, subset, identity = faces.keys[number]
    return Group(dataset, layouts[dataset], subset, identity, faces.persons[number], pairs)


def _select(
    faces: Faces, among: np.ndarray, layouts: dict[str, str], rules: SelectionRules
) -> Iterator[tuple[int, Selected]]:
    """The number of each identity that has a face `among` (N,) bool, and what it gives."""
    entries = faces.entries(faces.by_identity(among))
    for _, group in groupby(entries, key=lambda entry: entry.identity_key):
        own = list(group)
        choose = _given if layouts[own[0].dataset] == "mapping" else _best
        yield int(faces.identity[own[0].number]), choose(own, rules)


def _copies(faces: Faces, prints: Prints, layouts: dict[str, str], seed: int, among: np.ndarray) -> dict[int, str]:
    """Copies among some faces. Of two, that of the earlier split (`train` first) is kept, then the better one.

    One that a person kept is none of another of its identity; of one elsewhere it is, for no photograph has two splits.
    """
    order = _ranked(faces, layouts, seed)
    order = order[among[order]]
    found = find_copies(prints.hashes[order], prints.pictures, order)
    copy, kept = order[found >= 0], order[found[found >= 0]]
    same = faces.identity[copy] == faces.identity[kept]
    decided = faces.column("decision", copy).is_valid().to_numpy(zero_copy_only=False)
    names = zip(faces.column("dataset", kept).to_pylist(), faces.column("source_path", kept).to_pylist(), strict=True)
    return {
        number: f"{dataset}/{path}"
        for number, (dataset, path), keep in zip(copy.tolist(), names, (same & decided).tolist(), strict=True)
        if not keep
    }


def _ranked(faces: Faces, layouts: dict[str, str], seed: int) -> np.ndarray:
    """The faces, (N,) int64, in the order in which they are kept: by split, quality, identity, path."""
    homes = (
        home(layouts[dataset], dataset, subset, person, seed)
        for (dataset, subset, _), person in zip(faces.keys, faces.persons, strict=True)
    )
    split = np.fromiter(map(precedence, homes), np.int8, len(faces.keys))[faces.identity]
    quality = faces.columns["quality"].to_numpy()
    order = np.lexsort((faces.identity, -quality, split))
    same = (np.diff(faces.identity[order]) == 0) & (np.diff(quality[order]) == 0) & (np.diff(split[order]) == 0)
    # Of one identity and equally good: few, and only their order asks for paths.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        equal = order[first : last + 1]
        places = [order_of(path) for path in faces.column("source_path", equal).to_pylist()]
        order[first : last + 1] = equal[sorted(range(len(equal)), key=places.__getitem__)]
    return order


def _best(faces: list[Entry], rules: SelectionRules) -> Selected:
    """The identity's best frontal face as the guide of others of its best, which are one another's further guides."""
    wanted = {entry.face.key for entry in faces if entry.decision == GUIDE}
    selection = select([entry.face for entry in faces], rules, wanted)
    if selection.guide is None:
        return Selected((), selection.reason)
    number = {id(entry.face): entry.number for entry in faces}
    guided = []
    for target in selection.targets:
        others = rank_guides(target, [face for face in selection.targets if face is not target], rules)
        guided.append((number[id(target)], tuple(number[id(face)] for face in (selection.guide, *others))))
    return Selected(tuple(guided), None)


def _given(faces: list[Entry], rules: SelectionRules) -> Selected:
    """The targets that were given and may be one, each with its acceptable references, the fittest first."""
    by_row = {entry.row: entry for entry in faces}
    guided = []
    for target in (face for face in faces if may_be_target(face.face, rules)):
        others = {entry.face.key: entry for row in target.references if (entry := by_row.get(row)) is not None}
        ranked = rank_guides(target.face, [entry.face for entry in others.values()], rules)
        if ranked := sorted(ranked, key=lambda face: others[face.key].decision != GUIDE):
            guided.append((target.number, tuple(others[face.key].number for face in ranked)))
    reason = "no_guide" if any(entry.references for entry in faces) else "too_few_faces"
    return Selected(tuple(guided), None if guided else reason)
