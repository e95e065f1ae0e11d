"""Index a dataset without decoding anything: which photographs belong to whom.

A layout is a function from a source to identities, one at a time. Of a folder only names are held: those of one
identity's photographs, and those of the identities (or, for CelebA, its identity file).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from gfr_data.sources.boxes import Box, BoxFile, read_celeba_boxes
from gfr_data.sources.labelled import parquet, unlabelled, webdataset
from gfr_data.sources.mapping import read_persons
from gfr_data.sources.persons import person_of, read_celeba_identities, read_numbered_names, read_vggface2_names
from gfr_data.sources.source import Identity, Source
from gfr_data.sources.trees import Found, Tree, lines_of, tree_of
from manifests import DataError

_PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif"}
_NAMED = 5  # of those that are left out


def list_identities(source: Source, limit: int | None = None) -> Iterator[Identity]:
    """Every identity of `source` that has a photograph, sorted by subset and name; the first `limit` of each subset.

    Raises DataError when the tree is not of the layout's form, or a folder cannot be read.
    """
    counts: dict[str, int] = {}
    try:
        for identity in LAYOUTS[source.layout](source):
            count = counts[identity.subset] = counts.get(identity.subset, 0) + 1
            if limit is None or count <= limit:
                yield identity
    except OSError as error:
        raise DataError(f"cannot read {error.filename or source.root}: {error.strerror or error}") from error


def left_out(source: Source) -> str:
    """A line about photographs that are nobody's, and no row of the tables; empty where there are none.

    They lie in the root of a source with a folder per person, or have no label where each has to have one.
    """
    if source.layout == "mapping":
        lost = read_persons(source)[1]
        return (
            f"left out, because their persons are in an earlier split: {lost} targets of {source.root}" if lost else ""
        )
    if source.layout in ("webdataset", "parquet"):
        count = unlabelled(source)
        return f"left out, because they have no label in {source.root}: {count} photographs" if count else ""
    if source.layout not in ("folder", "lfw", "casia-webface"):
        return ""
    photographs = [name for name in tree_of(source).files() if Path(name).suffix.lower() in _PHOTOGRAPHS]
    if not photographs:
        return ""
    named = ", ".join(photographs[:_NAMED]) + (", ..." if len(photographs) > _NAMED else "")
    return f"left out, because they lie in {source.root} itself, in no person's folder: {len(photographs)} ({named})"


def _vggface2(source: Source) -> Iterator[Identity]:
    """`{train,test}/<class>/*.jpg`, `meta/identity_meta.csv`, `bb_landmark/loose_bb_{train,test}.csv`."""
    tree = tree_of(source)
    subsets = [name for name in ("train", "test") if name in tree.folders("")]
    if not subsets:
        raise _wrong_tree(source, "train/<class>/*.jpg and test/<class>/*.jpg")
    names = read_vggface2_names(lines_of(tree, "meta/identity_meta.csv"))
    for subset in subsets:
        boxes = BoxFile(tree.open(f"bb_landmark/loose_bb_{subset}.csv"))
        for name in tree.folders(subset):
            found = tree.photographs(f"{subset}/{name}")
            hints = boxes.of(name)
            own = [hints.get(one.name.rpartition("/")[2].rpartition(".")[0]) for one in found]
            yield from _identity(source, subset, name, names.get(name), found, own)


def _casia(source: Source) -> Iterator[Identity]:
    """`<number>/*.jpg`, and `names.txt` with '<number> <Name_Surname>' a line."""
    tree = tree_of(source)
    names = read_numbered_names(lines_of(tree, "names.txt"))
    return _folder_each(source, tree, "<number>/*.jpg", names.get)


def _folder(source: Source) -> Iterator[Identity]:
    """`<Person>/*` with anything below it: albums, LFW (`<Name_Surname>/*.jpg`), CelebRef-HQ."""
    return _folder_each(source, tree_of(source), "<Person>/*.jpg, a folder per person", str)


def _lfw(source: Source) -> Iterator[Identity]:
    """`<Name_Surname>/*.jpg`, directly or inside the archive's own `lfw/`, `lfw_funneled/` or `lfw-deepfunneled/`."""
    tree = tree_of(source)
    inner = [name for name in tree.folders("") if re.fullmatch(r"lfw([-_](deep)?funneled)?", name)]
    return _folder_each(source, tree, "<Name_Surname>/*.jpg", str, f"{inner[0]}/" if inner else "")


def _folder_each(
    source: Source, tree: Tree, expected: str, name_of: Callable[[str], str | None], prefix: str = ""
) -> Iterator[Identity]:
    """A folder per identity; `name_of` gives the person's name by the folder's."""
    folders = tree.folders(prefix)
    if not folders:
        raise _wrong_tree(source, expected)
    for folder in folders:
        yield from _identity(source, "", folder, name_of(folder), tree.photographs(prefix + folder))


def _celeba(source: Source) -> Iterator[Identity]:
    """`img_celeba/*.jpg` or `img_align_celeba/*`, `identity_CelebA.txt`, `list_bbox_celeba.txt`, in any nesting."""
    tree = tree_of(source)
    listing = _first(tree, "identity_CelebA.txt", "Anno/identity_CelebA.txt")
    images = _first(tree, "img_celeba", "Img/img_celeba", "img_align_celeba", "Img/img_align_celeba")
    if listing is None or images is None:
        raise _wrong_tree(source, "identity_CelebA.txt and img_celeba/*.jpg (or img_align_celeba/)")
    # The boxes belong to the photographs in the wild, not to the aligned ones.
    boxfile = _first(tree, "list_bbox_celeba.txt", "Anno/list_bbox_celeba.txt")
    boxes = read_celeba_boxes(lines_of(tree, boxfile)) if boxfile and images.endswith("img_celeba") else {}
    present = {one.name.rpartition("/")[2]: one for one in tree.photographs(images)}
    # A part of CelebA is a dataset too: files that are listed but were not downloaded are left out.
    identities = read_celeba_identities(lines_of(tree, listing), f"{source.root}/{listing}")
    for name in sorted(identities, key=int):
        files = sorted(file for file in identities[name] if file in present)
        found, own = [present[file] for file in files], [boxes.get(file) for file in files]
        yield from _identity(source, "", name, None, found, own)


def _webdataset(source: Source) -> Iterator[Identity]:
    """`*.tar` with files called alike for each photograph: `<key>.jpg`, and `<key>.json` with the identity."""
    for name, found in webdataset(source):
        yield from _identity(source, "", name, name, found)


def _parquet(source: Source) -> Iterator[Identity]:
    """`*.parquet` with a column of pictures and one of identities."""
    for name, found in parquet(source):
        yield from _identity(source, "", name, name, found)


def _mapping(source: Source) -> Iterator[Identity]:
    """Photographs of pairs that are given: `*.csv` or `*.parquet` with target, references, and identity and split."""
    tree = tree_of(source)
    for person in read_persons(source)[0]:
        name = person.name if person.named else None
        found = [tree.photograph(path) for path in person.paths]
        for identity in _identity(source, person.split, person.name, name, found):
            yield replace(identity, references=person.references)


LAYOUTS: dict[str, Callable[[Source], Iterator[Identity]]] = {
    "vggface2": _vggface2,
    "casia-webface": _casia,
    "lfw": _lfw,
    "celeba": _celeba,
    "folder": _folder,
    "webdataset": _webdataset,
    "parquet": _parquet,
    "mapping": _mapping,
}


def _identity(
    source: Source,
    subset: str,
    name: str,
    person_name: str | None,
    found: list[Found],
    boxes: list[Box | None] | None = None,
) -> Iterator[Identity]:
    if found:
        person = person_of(source.dataset, name, person_name)
        paths, parts = (tuple(values) for values in zip(*found, strict=True))
        yield Identity(source.dataset, subset, name, person, paths, tuple(boxes or [None] * len(paths)), parts)


def _first(tree: Tree, *names: str) -> str | None:
    return next((name for name in names if tree.has(name)), None)


def _wrong_tree(source: Source, expected: str) -> DataError:
    return DataError(f"{source.root} does not have the layout {source.layout!r}: expected {expected}")
