"""The folder that a command writes: whose it is, who may write it now, and what --overwrite removes.

A folder is one of four things: empty; this command's with the same settings, then it is continued; this command's with
other settings, then it is refused, or replaced with --overwrite or where nothing was made in it yet; or somebody
else's, then it is refused in any case. Its mark tells which: a file with the settings that is written before anything
else and never removed, only replaced once all else is gone. Where the mark was lost or damaged, what the command's
tables say takes its place. While a command writes a folder it holds a lock on it, and a note there says who it is. A
killed process holds nothing.

--overwrite removes what the command wrote: the files that fit a pattern of its kind. It removes no file of the user's
beside them, and nothing that lies behind a link.
"""

import json
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from manifests.errors import ConfigError, DataError
from manifests.files import write_text

HOLDER = ".gfr-in-use"  # who holds the folder, a line of text; what a killed process leaves of it means nothing
UNFINISHED = re.compile(r"\..*\.[0-9a-f]{12}\.part(\..*)?")  # what `atomic_path` leaves behind when it is killed
DAMAGED = "the old ones are damaged"
NO_LOCKS = "%s lies on a file system without locks: take care that no second command writes it at the same time"


@dataclass(frozen=True)
class Kind:
    """What a command writes into its folder."""

    tool: str  # the command
    mark: str  # name of the file with the settings
    begins: str  # how every mark of this command begins
    files: tuple[str, ...]  # patterns of all other files, relative to the folder; `*` takes `/` too
    witness: Callable[[Path], str | None] = lambda out: None  # the mark, as the command's other files in `out` have it
    begun: Callable[[Path], bool] = lambda out: True  # whether `out` holds anything that would be lost


def json_changes(before: str, now: str, growing: Sequence[str] = ()) -> list[str]:
    """What differs between two marks that are JSON objects: `name: old, now new` each.

    In the objects named `growing` only what both have is compared.
    """
    try:
        old = json.loads(before)
    except ValueError:
        old = None
    if not isinstance(old, dict):
        return [DAMAGED]
    return list(_differences(old, json.loads(now), growing))


Changes = Callable[[str, str], Sequence[str]]  # mark that was found, mark that would be written -> what differs


def check(out: Path, kind: Kind, settings: str, overwrite: bool, changes: Changes = json_changes) -> str:
    """The mark of what would be continued in `out`; '' where nothing would be: it is empty, or will be replaced.

    Writes nothing. Raises ConfigError when `out` was made with other settings and shall not be replaced, DataError when
    it is somebody else's or no folder.
    """
    try:
        names = sorted(path.name for path in out.iterdir())
        text = _read_mark(out, kind)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unusable(out, error) from error
    damaged = text is None or not text.startswith(kind.begins)
    found = [] if damaged else list(changes(text or "", settings))
    if damaged or found == [DAMAGED]:
        said = kind.witness(out)
        if said is None:
            _refuse_strange(out, kind, names, text)
        text, found = (text, [DAMAGED]) if said is None else (said, list(changes(said, settings)))
    if text is None or overwrite or (found and not kind.begun(out)):
        return ""
    if found:
        raise ConfigError(
            f"{out} was made with other settings ({'; '.join(found)}); "
            "give the same ones, another folder, or --overwrite to replace it"
        )
    return text


def _refuse_strange(out: Path, kind: Kind, names: Sequence[str], mark: str | None) -> None:
    """Raise DataError for a folder whose mark, or whose files without one, are not the command's."""
    if mark is None and (strange := [name for name in names if name != HOLDER and not UNFINISHED.fullmatch(name)]):
        raise DataError(f"{out} holds {strange[0]!r}, which {kind.tool} did not write; give another folder")
    if mark and mark.strip() and not mark.startswith(kind.begins):
        raise DataError(f"{out} holds a {kind.mark} that {kind.tool} did not write; give another folder")


@contextmanager
def claimed(out: Path, kind: Kind, settings: str, overwrite: bool, changes: Changes = json_changes) -> Iterator[str]:
    """Hold `out` and make it ready: empty but for its mark, or with all that was finished of the same.

    Yields what `check` returns and raises what it raises; DataError when another process holds `out`, when something
    cannot be removed, or when a file lies where a folder has to be.
    """
    with held(out, kind.tool):
        before = check(out, kind, settings, overwrite, changes)
        _require_folders(out, kind)
        if not before:
            remove(out, kind.files)
        if not before or _read_mark(out, kind) != before:
            write_text(out / kind.mark, settings)
        remove_unfinished(out, kind.files)
        yield before


@contextmanager
def held(out: Path, tool: str) -> Iterator[None]:
    """Make the folder and hold it for the command `tool`; says so where the file system has no locks.

    Raises DataError when another process holds it, naming it, or when it cannot be a folder.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY) if os.name == "posix" else None
    except OSError as error:
        raise _unusable(out, error) from error
    note = out / HOLDER
    try:
        _lock(handle, out)
        # The lock is what holds the folder, the note is for people. A full or read-only disk shall not keep a command
        # from saying that all is done; one that has something to write will be told.
        with suppress(OSError):
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            note.unlink(missing_ok=True)  # it may be a link
            note.write_text(f"{tool} (process {os.getpid()} on {socket.gethostname()}, since {since})\n")
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink()
    finally:
        if handle is not None:
            os.close(handle)


def remove_unfinished(out: Path, patterns: Sequence[str]) -> None:
    """Remove what killed processes left of files they were writing, in `out` and in the folders that `patterns` name.

    Only who holds `out` may do so. Raises DataError when one cannot be removed.
    """
    for path in _walk(out, patterns):
        if UNFINISHED.fullmatch(path.name):
            _unlink(path)


def remove(out: Path, patterns: Sequence[str]) -> None:
    """Remove the files of `out` that `patterns` fit, and the folders that this leaves empty; all else stays.

    Files beside the mark go first: they say that a result is whole. Raises DataError when one cannot be removed, and,
    before anything is, when one lies behind a link: what it leads to may be somebody else's.
    """
    paths = list(_walk(out, patterns, refuse_links=True))
    for path in sorted(paths, key=lambda path: (path.parent != out, path)):
        inside = path.relative_to(out).as_posix()
        if UNFINISHED.fullmatch(path.name) or any(fnmatchcase(inside, pattern) for pattern in patterns):
            _unlink(path)
    emptied = {parent for path in paths for parent in path.parents if out in parent.parents}
    # Killed or on a full disk, a command may have made a folder and nothing in it.
    emptied |= {out / name for name in _folders_of(patterns) if (out / name).is_dir()}
    for folder in sorted(emptied, reverse=True):
        if not any(os.scandir(folder)):
            _unlink(folder)


def _differences(old: dict[str, Any], new: dict[str, Any], growing: Sequence[str], within: str = "") -> Iterator[str]:
    names = [name for name in {**old, **new} if within not in growing or (name in old and name in new)]
    for name in names:
        before, now = old.get(name), new.get(name)
        place = f"{within}.{name}" if within else name
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _differences(before, now, growing, place)
        elif before != now:
            yield f"{place}: {before}, now {now}"


def _unusable(out: Path, error: OSError) -> DataError:
    reason = "it is a file" if out.is_file() else error.strerror
    return DataError(f"cannot write to {out}: {reason}; give another folder")


def _lock(handle: int | None, out: Path) -> None:
    try:
        import fcntl

        assert handle is not None
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(f"{out} is being written by {_holder(out)}; wait for it, or give another folder") from error
    except (ImportError, OSError):
        logging.getLogger(__name__).warning(NO_LOCKS, out)


def _holder(out: Path) -> str:
    try:
        return (out / HOLDER).read_text("utf-8", errors="replace").strip() or "another process"
    except OSError:
        return "another process"


def _read_mark(out: Path, kind: Kind) -> str | None:
    mark = out / kind.mark
    if os.path.lexists(mark) and not mark.is_file():
        raise DataError(f"{mark} is no file; remove it, or give another folder")
    return mark.read_text("utf-8", errors="replace") if mark.is_file() else None


def _require_folders(out: Path, kind: Kind) -> None:
    folders = {str(parent) for pattern in kind.files for parent in PurePosixPath(pattern).parents} - {"."}
    for place in (out / folder for folder in sorted(folders) if "*" not in folder):
        if os.path.lexists(place) and not place.is_dir():
            what = "a link that leads to no folder" if place.is_symlink() else "a file"
            raise DataError(f"{place} is {what}, but {kind.tool} keeps a folder there; move it, or give another folder")


def _walk(out: Path, patterns: Sequence[str], refuse_links: bool = False) -> Iterator[Path]:
    """The files beside the mark and those in the folders that `patterns` name; linked folders are not followed."""
    inside = _folders_of(patterns)
    for folder, folders, files in os.walk(out, onerror=_stop):
        here = Path(folder)
        if here == out:
            folders[:] = [name for name in folders if name in inside]
        if refuse_links and (links := [here / name for name in folders if (here / name).is_symlink()]):
            raise DataError(
                f"{links[0]} is a link; what it leads to is not removed: remove the link, or give another folder"
            )
        yield from (here / name for name in files)


def _folders_of(patterns: Sequence[str]) -> set[str]:
    """The folders beside the mark that `patterns` name."""
    return {pattern.split("/")[0] for pattern in patterns if "/" in pattern}


def _stop(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise DataError(f"cannot read {error.filename}: {error.strerror}; give another folder") from error


def _unlink(path: Path) -> None:
    """Remove a file, a link or an empty folder."""
    try:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot remove {path}: {error.strerror}; remove it yourself, or give another folder"
        ) from error
