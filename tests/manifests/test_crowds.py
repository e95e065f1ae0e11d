"""No folder holds more than it may, no two files have one place, and small sets stay as they are."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from manifests.crowds import AIM, MOST, crowded, placed

parts = st.text("abAB01", min_size=1, max_size=2)
names = st.lists(st.lists(parts, min_size=1, max_size=4).map("/".join), unique=True, max_size=80)


def entries(paths: list[str]) -> dict[str, set[str]]:
    found = defaultdict(set)
    for path in paths:
        inside = path.split("/")
        for depth, part in enumerate(inside):
            found["/".join(inside[:depth])].add(part)
    return found


def free_of_clashes(names: list[str]) -> list[str]:
    """Without names that are folders of others."""
    folders = {"/".join(name.split("/")[:depth]) for name in names for depth in range(1, name.count("/") + 1)}
    return [name for name in names if name not in folders]


@given(names)
def test_every_file_has_its_own_place_and_only_crowded_folders_are_parted(drawn: list[str]) -> None:
    files = free_of_clashes(drawn)
    folders = crowded(files, 5)
    sizes = {folder: len(inside) for folder, inside in entries(files).items()}
    assert set(folders) == {folder for folder, size in sizes.items() if size > 5}
    paths = [placed(name, folders) for name in files]
    assert len(set(paths)) == len(files)
    for name, path in zip(files, paths, strict=True):
        added = sum(1 for depth in range(name.count("/") + 1) if "/".join(name.split("/")[:depth]) in folders)
        assert path.count("/") == name.count("/") + added
        assert path.rpartition("/")[2] == name.rpartition("/")[2]


def test_a_million_identities_crowd_no_folder() -> None:
    files = [f"people/n{number:07d}/{photo}" for number in range(200_000) for photo in range(1)]
    folders = crowded(files)
    assert folders == {"people": 2}
    assert max(len(inside) for inside in entries([placed(name, folders) for name in files]).values()) <= MOST
    assert AIM >= 200_000 / 16**2


def test_what_crowds_no_folder_keeps_its_names() -> None:
    files = [f"people/n{number:05d}/{photo}" for number in range(MOST) for photo in range(2)]
    assert crowded(files) == {}
    assert placed(files[0], {}) == files[0]
