"""Points of many photographs on the disk, mapped: all processes of a machine share what is in memory of them.

points.f32   (N, 136) float32, in the order of the file that they are from
keys.npy     (N,) uint64, `path_key` of their photographs, sorted
rows.npy     (N,) int64, which row of the points each key has
points.json  hash of the file that they are from; written last
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfr_data.faces.landmarks import POINTS
from manifests import DataError, atomic_path
from manifests.notes import read_note, write_note

NOTE_FILE, POINTS_FILE, KEYS_FILE, ROWS_FILE = "points.json", "points.f32", "keys.npy", "rows.npy"


@dataclass(frozen=True)
class PointTable:
    keys: np.ndarray  # (N,) uint64, sorted
    rows: np.ndarray  # (N,) int64
    points: np.ndarray  # (N, 136) float32

    def find(self, key: int) -> np.ndarray | None:
        """The points of a photograph by its key, (68, 2) float32: the first of several, None where there are none."""
        at = int(np.searchsorted(self.keys, np.uint64(key)))
        if at == len(self.keys) or self.keys[at] != key:
            return None
        return np.array(self.points[self.rows[at]]).reshape(POINTS, 2)


def make_points(folder: Path, parts: Iterable[tuple[np.ndarray, np.ndarray]], digest: str) -> PointTable:
    """Make the table of `parts`: keys (n,) uint64 and points (n, 136) float32; holds one part and 16 bytes a row.

    digest: hash of the file that they are from. Raises DataError when the folder cannot be written.
    """
    keys = [np.empty(0, np.uint64)]
    with atomic_path(folder / POINTS_FILE) as part, part.open("wb") as file:
        for new, points in parts:
            keys.append(new)
            file.write(np.ascontiguousarray(points, np.float32).data)
    known = np.concatenate(keys)
    order = np.argsort(known, kind="stable")
    for name, values in ((KEYS_FILE, known[order]), (ROWS_FILE, order.astype(np.int64))):
        with atomic_path(folder / name) as part:
            np.save(part, values)
    write_note(folder / NOTE_FILE, {"digest": digest, "rows": len(known)})
    if (table := open_points(folder, digest)) is None:
        raise DataError(f"{folder} does not hold what was just written there; run the same command again")
    return table


def open_points(folder: Path | None, digest: str | None) -> PointTable | None:
    """The table in a folder; None where there is none of the file that has this hash, or it is not whole."""
    if folder is None or digest is None:
        return None
    try:
        note = read_note(folder / NOTE_FILE)
        if note is None or note.get("digest") != digest:
            return None
        keys, rows = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (KEYS_FILE, ROWS_FILE))
        shape = len(keys), 2 * POINTS
        # An empty file cannot be mapped.
        points = np.memmap(folder / POINTS_FILE, np.float32, "r", shape=shape) if len(keys) else np.empty(shape)
        return PointTable(keys, rows, points) if len(rows) == note["rows"] == len(keys) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
