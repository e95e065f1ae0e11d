"""Does a label name one person, and always the same? Embeddings of an identity's faces against one another.

All is measured as likeness: the mean cosine of a face, or of all faces of an identity, with those of another, on a
scale on which two strangers' photographs are at 0 and two of one person at 1 on average. A mean of cosines does not
depend on how many there are, as the cosine with a centre of length 1 would.

Nothing of the size of faces x faces, or of identities x identities, is ever held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic.dataclasses import dataclass as settings

from gfr_data.faces.embedding import Cosines
from manifests.settings import FORBID, NotNegative, Share, about

BLOCK = 1024  # rows that are compared with all others at a time
ROUNDS = 3  # of finding an identity's person anew from the faces that are like it


@settings(frozen=True, config=FORBID)
class PersonRules:
    """Calibrated on people with labels that were swapped (tests/benchmarks/persons.md)."""

    likeness: Annotated[NotNegative, about("least likeness of a face to the other faces of its identity")] = 0.4
    majority: Annotated[Share, about("least share of an identity's faces that must be one person")] = 0.6
    same: Annotated[NotNegative, about("likeness of two identities, over their own, from which on they are one")] = 0.95


@dataclass(frozen=True)
class Judged:
    """What an identity's faces are."""

    likeness: np.ndarray  # (n,) float32, of each face to the others that are the person; NaN where there are none
    person: np.ndarray  # (n,) bool: is the identity's person
    mixed: bool  # no person has the majority


def judge_identity(embeddings: np.ndarray, sure: np.ndarray, cosines: Cosines, rules: PersonRules) -> Judged:
    """Who of an identity's faces (n, D) float64, each of length 1, is its person: the one whom most of them show.

    sure: (n,) bool, faces that somebody said to be the person; where there are any, they alone tell who it is.
    """
    if len(embeddings) < 2:
        return Judged(np.full(len(embeddings), np.nan, np.float32), np.ones(len(embeddings), bool), False)
    core = sure if sure.any() else _most_alike(embeddings, cosines, rules)
    for _ in range(ROUNDS):
        likeness = _likeness(embeddings, core, cosines)
        person = ~(likeness < rules.likeness) | sure  # a face without others to be compared with stays
        if sure.any() or (person == core).all():
            break
        core = person
    return Judged(likeness, person, not sure.any() and person.mean() < rules.majority)


def find_same(
    means: np.ndarray, own: np.ndarray, names: Sequence[str], cosines: Cosines, rules: PersonRules
) -> np.ndarray:
    """For each identity the index of the earlier one that is the same person under another name, or -1; (N,) int64.

    The identities come with those to keep first, and only what is like a kept one is given up.

    means: (N, D) float32, the mean of each one's embeddings. own: (N,) the likeness of its faces to each other.
    names: of its person; equal ones are not compared.
    """
    same = np.full(len(means), -1, dtype=np.int64)
    for start in range(0, len(means), BLOCK):
        stop = start + BLOCK
        block = between(means[start:stop], own[start:stop], means[:stop], own[:stop], cosines)
        for row, first in zip(*np.nonzero(block >= rules.same), strict=True):  # by rows: of `first` all is known
            second = start + row
            if first < second and same[second] < 0 and same[first] < 0 and names[first] != names[second]:
                same[second] = first
    return same


def between(
    means: np.ndarray, own: np.ndarray, other_means: np.ndarray, others_own: np.ndarray, cosines: Cosines
) -> np.ndarray:
    """The likeness of N identities with M others over what each is like itself, (N, M): 1 where they are one person.

    Of a person whose own photographs are little alike, those of two identities are no more so.
    """
    return _scaled(means @ other_means.T, cosines) / np.sqrt(own[:, None] * others_own[None])


def _most_alike(embeddings: np.ndarray, cosines: Cosines, rules: PersonRules) -> np.ndarray:
    """The face that is like most others, and these; (n,) bool."""
    starts = range(0, len(embeddings), BLOCK)
    blocks = (_scaled(embeddings[start : start + BLOCK] @ embeddings.T, cosines) for start in starts)
    centre = int(np.argmax(np.concatenate([(block >= rules.likeness).sum(axis=1) for block in blocks])))
    core: np.ndarray = _scaled(embeddings @ embeddings[centre], cosines) >= rules.likeness
    core[centre] = True
    return core


def _likeness(embeddings: np.ndarray, core: np.ndarray, cosines: Cosines) -> np.ndarray:
    """Mean likeness of each face with the others of `core`, (n,) float32."""
    others = core.sum() - core
    total = embeddings @ embeddings[core].sum(axis=0) - core * np.square(embeddings).sum(axis=1)
    return np.where(others > 0, _scaled(total / np.maximum(others, 1), cosines), np.nan).astype(np.float32)


def _scaled(cosine: np.ndarray, cosines: Cosines) -> np.ndarray:
    return np.asarray((cosine - cosines.strangers) / (cosines.person - cosines.strangers), cosine.dtype)
