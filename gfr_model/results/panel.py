"""A panel: the folder with the kept pictures of one scored observation, and the note of their hashes.

The note is written last: a panel that has it had all its pictures. Panels of earlier versions have none, and are shown
as they are.
"""

from pathlib import Path

from manifests import DataError, hash_bytes, hash_file, write_bytes
from manifests.crops import UnusableError, read_content
from manifests.notes import read_note, write_note

NOTE = "panel.json"  # hash of each file by its name


def write_panel(panel: Path, files: dict[str, bytes]) -> None:
    """Write the files of a panel, by name, and its note."""
    (panel / NOTE).unlink(missing_ok=True)
    for name, content in files.items():
        write_bytes(panel / name, content)
    write_note(panel / NOTE, {name: hash_bytes(content) for name, content in files.items()})


def is_whole(panel: Path) -> bool:
    """Whether a panel is there with every byte that was written."""
    try:
        noted = read_note(panel / NOTE)
        return noted is not None and all(hash_file(panel / name) == digest for name, digest in noted.items())
    except OSError:
        return False


def read_panel_file(panel: Path, name: str) -> bytes | None:
    """A file of a panel; None where it has no such file. Raises DataError when it is not as it was written."""
    try:
        noted = read_note(panel / NOTE) if (panel / NOTE).is_file() else {}
        if noted is None:
            raise DataError(f"{panel / NOTE} is damaged; score again")
        if name not in noted and (noted or not (panel / name).is_file()):
            return None
        return read_content(panel / name, noted.get(name), within=panel)
    except (UnusableError, OSError) as error:
        raise DataError(f"{error}; score again, or go without: remove the panel's folder") from error
