"""Index a dataset's tree without decoding anything: which photographs belong to whom.

A layout is a function from a root folder to identities, one at a time. Only names are held: those of one identity's
photographs, and those of the identities (or, for CelebA, its identity file).
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gfr_data.sources.boxes import Box, BoxFile, read_celeba_boxes
from gfr_data.sources.persons import person_of, read_celeba_identities, read_numbered_names, read_vggface2_names
from manifests import ConfigError, DataError

# What lies in photograph folders without being anybody's photograph.
_NOT_PHOTOGRAPHS = {"thumbs.db", "desktop.ini"}
_PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif"}
_NAMED = 5  # of those that are left out


@dataclass(frozen=True)
class Source:
    layout: str  # one of LAYOUTS
    root: Path  # its folder, absolute
    dataset: str  # name in the tables; the layout's unless 'folder:NAME=ROOT' gives another


@dataclass(frozen=True)
class Identity:
    dataset: str
    subset: str  # the source's own split, "" where it has none
    name: str  # folder or class
    person: str  # equal across datasets, see `persons`
    paths: tuple[str, ...]  # photographs relative to the source's root, sorted
    boxes: tuple[Box | None, ...]  # the dataset's own box of the subject, where it has one


def parse_source(text: str) -> Source:
    """Read 'LAYOUT=ROOT' or 'LAYOUT:NAME=ROOT'.

    Raises ConfigError for another form, DataError for an unknown layout or when ROOT is no folder.
    """
    head, equals, root = text.partition("=")
    layout, _, name = head.partition(":")
    if not equals or not root or not layout:
        raise ConfigError(f"--source {text!r}: expected LAYOUT=ROOT, with LAYOUT one of {', '.join(LAYOUTS)}")
    if layout not in LAYOUTS:
        raise DataError(f"--source {text!r}: unknown layout {layout!r}; choose one of {', '.join(LAYOUTS)}")
    if name and not re.fullmatch(r"[\w.-]+", name):
        raise ConfigError(f"--source {text!r}: the name {name!r} may hold letters, digits, '.', '_' and '-' only")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(f"--source {text}: {folder} is not a folder; give the folder that holds the dataset")
    return Source(layout, folder.resolve(), name or layout)


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
    """A line about photographs that lie in the root of a source with a folder per person; empty where there are none.

    They are nobody's, and no row of the tables.
    """
    if source.layout not in ("folder", "lfw", "casia-webface"):
        return ""
    with os.scandir(source.root) as entries:
        files = sorted(entry.name for entry in entries if entry.is_file() and not entry.name.startswith("."))
    photographs = [name for name in files if Path(name).suffix.lower() in _PHOTOGRAPHS]
    if not photographs:
        return ""
    named = ", ".join(photographs[:_NAMED]) + (", ..." if len(photographs) > _NAMED else "")
    return f"left out, because they lie in {source.root} itself, in no person's folder: {len(photographs)} ({named})"


def _vggface2(source: Source) -> Iterator[Identity]:
    """`{train,test}/<class>/*.jpg`, `meta/identity_meta.csv`, `bb_landmark/loose_bb_{train,test}.csv`."""
    subsets = [name for name in ("train", "test") if (source.root / name).is_dir()]
    if not subsets:
        raise _wrong_tree(source, "train/<class>/*.jpg and test/<class>/*.jpg")
    names = read_vggface2_names(source.root / "meta" / "identity_meta.csv")
    for subset in subsets:
        boxes = BoxFile(source.root / "bb_landmark" / f"loose_bb_{subset}.csv")
        for name in _folders(source.root / subset):
            found = _photographs(source.root, f"{subset}/{name}")
            hints = boxes.of(name)
            own = [hints.get(path.rpartition("/")[2].rpartition(".")[0]) for path in found]
            yield from _identity(source, subset, name, names.get(name), found, own)


def _casia(source: Source) -> Iterator[Identity]:
    """`<number>/*.jpg`, and `names.txt` with '<number> <Name_Surname>' a line."""
    names = read_numbered_names(source.root / "names.txt")
    return _folder_each(source, "<number>/*.jpg", names.get)


def _folder(source: Source) -> Iterator[Identity]:
    """`<Person>/*` with anything below it: albums, LFW (`<Name_Surname>/*.jpg`), CelebRef-HQ."""
    return _folder_each(source, "<Person>/*.jpg, a folder per person", str)


def _lfw(source: Source) -> Iterator[Identity]:
    """`<Name_Surname>/*.jpg`, directly or inside the archive's own `lfw/`, `lfw_funneled/` or `lfw-deepfunneled/`."""
    inner = [name for name in _folders(source.root) if re.fullmatch(r"lfw([-_](deep)?funneled)?", name)]
    return _folder_each(source, "<Name_Surname>/*.jpg", str, f"{inner[0]}/" if inner else "")


def _folder_each(
    source: Source, expected: str, name_of: Callable[[str], str | None], prefix: str = ""
) -> Iterator[Identity]:
    """A folder per identity; `name_of` gives the person's name by the folder's."""
    folders = _folders(source.root / prefix)
    if not folders:
        raise _wrong_tree(source, expected)
    for folder in folders:
        yield from _identity(source, "", folder, name_of(folder), _photographs(source.root, prefix + folder))


def _celeba(source: Source) -> Iterator[Identity]:
    """`img_celeba/*.jpg` or `img_align_celeba/*`, `identity_CelebA.txt`, `list_bbox_celeba.txt`, in any nesting."""
    listing = _first(source, "identity_CelebA.txt", "Anno/identity_CelebA.txt")
    images = _first(source, "img_celeba", "Img/img_celeba", "img_align_celeba", "Img/img_align_celeba")
    if listing is None or images is None:
        raise _wrong_tree(source, "identity_CelebA.txt and img_celeba/*.jpg (or img_align_celeba/)")
    # The boxes belong to the photographs in the wild, not to the aligned ones.
    boxfile = _first(source, "list_bbox_celeba.txt", "Anno/list_bbox_celeba.txt")
    boxes = read_celeba_boxes(source.root / boxfile) if boxfile and images.endswith("img_celeba") else {}
    with os.scandir(source.root / images) as entries:
        present = {entry.name for entry in entries}
    # A part of CelebA is a dataset too: files that are listed but were not downloaded are left out.
    identities = read_celeba_identities(source.root / listing)
    for name in sorted(identities, key=int):
        files = sorted(file for file in identities[name] if file in present)
        paths = [f"{images}/{file}" for file in files]
        yield from _identity(source, "", name, None, paths, [boxes.get(file) for file in files])


LAYOUTS: dict[str, Callable[[Source], Iterator[Identity]]] = {
    "vggface2": _vggface2,
    "casia-webface": _casia,
    "lfw": _lfw,
    "celeba": _celeba,
    "folder": _folder,
}


def _identity(
    source: Source,
    subset: str,
    name: str,
    person_name: str | None,
    paths: list[str],
    boxes: list[Box | None] | None = None,
) -> Iterator[Identity]:
    if paths:
        person = person_of(source.dataset, name, person_name)
        yield Identity(source.dataset, subset, name, person, tuple(paths), tuple(boxes or [None] * len(paths)))


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry, folder))


def _is_folder(entry: "os.DirEntry[str]", folder: Path) -> bool:
    """Whether it is a folder, or a link to one that does not lead back up: all people would be one there."""
    if not entry.is_symlink():
        return entry.is_dir()
    return Path(entry.path).is_dir() and not folder.resolve().is_relative_to(Path(entry.path).resolve())


def _photographs(root: Path, folder: str) -> list[str]:
    """Files below `root/folder`, relative to `root`, sorted. What they hold is found out when they are decoded."""
    found: list[str] = []
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(root / here) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in _NOT_PHOTOGRAPHS:
                    continue
                # A link to a folder is not followed: it could lead back up.
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{here}/{entry.name}")
                else:
                    found.append(f"{here}/{entry.name}")
    return sorted(found)


def _first(source: Source, *names: str) -> str | None:
    found = (name for name in names if (source.root / name).is_file() or (source.root / name).is_dir())
    return next(found, None)


def _wrong_tree(source: Source, expected: str) -> DataError:
    return DataError(f"{source.root} does not have the layout {source.layout!r}: expected {expected}")
