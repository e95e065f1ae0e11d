"""Marks that a person gave on an album's page: which results to keep."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gfr_model.restoration.album_log import Entry
from manifests import DataError, hash_bytes, write_bytes

MARKS_FILE = "marks.json"  # what the page saves
KEEP, REJECT = "keep", "reject"
MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class Mark:
    mark: str  # KEEP or REJECT
    file: str  # hash of the result that was looked at


@dataclass(frozen=True)
class Copied:
    """What became of the results of an album, by their names."""

    copied: tuple[str, ...]
    there: tuple[str, ...]  # copied before
    rejected: tuple[str, ...]
    unmarked: tuple[str, ...]
    changed: tuple[str, ...]  # made anew since they were marked
    failed: tuple[str, ...]  # lines that say why

    def text(self) -> str:
        """For a person."""
        parts = [f"{len(self.copied)} kept photographs copied"]
        parts += [f"{len(self.there)} there already"] if self.there else []
        parts += [f"{len(self.rejected)} rejected"] if self.rejected else []
        parts += [f"{len(self.unmarked)} without a mark"] if self.unmarked else []
        lines = [f"  {name}: made anew since it was marked; look at it again" for name in self.changed]
        return "\n".join([", ".join(parts), *lines, *(f"  {line}" for line in self.failed)])


def read_marks(folder: Path, needed: bool = False) -> dict[str, Mark]:
    """The marks that lie in an album's folder, by result; none where there is no such file.

    Raises DataError when the file is damaged or no file of marks, or when it is missing and `needed`.
    """
    path = folder / MARKS_FILE
    if not path.exists():
        if needed:
            page = folder / "index.html"
            raise DataError(f"{path} does not exist: open {page}, mark what to keep, save the marks there, then retry")
        return {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: _mark(value) for name, value in values["marks"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} holds no marks of an album's page ({error}); save them there again") from error


def copy_kept(folder: Path, entries: Mapping[str, Entry], out: Path) -> Copied:
    """Copy the results of `folder` that are marked `keep` to `out`. What lies there already is never replaced.

    Only names of `entries` are read or written, whatever the marks name. Raises DataError without marks.
    """
    marks = read_marks(folder, needed=True)
    groups: dict[str, list[str]] = {
        name: [] for name in ("copied", "there", "rejected", "unmarked", "changed", "failed")
    }
    for name, entry in sorted(entries.items()):
        if not (folder / name).is_file():
            continue
        mark, target = marks.get(name), out / name
        if mark is None or mark.mark == REJECT:
            groups["unmarked" if mark is None else "rejected"].append(name)
            if target.exists():
                groups["failed"].append(f"{target} lies there from before, and is not marked to be kept: remove it")
            continue
        content = (folder / name).read_bytes()
        if mark.file != entry.files[name] or hash_bytes(content) != mark.file:
            groups["changed"].append(name)
        elif not target.exists():
            write_bytes(target, content)
            groups["copied"].append(name)
        elif target.is_file() and target.read_bytes() == content:
            groups["there"].append(name)
        else:
            groups["failed"].append(f"{target} exists already and is another; it stays as it is")
    return Copied(**{group: tuple(names) for group, names in groups.items()})


def _mark(value: Any) -> Mark:
    mark = Mark(value["mark"], value["file"])
    if mark.mark not in (KEEP, REJECT) or not isinstance(mark.file, str):
        raise ValueError(f"a mark is {mark.mark!r}")
    return mark
