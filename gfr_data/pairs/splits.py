"""Split identities by person: nobody is in two splits.

VGGFace2 and CASIA-WebFace go where the paper sends them (§4.1), given pairs where their tables send them. Persons of
other datasets are dealt 80/10/10 by a keyed hash of their name, so that adding photographs or datasets moves nobody.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from manifests.paper import PAPER_POOL, PAPER_VAL

TRAIN_SHARE, VAL_SHARE = 80, 10  # percent of the persons of other datasets
SPARE_VAL_PERCENT = 5  # of the training persons, where no source gives `val`

POOL = "casia-webface"  # a dataset that gives `val` and `test-webface`


@dataclass(frozen=True)
class Group:
    """An identity of which pairs were made."""

    dataset: str
    layout: str
    subset: str
    identity: str
    person: str
    pairs: int


@dataclass(frozen=True)
class Place:
    split: str | None  # None: excluded
    persons_split: str  # the split that has the person

    @property
    def reason(self) -> str | None:
        """Why it is excluded."""
        if self.split is not None:
            return None
        return "person_in_train" if self.persons_split == "train" else "person_in_other_split"


def home(layout: str, dataset: str, subset: str, person: str, seed: int) -> str:
    """Where an identity belongs before persons are compared: 'train', 'val', 'test-...'; 'pool' for CASIA-WebFace."""
    if layout == "vggface2":
        return "test-vggface2" if subset == "test" else "train"
    if layout == POOL:
        return "pool"
    if layout == "mapping" and subset:
        return f"test-{dataset}" if subset == "test" else subset
    draw = hashed(seed, "split", person) % 100
    if draw < TRAIN_SHARE:
        return "train"
    return "val" if draw < TRAIN_SHARE + VAL_SHARE else f"test-{dataset}"


def precedence(home_name: str) -> int:
    """Of two homes that have the same person or photograph, the one with the smaller number keeps it."""
    order = {"train": 0, "val": 1, "test-vggface2": 2, "pool": 4}
    return order.get(home_name, 3)


def assign_splits(groups: Sequence[Group], seed: int) -> list[Place]:
    """The split of each group, in their order; the result does not depend on that order otherwise."""
    homes = [home(g.layout, g.dataset, g.subset, g.person, seed) for g in groups]
    owner = _owners(groups, homes)
    kept = [at if owner[group.person] == at else None for group, at in zip(groups, homes, strict=True)]
    kept = _deal_pool(groups, kept, seed)
    if "val" not in kept:
        kept = _take_val_from_train(groups, kept, seed)
    final = {group.person: split for group, split in zip(groups, kept, strict=True) if split is not None}
    return [Place(split, final[group.person]) for group, split in zip(groups, kept, strict=True)]


def _owners(groups: Sequence[Group], homes: Sequence[str]) -> dict[str, str]:
    """Person -> the one home that keeps them."""
    best: dict[str, tuple[int, str]] = {}
    for group, at in zip(groups, homes, strict=True):
        rank = (precedence(at), at)
        best[group.person] = min(best.get(group.person, rank), rank)
    return {person: at for person, (_, at) in best.items()}


def _deal_pool(groups: Sequence[Group], splits: list[str | None], seed: int) -> list[str | None]:
    """Whole persons of CASIA-WebFace to `val`, up to 200 pairs and the paper's share 200/1655; the rest to the test."""
    sizes = _pairs_by_person(groups, splits, "pool")
    total = sum(sizes.values())
    limit = min(PAPER_VAL, -(-total * PAPER_VAL // PAPER_POOL))
    chosen = draw_persons(sizes, limit, seed) if len(sizes) > 1 else set()
    return [
        ("val" if group.person in chosen else "test-webface") if split == "pool" else split
        for group, split in zip(groups, splits, strict=True)
    ]


def _take_val_from_train(groups: Sequence[Group], splits: list[str | None], seed: int) -> list[str | None]:
    """5% of the training persons, at least one, at most 200 pairs; nobody where there is one person to train on."""
    sizes = _pairs_by_person(groups, splits, "train")
    if len(sizes) < 2:
        return splits
    persons = sorted(sizes, key=lambda person: hashed(seed, "val", person))
    few = {person: sizes[person] for person in persons[: max(1, len(sizes) * SPARE_VAL_PERCENT // 100)]}
    chosen = draw_persons(few, PAPER_VAL, seed)
    return [
        "val" if split == "train" and group.person in chosen else split
        for group, split in zip(groups, splits, strict=True)
    ]


def draw_persons(sizes: dict[str, int], limit: int, seed: int) -> set[str]:
    """Persons in the order of a keyed hash, each taken whole if `limit` pairs still hold them; at least one person."""
    order = sorted(sizes, key=lambda person: hashed(seed, "val", person))
    chosen: set[str] = set()
    left = limit
    for person in order:
        if sizes[person] <= left:
            chosen.add(person)
            left -= sizes[person]
    return chosen or set(order[:1])


def _pairs_by_person(groups: Iterable[Group], splits: Iterable[str | None], wanted: str) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    for group, split in zip(groups, splits, strict=True):
        if split == wanted:
            sizes[group.person] += group.pairs
    return dict(sizes)


def hashed(seed: int, purpose: str, text: str) -> int:
    """A draw of 64 bits that depends on its key alone."""
    digest = hashlib.blake2b(f"{seed}\0{purpose}\0{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
