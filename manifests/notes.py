"""Notes: JSON objects that carry the hash of themselves, so that damage does not pass for what was written."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manifests.errors import DataError
from manifests.files import hash_bytes, write_text

CHECK = "check"  # BLAKE2b-128 of the other values; notes of earlier versions have none


def to_note(values: dict[str, Any], indent: int | None = None) -> str:
    """`values` as JSON, with the hash of themselves behind them."""
    check = hash_bytes(json.dumps(values, ensure_ascii=False, indent=indent).encode())
    return json.dumps(values | {CHECK: check}, ensure_ascii=False, indent=indent)


def from_note(text: str, indent: int | None = None) -> dict[str, Any] | None:
    """The values of a note; None where it is not the text that `to_note` made of them. One without a hash is taken."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    checked = values.pop(CHECK, None) is not None
    return None if checked and to_note(values, indent) != text else values


def append_note(path: Path, values: dict[str, Any]) -> None:
    """Add a note as a line of a file; it is on the disk when this returns. Raises DataError when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            # After a line that was cut short, a new one begins.
            torn = file.tell() > 0 and _last_byte(path) != b"\n"
            file.write((b"\n" if torn else b"") + to_note(values).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror}; free space or choose another folder, then run again"
        ) from error


def _last_byte(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()


def read_notes(path: Path) -> Iterator[dict[str, Any]]:
    """The notes that were added to a file, without those that were cut short or damaged. Raises DataError."""
    try:
        if path.exists():
            with open(path, "rb") as file:  # a name may hold what else ends a line of text
                for line in file:
                    if (values := from_note(line.decode("utf-8", errors="replace").removesuffix("\n"))) is not None:
                        yield values
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def write_note(path: Path, values: dict[str, Any], indent: int | None = None) -> None:
    """Write a note atomically, as one file."""
    write_text(path, to_note(values, indent) + "\n")


def read_note(path: Path, indent: int | None = None) -> dict[str, Any] | None:
    """The values of a note's file; None where it is damaged. Raises OSError when it cannot be read."""
    return from_note(path.read_text("utf-8", errors="replace").removesuffix("\n"), indent)
