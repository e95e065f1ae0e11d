"""Embeddings made of a direction for each person and noise tell who is who, however many faces there are."""

import numpy as np
import pytest

from gfr_data.faces.embedding import Cosines, as_bytes, from_bytes
from gfr_data.quality import persons
from gfr_data.quality.persons import PersonRules, find_same, judge_identity

SIZE = 64
COSINES = Cosines(0.0, 0.5)
RULES = PersonRules(likeness=0.4, majority=0.6, same=0.8)


def faces(*people: int, seed: int = 0) -> np.ndarray:
    """A face of each person named: two of one person have a cosine of about 0.5, two of others' of about 0."""
    rng = np.random.default_rng(seed)
    values = np.eye(SIZE)[list(people)] + rng.normal(0, SIZE**-0.5, (len(people), SIZE))
    return from_bytes([as_bytes(value) for value in values]).astype(np.float64)


def judged(*people: int, sure: tuple[int, ...] = ()) -> persons.Judged:
    return judge_identity(faces(*people), np.isin(np.arange(len(people)), sure), COSINES, RULES)


@pytest.mark.parametrize("people", [(0, 0, 1), (0, 0, 0, 0, 2), (1, 2, 2, 2, 2, 2, 1, 2, 2, 2, 3, 2)], ids=str)
def test_faces_of_others_are_found_where_most_are_one_person(people: tuple[int, ...]) -> None:
    found = judged(*people)
    most = max(people, key=people.count)
    assert found.person.tolist() == [one == most for one in people]
    assert not found.mixed
    assert found.likeness[found.person].min() > RULES.likeness > found.likeness[~found.person].max()


def test_the_likeness_of_a_face_does_not_depend_on_how_many_others_there_are() -> None:
    few, many = (np.median(judge_identity(faces(*[0] * n, seed=n), np.zeros(n, bool), COSINES, RULES).likeness)
                 for n in (3, 200))  # fmt: skip
    assert few == pytest.approx(1, abs=0.25)
    assert many == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("people", [(0, 1), (0, 0, 1, 1), (0, 0, 0, 1, 1, 1, 2), (0, 1, 2, 3, 4)], ids=str)
def test_an_identity_in_which_nobody_has_the_majority_is_mixed(people: tuple[int, ...]) -> None:
    assert judged(*people).mixed


def test_who_is_sure_says_who_the_identity_is() -> None:
    found = judged(0, 0, 0, 1, 1, sure=(3,))
    assert found.person.tolist() == [False, False, False, True, True]
    assert not found.mixed
    assert np.isnan(found.likeness[3])  # there is no other that it could be compared with
    alone = judged(0, 1, sure=(0, 1))
    assert alone.person.all()


def test_a_single_face_is_its_identity() -> None:
    found = judged(0)
    assert (found.person.tolist(), found.mixed, np.isnan(found.likeness).all()) == ([True], False, True)


@pytest.mark.parametrize("block", [3, 1024])
def test_a_person_with_two_identities_is_found_however_the_comparison_is_cut(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "BLOCK", block)
    who = (0, 1, 2, 0, 3, 2, 4, 0)
    means = np.stack([faces(*[one] * 6, seed=place).mean(axis=0) for place, one in enumerate(who)]).astype(np.float32)
    own = np.ones(len(who), np.float32)
    names = [f"name {place}" for place in range(len(who))]
    assert find_same(means, own, names, COSINES, RULES).tolist() == [-1, -1, -1, 0, -1, 2, -1, 0]
    names[3] = names[0]  # of one person by name already: the splits see to that
    assert find_same(means, own, names, COSINES, RULES).tolist() == [-1, -1, -1, -1, -1, 2, -1, 0]


def test_what_is_like_one_that_is_given_up_stays() -> None:
    """Otherwise a chain of ever less similar persons would lose all but the first."""
    steps = [np.cos(angle) * np.eye(SIZE)[0] + np.sin(angle) * np.eye(SIZE)[1] for angle in (0.0, 0.9, 1.8)]
    assert find_same(np.stack(steps), np.ones(3), list("abc"), COSINES, RULES).tolist() == [-1, 0, -1]


def test_an_identity_of_little_likeness_is_compared_by_its_own_measure() -> None:
    means = 0.5 * np.stack([np.eye(SIZE)[0], np.eye(SIZE)[0]])  # alike by a half
    assert find_same(means, np.array([1.0, 1.0]), list("ab"), COSINES, RULES).tolist() == [-1, -1]
    assert find_same(means, np.array([0.5, 0.6]), list("ab"), COSINES, RULES).tolist() == [-1, 0]


def test_embeddings_in_tables_keep_their_cosines() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 128))
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    kept = from_bytes([as_bytes(3 * value) for value in values])
    assert np.abs(kept @ kept.T - unit @ unit.T).max() < 1e-3
