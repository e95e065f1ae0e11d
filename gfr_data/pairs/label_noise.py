"""Labels that are wrong: faces of another person, identities that are nobody's, persons who have two identities."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gfr_data.examination.row import read_shard
from gfr_data.examination.work import Work
from gfr_data.faces.embedding import Cosines, from_bytes
from gfr_data.pairs.candidates import Faces
from gfr_data.pairs.splits import home, precedence
from gfr_data.quality.persons import PersonRules, find_same, judge_identity

WRONG, MIXED, SAME = "wrong_person", "mixed_identity", "same_person"


@dataclass(frozen=True)
class Asked:
    """Who tells persons apart."""

    cosines: Cosines
    rules: PersonRules


@dataclass(frozen=True)
class LabelNoise:
    """Faces by their numbers."""

    reasons: dict[int, tuple[str, str]] = field(default_factory=dict)  # reason and message of a face that falls out
    likeness: dict[int, float] = field(default_factory=dict)  # to the other faces of its identity
    identities: Counter[str] = field(default_factory=Counter)  # reason -> identities that fell out as a whole


@dataclass(frozen=True, slots=True)
class _Standing:
    """An identity that is one person, under its name as far as is known."""

    identity: int
    faces: np.ndarray  # (n,) int64, their numbers
    mean: np.ndarray  # of their embeddings, (D,) float32
    own: float  # their likeness to each other


def find_noise(work: Work, faces: Faces, layouts: dict[str, str], seed: int, asked: Asked) -> LabelNoise:
    """Which of `faces` fall out, for the embeddings of others tell that their label is wrong.

    One that a person kept never does, and says who its identity is: that is not given up for another then. Holds the
    embeddings of one shard, and one for each identity.
    """
    noise, standing = LabelNoise(), []
    for numbers, embeddings, sure in _identities(work, faces):
        if (one := _judged(faces, numbers, embeddings, sure, asked, noise)) is not None:
            standing.append(one)
    if standing:
        _give_up_same(faces, standing, layouts, seed, asked, noise)
    return noise


def _identities(work: Work, faces: Faces) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each identity the numbers of its faces (n,), their embeddings (n, D) and whether a person kept them (n,)."""
    for shard in range(work.count()):
        own = np.arange(len(faces))[faces.of_shard(shard)]
        if not len(own):
            continue
        codes = read_shard(work, shard, ["embedding"])["embedding"].take(pa.array(faces.row[own]))
        embeddings = from_bytes(codes.to_pylist())
        sure = faces.column("decision", own).is_valid().to_numpy(zero_copy_only=False)
        edges = np.flatnonzero(np.diff(faces.identity[own])) + 1
        yield from zip(*(np.split(values, edges) for values in (own, embeddings, sure)), strict=True)


def _judged(
    faces: Faces, numbers: np.ndarray, embeddings: np.ndarray, sure: np.ndarray, asked: Asked, noise: LabelNoise
) -> _Standing | None:
    """Note in `noise` what is wrong within an identity; what stands, where it is to be compared with others."""
    embeddings = embeddings.astype(np.float64)
    judged = judge_identity(embeddings, sure, asked.cosines, asked.rules)
    known = ~np.isnan(judged.likeness)
    noise.likeness.update(zip(numbers[known].tolist(), judged.likeness[known].tolist(), strict=True))
    if judged.mixed:
        message = f"the most that are one person are {judged.person.sum()} of {len(numbers)}"
        noise.reasons.update(dict.fromkeys(numbers.tolist(), (MIXED, message)))
        noise.identities[MIXED] += 1
        return None
    wrong = zip(numbers[~judged.person].tolist(), judged.likeness[~judged.person].tolist(), strict=True)
    others = judged.person.sum()
    noise.reasons.update(
        {number: (WRONG, f"likeness {likeness:.2f} to {others} others of the identity") for number, likeness in wrong}
    )
    if sure.any() or others < 2:  # one photograph is too little to tell
        return None
    mean = embeddings[judged.person].mean(axis=0).astype(np.float32)
    own = float(judged.likeness[judged.person].mean())
    return _Standing(int(faces.identity[numbers[0]]), numbers[judged.person], mean, own)


def _give_up_same(
    faces: Faces, standing: list[_Standing], layouts: dict[str, str], seed: int, asked: Asked, noise: LabelNoise
) -> None:
    """Of two identities that are one person keep the one of the earlier split (`train` first), then the larger one."""

    def rank(one: _Standing) -> tuple[int, int, int]:
        dataset, subset, _ = faces.keys[one.identity]
        at = home(layouts[dataset], dataset, subset, faces.persons[one.identity], seed)
        return precedence(at), -len(one.faces), one.identity

    ranked = sorted(standing, key=rank)
    names = [faces.persons[one.identity] for one in ranked]
    own = np.array([one.own for one in ranked], np.float32)
    found = find_same(np.stack([one.mean for one in ranked]), own, names, asked.cosines, asked.rules)
    for one, same in zip(ranked, found.tolist(), strict=True):
        if same >= 0:
            message = "the person of " + "/".join(filter(None, faces.keys[ranked[same].identity]))
            noise.reasons.update(dict.fromkeys(one.faces.tolist(), (SAME, message)))
            noise.identities[SAME] += 1
