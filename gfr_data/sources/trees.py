"""A source as a tree of folders and files, whether it is a folder, an archive, a folder of archives, or an address."""

import io
import os
import posixpath
from bisect import bisect_left
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import pyarrow as pa

from gfr_data.sources.addresses import is_address, joined, list_files, stamp_of
from gfr_data.sources.archives import is_archive
from gfr_data.sources.members import archived, by_path
from gfr_data.sources.parts import Part, read_bytes
from gfr_data.sources.source import Source
from manifests import DataError

# What lies in photograph folders without being anybody's photograph.
_NOT_PHOTOGRAPHS = {"thumbs.db", "desktop.ini"}
_MOST_TEXT = 1_000_000_000  # bytes of a dataset's own list


class Found(NamedTuple):
    name: str  # of a photograph, relative to the source's root
    part: Part | None


class Tree(Protocol):
    """Paths are relative to the tree's root, "" is the root itself."""

    def folders(self, at: str) -> list[str]:
        """Names of the folders in the folder `at`, sorted; none where there is no such folder."""

    def photographs(self, at: str) -> list[Found]:
        """Files below the folder `at`, sorted. What they hold is found out when they are decoded."""

    def photograph(self, path: str) -> Found:
        """The photograph that is called so, whether it is there or not: that is found out when it is read."""

    def files(self) -> list[str]:
        """Names of the files in the root itself, sorted."""

    def has(self, path: str) -> bool:
        """Whether a file or a folder is there."""

    def open(self, path: str) -> BinaryIO | None:
        """A list of the dataset's own, to read and seek; None where there is no such file."""


def tree_of(source: Source) -> Tree:
    """The tree of a source. Raises DataError where its files cannot be read, ConfigError where a package is missing."""
    root = source.root
    if is_archive(root) and _is_file(root):
        return _of_archives(root, [""])
    listing = list_files(root) if is_address(root) else _here(root)
    folders = any("/" in name for name in listing)
    archives = [name for name in sorted(listing) if is_archive(name) and fnmatchcase(name, source.pattern or "*")]
    if archives and not folders:  # with folders beside it, an archive is what they were unpacked from
        return _of_archives(root, archives)
    return (
        Members(root, [], [], by_path((os.fsencode(name), -1, "", 0, 0) for name in listing))
        if is_address(root)
        else Folder(root)
    )


def files_of(source: Source, suffixes: tuple[str, ...]) -> list[str]:
    """The files of a source by their endings, relative to its root, sorted; [""] where the root is one.

    Raises DataError where there is none.
    """
    if source.root.lower().endswith(suffixes) and _is_file(source.root):
        return [""]
    root = source.root
    names = list_files(root) if is_address(root) else [p.relative_to(root).as_posix() for p in Path(root).rglob("*")]
    found = [name for name in names if name.lower().endswith(suffixes) and all(map(_counts, name.split("/")))]
    if not (meant := [name for name in found if fnmatchcase(posixpath.basename(name), source.pattern or "*")]):
        asked = f" called {source.pattern!r}" if source.pattern else ""
        raise DataError(f"{root} holds no file{asked} that ends with {' or '.join(suffixes)}")
    return sorted(meant)


def _is_file(root: str) -> bool:
    """Whether it is one; what an address is, its ending tells alone."""
    return is_address(root) or Path(root).is_file()


def _here(root: str) -> list[str]:
    """The names in a folder of this machine, those of folders with '/' behind them."""
    with os.scandir(root) as entries:
        return [e.name + "/" * Path(e.path).is_dir() for e in entries if not e.name.startswith(".")]


def _of_archives(root: str, names: list[str]) -> "Members":
    paths = [joined(root, name) for name in names]
    try:
        stamps = [stamp_of(path) for path in paths]
    except OSError as error:
        raise DataError(f"cannot read {error.filename or root}: {error.strerror or error}") from error
    return Members(root, names, stamps, archived(tuple(paths), tuple(stamps)))


def lines_of(tree: Tree, path: str) -> Iterator[str]:
    """The lines of a list of the dataset's own; none where there is no such file."""
    if (file := tree.open(path)) is not None:
        with io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="") as lines:
            yield from lines


class Folder:
    """A folder of this machine, which is never held as a whole."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def folders(self, at: str) -> list[str]:
        folder = self.root / at
        if not folder.is_dir():
            return []
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(".") and _is_folder(e, folder))

    def photographs(self, at: str) -> list[Found]:
        return [Found(name, None) for name in sorted(self._below(at))]

    def photograph(self, path: str) -> Found:
        return Found(path, None)

    def files(self) -> list[str]:
        with os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if entry.is_file() and not entry.name.startswith("."))

    def has(self, path: str) -> bool:
        return (self.root / path).exists()

    def open(self, path: str) -> BinaryIO | None:
        return open(self.root / path, "rb") if (self.root / path).is_file() else None

    def _below(self, folder: str) -> Iterator[str]:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            with os.scandir(self.root / here) as entries:
                for entry in entries:
                    if not _counts(entry.name):
                        continue
                    # A link to a folder is not followed: it could lead back up.
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{here}/{entry.name}")
                    else:
                        yield f"{here}/{entry.name}"


def _is_folder(entry: "os.DirEntry[str]", folder: Path) -> bool:
    """Whether it is a folder, or a link to one that does not lead back up: all people would be one there."""
    if not entry.is_symlink():
        return entry.is_dir()
    return Path(entry.path).is_dir() and not folder.resolve().is_relative_to(Path(entry.path).resolve())


def _counts(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _NOT_PHOTOGRAPHS


class Members:
    """The files of archives together, or those below an address: a table of their paths, about 50 bytes a file more."""

    def __init__(self, root: str, archives: list[str], stamps: list[str], table: pa.Table) -> None:
        self.root, self.archives, self.stamps, self.table = root, archives, stamps, table
        self.paths = table["path"].combine_chunks()

    def folders(self, at: str) -> list[str]:
        found, number, prefix = [], *self._range(at)
        while number < len(self.paths) and (path := self._path(number)).startswith(prefix):
            name, slash, _ = path[len(prefix) :].partition(b"/")
            if slash and not name.startswith(b"."):
                found.append(os.fsdecode(name))
            number = self._first(prefix + name + b"0") if slash else number + 1  # '0' follows '/'
        return sorted(found)

    def photographs(self, at: str) -> list[Found]:
        number, prefix = self._range(at)
        end = self._first(prefix[:-1] + b"0") if prefix else len(self.paths)
        rows = self.table.slice(number, end - number).to_pylist()
        found = [(os.fsdecode(row["path"]), row) for row in rows]
        below = [
            (path, row) for path, row in found if all(_counts(name) for name in path[len(at) :].split("/") if name)
        ]
        return [self._found(path, row) for path, row in below]

    def photograph(self, path: str) -> Found:
        absent = Found(path, None if not self.archives else Part("", "", "!No such file in the archive", 0, 0))
        return self._file(path) or absent

    def files(self) -> list[str]:
        names = (os.fsdecode(path) for path in self.paths.to_pylist() if b"/" not in path)
        return sorted(name for name in names if not name.startswith("."))

    def has(self, path: str) -> bool:
        return self._file(path) is not None or bool(self.folders(path) or self.photographs(path))

    def open(self, path: str) -> BinaryIO | None:
        found = self._file(path)
        if found is None and ("" in self.archives or not self.archives):
            return None
        name, part = found or Found(path, None)  # or a file that lies beside the archives
        try:
            return io.BytesIO(read_bytes(self.root, name, part, _MOST_TEXT))
        except OSError:
            return None

    def _file(self, path: str) -> Found | None:
        number = self._first(os.fsencode(path))
        if number == len(self.paths) or os.fsdecode(self._path(number)) != path:
            return None
        return self._found(path, self.table.slice(number, 1).to_pylist()[0])

    def _found(self, path: str, row: dict[str, Any]) -> Found:
        if (file := row["file"]) < 0:
            return Found(path, None)
        part = Part(self.archives[file], self.stamps[file], row["form"], row["start"], row["size"])
        return Found(f"{part.file}/{path}" if part.file else path, part)

    def _range(self, at: str) -> tuple[int, bytes]:
        prefix = os.fsencode(at).rstrip(b"/") + b"/" if at else b""
        return self._first(prefix), prefix

    def _first(self, path: bytes) -> int:
        return bisect_left(range(len(self.paths)), path, key=self._path)

    def _path(self, number: int) -> bytes:
        return bytes(self.paths[number].as_py())
