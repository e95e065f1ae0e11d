"""No person is in two splits, the paper's datasets go where the paper sends them, and order changes nothing."""

import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.pairs.splits import Group, assign_splits, draw_persons

KINDS = [("vggface2", "train"), ("vggface2", "test"), ("casia-webface", ""), ("lfw", ""), ("folder", "")]
groups_of_few_persons = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 15), st.integers(1, 4)), min_size=1, max_size=40
).map(
    lambda drawn: [
        Group(kind, kind, subset, f"identity{number}", f"person {person}", pairs)
        for number, ((kind, subset), person, pairs) in enumerate(drawn)
    ]
)


@settings(max_examples=200)
@given(groups_of_few_persons, st.integers(0, 3), st.randoms())
def test_no_person_is_in_two_splits_in_any_order(groups: list[Group], seed: int, shuffle: random.Random) -> None:
    places = assign_splits(groups, seed)
    where = defaultdict(set)
    for group, place in zip(groups, places, strict=True):
        if place.split is not None:
            where[group.person].add(place.split)
    assert all(len(splits) == 1 for splits in where.values())
    for group, place in zip(groups, places, strict=True):
        if place.split is None:
            assert {place.persons_split} == where[group.person]
            assert place.reason == ("person_in_train" if place.persons_split == "train" else "person_in_other_split")
    mixed = list(range(len(groups)))
    shuffle.shuffle(mixed)
    assert [places[number] for number in mixed] == assign_splits([groups[number] for number in mixed], seed)


@given(groups_of_few_persons)
def test_training_person_stays_in_train(groups: list[Group]) -> None:
    places = assign_splits(groups, seed=0)
    training = {g.person for g in groups if (g.layout, g.subset) == ("vggface2", "train")}
    for group, place in zip(groups, places, strict=True):
        if group.person in training:
            # Only where nothing else gives `val` may a training person be there, and then wholly.
            assert place.split in {"train", "val", None}


def casia(persons: int, pairs: int) -> list[Group]:
    return [Group("casia-webface", "casia-webface", "", str(n), f"p {n}", pairs) for n in range(persons)]


def test_paper_sends_vggface2_and_casia_where_it_says() -> None:
    groups = [
        Group("vggface2", "vggface2", "train", "n1", "a", 4),
        Group("vggface2", "vggface2", "test", "n2", "b", 4),
        *casia(50, 4),
    ]
    splits = [place.split for place in assign_splits(groups, seed=0)]
    assert splits[:2] == ["train", "test-vggface2"]
    assert set(splits[2:]) == {"val", "test-webface"}


def test_casia_of_the_papers_size_gives_its_200_and_1455_pairs() -> None:
    groups = casia(331, 5)
    places = assign_splits(groups, seed=0)
    counts = defaultdict(int)
    for group, place in zip(groups, places, strict=True):
        counts[place.split] += group.pairs
    assert counts == {"val": 200, "test-webface": 1455}


@pytest.mark.parametrize("persons", [2, 3, 10])
def test_small_casia_still_gives_validation_and_test(persons: int) -> None:
    splits = {place.split for place in assign_splits(casia(persons, 4), seed=0)}
    assert splits == {"val", "test-webface"}


def test_person_of_both_datasets_is_kept_in_train_alone() -> None:
    groups = [Group("vggface2", "vggface2", "train", "n2", "barack obama", 4), *casia(3, 2)]
    groups.append(Group("casia-webface", "casia-webface", "", "104", "barack obama", 3))
    last = assign_splits(groups, seed=0)[-1]
    assert (last.split, last.reason, last.persons_split) == (None, "person_in_train", "train")


def test_without_another_source_training_persons_give_validation() -> None:
    groups = [Group("vggface2", "vggface2", "train", f"n{n}", f"p {n}", 4) for n in range(100)]
    splits = [place.split for place in assign_splits(groups, seed=0)]
    assert (splits.count("val"), splits.count("train")) == (5, 95)


def test_single_training_person_is_not_taken_for_validation() -> None:
    groups = [Group("vggface2", "vggface2", "train", "n1", "a", 4)]
    assert assign_splits(groups, seed=0)[0].split == "train"


def test_other_datasets_are_dealt_by_person_and_nobody_moves_when_others_come() -> None:
    groups = [Group("lfw", "lfw", "", f"i{n}", f"person {n}", 1) for n in range(2000)]
    places = [place.split for place in assign_splits(groups, seed=0)]
    assert 1500 < places.count("train") < 1700
    assert 150 < places.count("val") < 250
    assert 150 < places.count("test-lfw") < 250
    assert [place.split for place in assign_splits(groups[:1000], seed=0)] == places[:1000]


def test_seed_deals_anew() -> None:
    groups = [Group("lfw", "lfw", "", f"i{n}", f"person {n}", 1) for n in range(50)]
    assert assign_splits(groups, seed=0) != assign_splits(groups, seed=1)


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 6), min_size=1, max_size=30), st.integers(0, 40))
def test_persons_are_taken_whole_up_to_the_limit(sizes: dict[str, int], limit: int) -> None:
    chosen = draw_persons(sizes, limit, seed=0)
    assert chosen
    assert len(chosen) == 1 or sum(sizes[person] for person in chosen) <= limit
