"""Write the chosen faces: crops, `faces`, `pairs`. Each file is whole or absent and has the same bytes in every run."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gfr_data.examination.index import read_again, read_photographs
from gfr_data.examination.row import read_shard
from gfr_data.examination.work import Work
from gfr_data.pairs.choose import Choice, Pair, RowKey
from gfr_data.sources.source import Source
from manifests import FACES, PAIRS, hash_bytes, hash_file, to_table, write_bytes
from manifests.tables.schemas import MORE_GUIDES

CROPS = "crops"


@dataclass(frozen=True)
class CropTask:
    """The selected faces of one shard."""

    work: Work
    out: Path
    sources: tuple[Source, ...]
    number: int
    paths: dict[int, str]  # row -> where its crop goes, relative to `out`


def name_crops(choice: Choice) -> dict[RowKey, str]:
    """`crops/<dataset>/<identity>/<stem>.png` of each selected face, in characters every file system takes.

    No two are alike.
    """
    paths: dict[RowKey, str] = {}
    taken: set[str] = set()
    selected = {entry.row: entry for pair in choice.pairs for entry in (pair.target, pair.guide, *pair.more)}
    for entry in sorted(selected.values(), key=lambda entry: (entry.identity_key, entry.face.key)):
        stem = entry.face.key.rpartition("/")[2].rpartition(".")[0] or entry.face.key.rpartition("/")[2]
        plain = f"{CROPS}/{_plain(entry.dataset)}/{_plain(entry.identity)}/{_plain(stem)}"
        # Case does not tell files apart everywhere.
        if plain.lower() in taken:
            plain += "-" + hash_bytes(f"{entry.subset}/{entry.face.key}".encode())[:12]
        taken.add(plain.lower())
        paths[entry.row] = plain + ".png"
    return paths


def _plain(name: str) -> str:
    """`name` if it has only letters, digits, '.', '_' and '-'; otherwise what is left of it and a hash of the whole."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[:80]
    return plain if plain == name else f"{plain}-{hash_bytes(name.encode())[:8]}"


def crop_tasks(work: Work, out: Path, sources: tuple[Source, ...], paths: dict[RowKey, str]) -> list[CropTask]:
    """The crops at `paths`, a task for each shard."""
    return [
        CropTask(work, out, sources, number, {row: paths[number, row] for _, row in keys})
        for number, keys in groupby(sorted(paths), key=lambda key: key[0])
    ]


def write_crops(task: CropTask) -> dict[str, str] | CropTask:
    """Write the crops of one shard that are not there as they were made; return each path with the hash of its file.

    Returns the task itself when a photograph is not what was examined any more.
    """
    photographs = read_photographs(task.work, task.number, task.sources)
    columns = ["box", "width", "height", "content_hash"]
    noted, made = task.work.noted_crops(task.number), {}
    for (row, path), face in zip(task.paths.items(), _take(task.work, task.number, task.paths, columns), strict=True):
        file, digest = task.out / path, face["content_hash"]
        whole = noted.get(path, ("", ""))
        if whole[0] != digest or not file.is_file() or hash_file(file) != whole[1]:
            if (image := read_again(photographs[row], digest)) is None:
                return task
            content = _encoded(image, photographs[row].source, face)
            write_bytes(file, content)
            whole = digest, hash_bytes(content)
        made[path] = whole
    if made != noted:
        task.work.note_crops(task.number, made)
    return {path: digest for path, (_, digest) in made.items()}


def _encoded(image: np.ndarray, source: Source, face: dict[str, Any]) -> bytes:
    """The crop of a face as a PNG file."""
    from PIL import Image

    from gfr_data.faces.crop import crop, row_geometry

    geometry = row_geometry(source.layout, np.array(face["box"]), face["height"], face["width"])
    file = io.BytesIO()
    Image.fromarray(crop(image, geometry)).save(file, format="PNG", compress_level=6)
    return file.getvalue()


def remove_other_crops(out: Path, paths: Iterable[str]) -> None:
    """Remove the crops of an earlier choice, made before a photograph was examined anew."""
    kept = set(paths)
    for file in (out / CROPS).rglob("*.png"):
        if file.relative_to(out).as_posix() not in kept:
            file.unlink(missing_ok=True)


def _take(work: Work, number: int, rows: Iterable[int], columns: list[str]) -> list[dict[str, Any]]:
    """Some rows of a shard."""
    return list(read_shard(work, number, columns).take(pa.array(rows, pa.int64())).to_pylist())


def face_tables(work: Work, choice: Choice, paths: dict[RowKey, str]) -> Iterator[pa.Table]:
    """The `faces` table, a shard at a time: what was examined, with what was decided."""
    roles = choice.roles()
    for number in range(work.count()):
        table = read_shard(work, number)
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
                place = choice.excluded[whose[row]]
                status[row], reason[row] = "rejected", place.reason
                message[row] = f"the person is in {place.persons_split}"
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
    landmarks: dict[RowKey, list[float]] = {}
    for number, group in groupby(sorted(paths), key=lambda key: key[0]):
        keys = list(group)
        found = _take(work, number, [row for _, row in keys], ["landmarks"])
        landmarks |= {key: face["landmarks"] for key, face in zip(keys, found, strict=True)}
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
    further = {
        "path": [paths[entry.row] for entry in pair.more],
        "landmarks": [value for entry in pair.more for value in landmarks[entry.row]],
        "hash": [hashes[paths[entry.row]] for entry in pair.more],
        "source_path": [entry.face.key for entry in pair.more],
    }
    for name in ("yaw", "pitch", "roll", "quality"):
        further[name] = [getattr(entry.face, name) for entry in pair.more]
    return row | {f"{MORE_GUIDES}_{name}": values for name, values in further.items()}
