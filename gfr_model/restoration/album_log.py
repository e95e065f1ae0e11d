"""What a folder of restored photographs was made from: one line of JSON each, so that the same command goes on."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from manifests.notes import append_note, read_notes

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
    notes = (values for values in read_notes(path) if values.keys() == names and _is_sound(values))
    return {values["output"]: Entry(**values) for values in notes}


def _is_sound(values: dict[str, Any]) -> bool:
    kinds = {"output": str, "files": dict, "made_from": dict, "photo": str, "faces": list, "notes": list}
    return all(isinstance(values[name], kind) for name, kind in kinds.items() if name in values)


def append(folder: Path, entry: Entry) -> None:
    """Add an entry; it is on the disk when this returns. Raises DataError."""
    append_note(folder / LOG_FILE, asdict(entry))
