"""What a folder of restored photographs was made from: one line of JSON each, so that the same command goes on."""

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from manifests import DataError
from manifests.notes import from_note, to_note

LOG_FILE = "restored.jsonl"


@dataclass(frozen=True)
class Entry:
    """One restored photograph."""

    output: str  # name of the restored photograph, relative to the log's folder
    files: dict[str, str]  # BLAKE2b-128 of each file that was written, by such a name
    made_from: dict[str, Any]  # photograph, guides, checkpoint, options, version: the same gives the same file
    photo: str
    faces: list[dict[str, Any]]  # per face its guide, and why that one
    notes: list[str]


def read_log(folder: Path) -> dict[str, Entry]:
    """The last entry of each output. A line that was cut short or damaged tells nothing. Raises DataError."""
    path = folder / LOG_FILE
    names = {field.name for field in fields(Entry)}
    entries = {}
    try:
        # A name may hold what else ends a line for `splitlines`.
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    for values in map(from_note, lines):
        if values is not None and values.keys() == names and _is_sound(values):
            entries[values["output"]] = Entry(**values)
    return entries


def _is_sound(values: dict[str, Any]) -> bool:
    kinds = {"output": str, "files": dict, "made_from": dict, "photo": str, "faces": list, "notes": list}
    return all(isinstance(values[name], kind) for name, kind in kinds.items() if name in values)


def append(folder: Path, entry: Entry) -> None:
    """Add an entry; it is on the disk when this returns. Raises DataError."""
    path = folder / LOG_FILE
    line = to_note(asdict(entry)) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            # After a line that was cut short, a new one begins.
            torn = file.tell() > 0 and not path.read_bytes().endswith(b"\n")
            file.write((b"\n" if torn else b"") + line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}; free space or choose another --out") from error
