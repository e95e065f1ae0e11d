"""Which photographs a sample dataset has: folders, people, defects. Names only; nothing is drawn here."""

from dataclasses import dataclass

import numpy as np

TRAIN, TEST, CASIA = "vggface2/train", "vggface2/test", "casia-webface"
META, NAMES = "vggface2/meta/identity_meta.csv", "casia-webface/names.txt"
_SHARED_FROM = 6  # identities; from here on one person is in both datasets
_OTHER_PHOTOGRAPHS = 1000  # where a person's numbers start in the second dataset

_GIVEN = (
    "Abena", "Aiko", "Amara", "Anneli", "Anselm", "Basil", "Beatrix", "Bodil", "Cato", "Cezar", "Chiara",
    "Corin", "Daichi", "Delphine", "Dilan", "Edda", "Eilif", "Elodie", "Emeka", "Farah", "Fenja", "Gaspar",
    "Hamza", "Hedda", "Ilse", "Imani", "Isko", "Jorunn", "Kaito", "Kalani", "Laleh", "Leocadia", "Linus",
    "Malik", "Marit", "Milo", "Nadir", "Nkechi", "Odile", "Orla", "Pavo", "Petra", "Quirin", "Ragna", "Rohan",
    "Saskia", "Selim", "Sunniva", "Taavi", "Thandi", "Tove", "Ulrika", "Valko", "Wanja", "Xenia", "Yaro",
    "Yumi", "Zelda",
)  # fmt: skip
_FAMILY = (
    "Abendrot", "Achterberg", "Birkenau-Holm", "Brightwater", "Calloway-Reed", "Dunmore-Vale", "Eberholt",
    "Ferncastle", "Galdiano", "Hallowind", "Ibarrola", "Jotunheim", "Kestrelmann", "Larkspur", "Moravane",
    "Nightingale-Roe", "Okonjara", "Pellworth", "Quillfeather", "Rosenquarz", "Silvermoor", "Tamarindo",
    "Umberfield", "Vandermeer-Oak", "Wintergreen", "Xylander", "Yarrowby", "Zilverberg",
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One photograph to make."""

    path: str  # relative to the sample's folder
    photo: int
    defect: str = ""  # a key of DEFECTS, or "" for an ordinary photograph


@dataclass(frozen=True)
class Folder:
    """One identity folder."""

    path: str  # relative to the sample's folder
    person: int
    name: str
    kind: str  # "vggface2" or "casia-webface"
    shots: tuple[Shot, ...]


def plan_folders(identities: int, photos: int, seed: int, defects: tuple[str, ...] = ()) -> tuple[Folder, ...]:
    """Lay out `identities` folders of `photos` photographs: about 70% train, 10% test, 20% CASIA.

    From six identities on, one person is in both datasets, with other photographs. Defects are further photographs of
    training identities: each kind once, or as often as gives every training identity one.
    """
    train, test, casia = _shares(identities)
    names = _names(seed, identities)
    extra = dict(enumerate(_spread(defects, train)))
    folders = []
    for number in range(train + test):
        kind = TRAIN if number < train else TEST
        folder = f"{kind}/n{number + 1:06d}"
        folders.append(_folder(folder, number, names[number], "vggface2", photos, extra.get(number, ())))
    for number in range(casia):
        folder = f"{CASIA}/{number + 45:07d}"
        again = identities >= _SHARED_FROM and number == casia - 1
        person = 0 if again else train + test + number
        folders.append(_folder(folder, person, names[person], CASIA, photos, (), _OTHER_PHOTOGRAPHS * again))
    return tuple(folders)


def plan_album(identities: int, seed: int) -> tuple[int, str]:
    """Number and name of the person of the album, who is not in train: the first test person where there is one."""
    train, _, _ = _shares(identities)
    return train, _names(seed, identities + 1)[train]


def _shares(identities: int) -> tuple[int, int, int]:
    test = max(round(0.1 * identities), 1) if identities >= 2 else 0
    casia = max(round(0.2 * identities), min(2, identities - 2)) if identities >= 3 else 0
    return identities - test - casia, test, casia


def _spread(defects: tuple[str, ...], train: int) -> list[tuple[str, ...]]:
    """Deal the defects out to the training identities in turn."""
    count = max(len(defects), train) if defects else 0
    return [tuple(defects[k % len(defects)] for k in range(first, count, train)) for first in range(train)]


def _folder(
    folder: str, person: int, name: str, kind: str, photos: int, defects: tuple[str, ...], first: int = 0
) -> Folder:
    labels = [""] * photos + list(defects)
    shots = []
    for k, defect in enumerate(labels):
        file = f"{k + 1:03d}.jpg" if kind == CASIA else f"{k + 1:04d}_01.jpg"
        number = k if k < 2 else k + first  # the first two are the near-frontal ones, in any dataset
        shots.append(Shot(f"{folder}/{file}", number, defect))
    return Folder(folder, person, name, kind, tuple(shots))


def _names(seed: int, count: int) -> list[str]:
    """Different invented names, 'Given_Family'."""
    order = np.random.default_rng([seed, 10]).permutation(len(_GIVEN) * len(_FAMILY))
    names = []
    for k in range(count):
        turn, place = divmod(k, len(order))
        given, family = divmod(int(order[place]), len(_FAMILY))
        middle = "" if turn == 0 else f"{_GIVEN[turn % len(_GIVEN)]}_"
        names.append(f"{_GIVEN[given]}_{middle}{_FAMILY[family].replace('-', '_')}")
    return names
