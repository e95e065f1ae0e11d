"""Write what was chosen: crops, `faces`, `pairs`. Each file is whole or absent, and has the same bytes in every run."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gfr_data.examination.shard import Examination
from gfr_data.examination.work import Work
from gfr_data.pairs.choose import Choice, Entry, Pair, RowKey
from manifests import FACES, PAIRS, DataError, atomic_path, hash_bytes, hash_file, to_table

CROPS = "crops"


@dataclass(frozen=True)
class CropTask:
    """The selected faces of one shard."""

    work: Work
    out: Path
    number: int
    how: Examination
    rows: tuple[int, ...]
    paths: tuple[str, ...]  # where their crops go, relative to `out`


def crop_paths(entries: Sequence[Entry]) -> dict[RowKey, str]:
    """`crops/<dataset>/<identity>/<stem>.png` of each entry, in characters every file system takes, no two alike."""
    paths: dict[RowKey, str] = {}
    taken: set[str] = set()
    for entry in sorted(entries, key=lambda entry: (entry.whose, entry.face.key)):
        stem = entry.face.key.rpartition("/")[2].rpartition(".")[0] or entry.face.key.rpartition("/")[2]
        plain = f"{CROPS}/{safe_name(entry.dataset)}/{safe_name(entry.identity)}/{safe_name(stem)}"
        # Case does not tell files apart everywhere.
        if plain.lower() in taken:
            plain += "-" + hash_bytes(f"{entry.subset}/{entry.face.key}".encode())[:12]
        taken.add(plain.lower())
        paths[entry.row] = plain + ".png"
    return paths


def safe_name(name: str) -> str:
    """`name` if it has only letters, digits, '.', '_' and '-'; otherwise what is left of it and a hash of the whole."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[:80]
    return plain if plain == name else f"{plain}-{hash_bytes(name.encode())[:8]}"


def write_crops(task: CropTask) -> tuple[int, tuple[str, ...]]:
    """Write the crops of one shard that are not there yet; return the shard's number and the hash of each crop's file.

    Raises DataError when a photograph is not what was examined.
    """
    from gfr_data.examination.shard import photographs_of, row_geometry
    from gfr_data.faces.crop import crop
    from gfr_data.faces.decode import read_image

    index = photographs_of(task.work, task.number, task.how.sources)
    columns = ["box", "width", "height", "content_hash"]
    found = (
        pq.read_table(task.work.shard(task.number), columns=columns).take(pa.array(task.rows, pa.int64())).to_pylist()
    )
    hashes = []
    for row, path, face in zip(task.rows, task.paths, found, strict=True):
        target, photograph = task.out / path, index[row]
        if not target.is_file():
            if not photograph.path.is_file() or hash_file(photograph.path) != face["content_hash"]:
                raise DataError(f"{photograph.path} changed after it was examined; build again with --overwrite")
            geometry = row_geometry(photograph.source.layout, np.array(face["box"]), face["height"], face["width"])
            _write_png(target, crop(read_image(photograph.path), geometry))
        hashes.append(hash_file(target))
    return task.number, tuple(hashes)


def face_tables(work: Work, count: int, choice: Choice, paths: dict[RowKey, str]) -> Iterator[pa.Table]:
    """The `faces` table, a shard at a time: what was examined, with what was decided."""
    roles = choice.roles()
    for number in range(count):
        table = pq.read_table(work.shard(number))
        rows = range(table.num_rows)
        status, reason, message = (table[name].to_pylist() for name in ("status", "reason", "message"))
        whose = list(zip(*(table[name].to_pylist() for name in ("dataset", "subset", "identity")), strict=True))
        for row in rows:
            key = (number, row)
            if key in roles:
                status[row] = "selected"
            elif key in choice.copies:
                status[row], reason[row] = "rejected", "duplicate"
                message[row] = f"a copy of {choice.copies[key]}"
            elif status[row] == "spare" and whose[row] in choice.excluded:
                why, split = choice.excluded[whose[row]]
                status[row], reason[row], message[row] = "rejected", why, f"the person is in {split}"
        changed = {
            "status": status,
            "reason": reason,
            "message": message,
            "role": [roles.get((number, row)) for row in rows],
            "crop_path": [paths.get((number, row)) for row in rows],
        }
        yield pa.table(
            {f.name: pa.array(changed[f.name], f.type) if f.name in changed else table[f.name] for f in FACES}
        )


def pair_table(work: Work, pairs: Sequence[Pair], paths: dict[RowKey, str], hashes: dict[str, str]) -> pa.Table:
    """The `pairs` table. `hashes`: crop path -> hash of the file."""
    wanted = {pair.target.row for pair in pairs} | {pair.guide.row for pair in pairs}
    landmarks = dict(_landmarks(work, sorted(wanted)))
    return to_table([_pair_row(pair, paths, hashes, landmarks) for pair in pairs], PAIRS)


def _pair_row(
    pair: Pair, paths: dict[RowKey, str], hashes: dict[str, str], landmarks: dict[RowKey, list[float]]
) -> dict[str, object]:
    target, guide = paths[pair.target.row], paths[pair.guide.row]
    stem = target.removeprefix(f"{CROPS}/").removesuffix(".png")
    row: dict[str, object] = {
        "pair_id": f"{stem}+{Path(guide).stem}",
        "split": pair.split,
        "dataset": pair.target.dataset,
        "identity": pair.target.identity,
        "person": pair.target.person,
    }
    for role, entry, path in (("target", pair.target, target), ("guide", pair.guide, guide)):
        row |= {
            f"{role}_path": path,
            f"{role}_landmarks": landmarks[entry.row],
            f"{role}_yaw": entry.face.yaw,
            f"{role}_pitch": entry.face.pitch,
            f"{role}_roll": entry.face.roll,
            f"{role}_quality": entry.face.quality,
            f"{role}_hash": hashes[path],
            f"{role}_source_path": entry.face.key,
        }
    return row


def _landmarks(work: Work, rows: Sequence[RowKey]) -> Iterator[tuple[RowKey, list[float]]]:
    for number, group in groupby(rows, key=lambda row: row[0]):
        keys = list(group)
        table = pq.read_table(work.shard(number), columns=["landmarks"])
        found = table["landmarks"].take(pa.array([row for _, row in keys], pa.int64())).to_pylist()
        yield from zip(keys, found, strict=True)


def _write_png(path: Path, image: np.ndarray) -> None:
    from PIL import Image

    with atomic_path(path) as part:
        Image.fromarray(image).save(part, format="PNG", compress_level=6)
