"""Write the chosen faces: crops, `faces`, `pairs`. Each file is whole or absent and has the same bytes in every run."""

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from gfr_data.examination.index import Photograph, read_again, read_photographs
from gfr_data.examination.row import read_shard
from gfr_data.examination.work import Work
from gfr_data.pairs.candidates import Faces
from gfr_data.pairs.choose import Choice, Pair
from gfr_data.sources.source import Source
from manifests import PAIRS, hash_bytes, hash_file, write_bytes
from manifests.crops import CROP_SIZE, at_size
from manifests.crowds import crowded, placed
from manifests.files import digest_of, is_as_noted, noted
from manifests.tables.io import ROW_GROUP
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
    size: int  # px of the crops


@dataclass(frozen=True)
class CropNames:
    """What the crops of the selected faces are called."""

    names: dict[int, str]  # of each face by its number: <dataset>/<identity>/<stem>
    folders: dict[str, int]  # those that would be crowded, see `manifests.crowds`

    def path(self, number: int) -> str:
        """Where the crop of a face lies, relative to the build's folder."""
        return f"{CROPS}/{placed(self.names[number], self.folders)}.png"


def name_crops(choice: Choice) -> CropNames:
    """The name of each selected face's crop, in characters every file system takes. No two are alike."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    faces = choice.faces
    selected = np.zeros(len(faces), bool)
    selected[[number for pair in choice.pairs for number in (pair.target, pair.guide, *pair.more)]] = True
    for _, group in groupby(faces.entries(faces.by_identity(selected)), key=lambda entry: entry.identity_key):
        for entry in sorted(group, key=lambda entry: entry.face.key):
            stem = entry.face.key.rpartition("/")[2].rpartition(".")[0] or entry.face.key.rpartition("/")[2]
            plain = f"{_plain(entry.dataset)}/{_plain(entry.identity)}/{_plain(stem)}"
            # Case does not tell files apart everywhere.
            if plain.lower() in taken:
                plain += "-" + hash_bytes(f"{entry.subset}/{entry.face.key}".encode())[:12]
            taken.add(plain.lower())
            names[entry.number] = plain
    return CropNames(names, crowded(names.values()))


def _plain(name: str) -> str:
    """`name` if it has only letters, digits, '.', '_' and '-'; otherwise what is left of it and a hash of the whole."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[:80]
    return plain if plain == name else f"{plain}-{hash_bytes(name.encode())[:8]}"


def crop_tasks(
    work: Work, out: Path, sources: tuple[Source, ...], faces: Faces, names: CropNames, size: int
) -> Iterator[CropTask]:
    """The crops that have a name, of `size` px, a task for each shard."""
    for shard, group in groupby(sorted(names.names), key=lambda number: int(faces.shard[number])):
        paths = {int(faces.row[number]): names.path(number) for number in group}
        yield CropTask(work, out, sources, shard, paths, size)


def write_crops(task: CropTask) -> tuple[int, dict[int, str] | None]:
    """Write the crops of one shard that are not there as they were made; return its number and each row's file's hash.

    None instead of hashes when a photograph is not what was examined any more.
    """
    photographs = read_photographs(task.work, task.number, task.sources)
    columns = ["box", "width", "height", "content_hash"]
    known, times = task.work.noted_crops(task.number), task.work.noted_times(task.number)
    made: dict[str, tuple[str, str]] = {}
    seen: dict[str, str] = {}
    for (row, path), face in zip(task.paths.items(), _take(task.work, task.number, task.paths, columns), strict=True):
        file, digest = task.out / path, face["content_hash"]
        photograph, whole = known.get(path, ("", ""))
        time = times.get(path, "")
        if photograph != digest or digest_of(time) != whole or not is_as_noted(file, time):
            if photograph != digest or not file.is_file() or hash_file(file) != whole:
                if (content := _encoded(photographs[row], face, task.size)) is None:
                    return task.number, None
                write_bytes(file, content)
                whole = hash_bytes(content)
            time = noted(file, whole)
        made[path], seen[path] = (digest, whole), time
    if made != known:
        task.work.note_crops(task.number, made)
    if seen != times:
        task.work.note_times(task.number, seen)
    return task.number, {row: made[path][1] for row, path in task.paths.items()}


def _encoded(photograph: Photograph, face: dict[str, Any], size: int) -> bytes | None:
    """The crop of a face as a PNG file; None where the photograph is not what was examined any more."""
    from PIL import Image

    from gfr_data.faces.crop import crop_decoded, row_geometry
    from gfr_data.faces.reduction import for_crop

    geometry = row_geometry(photograph.source.layout, np.array(face["box"]), face["height"], face["width"])
    found = read_again(photograph, face["content_hash"], lambda w, h: for_crop(geometry, w, h, size))
    if found is None:
        return None
    file = io.BytesIO()
    Image.fromarray(crop_decoded(found, geometry, size)).save(file, format="PNG", compress_level=6)
    return file.getvalue()


def remove_other_crops(out: Path, paths: Iterable[str]) -> None:
    """Remove the crops of an earlier choice, made before a photograph was examined anew."""
    kept = set(paths)
    for folder, _, files in os.walk(out / CROPS):
        inside = Path(folder).relative_to(out).as_posix()
        for file in files:
            if file.endswith(".png") and f"{inside}/{file}" not in kept:
                Path(folder, file).unlink(missing_ok=True)


def _take(work: Work, number: int, rows: Iterable[int], columns: list[str]) -> list[dict[str, Any]]:
    """Some rows of a shard."""
    return list(read_shard(work, number, columns).take(pa.array(rows, pa.int64())).to_pylist())


def face_tables(work: Work, choice: Choice, names: CropNames, schema: pa.Schema, size: int) -> Iterator[pa.Table]:
    """The `faces` table, a shard at a time: what was examined, with what was decided.

    Faces are examined in crops of 256 px whatever the `size` of those that are kept: only the landmarks follow it.
    """
    roles = choice.roles()
    for number in range(work.count()):
        table = read_shard(work, number)
        rows = range(table.num_rows)
        status, reason, message = (table[name].to_pylist() for name in ("status", "reason", "message"))
        whose = list(zip(*(table[name].to_pylist() for name in ("dataset", "subset", "identity")), strict=True))
        own = choice.faces.of_shard(number)
        faces = dict(zip(choice.faces.row[own].tolist(), range(own.start, own.stop), strict=True))
        role: list[str | None] = [None] * len(rows)
        crop: list[str | None] = [None] * len(rows)
        for row in rows:
            face = faces.get(row)
            if face is not None and roles[face] is not None:
                status[row], role[row], crop[row] = "selected", roles[face], names.path(face)
            elif face in choice.noise.reasons:
                status[row] = "rejected"
                reason[row], message[row] = choice.noise.reasons[face]
            elif face in choice.copies:
                status[row], reason[row] = "rejected", "duplicate"
                message[row] = f"a copy of {choice.copies[face]}"
            elif status[row] == "spare" and whose[row] in choice.excluded:
                place = choice.excluded[whose[row]]
                status[row], reason[row] = "rejected", place.reason
                message[row] = f"the person is in {place.persons_split}"
        likeness = [choice.noise.likeness.get(faces.get(row, -1)) for row in rows]
        changed = {"status": status, "reason": reason, "message": message, "role": role, "crop_path": crop}
        changed["likeness"] = likeness
        if size != CROP_SIZE:
            points = table["landmarks"].to_pylist()
            changed["landmarks"] = [one and at_size(np.array(one, np.float32), size) for one in points]
        yield pa.table(
            {f.name: pa.array(changed[f.name], f.type) if f.name in changed else table[f.name] for f in schema}
        )


def pair_tables(work: Work, choice: Choice, names: CropNames, hashes: dict[int, str], size: int) -> Iterator[pa.Table]:
    """The `pairs` table, some pairs at a time. names, hashes: of each selected face, its crop's, of `size` px."""
    selected = np.array(sorted(names.names), np.int64)
    points = np.empty((len(selected), 136), np.float32)
    for shard, group in groupby(range(len(selected)), key=lambda at: int(choice.faces.shard[selected[at]])):
        places = list(group)
        column = read_shard(work, shard, ["landmarks"])["landmarks"]
        rows = pa.array(choice.faces.row[selected[places]])
        points[places] = column.take(rows).combine_chunks().flatten().to_numpy().reshape(-1, 136)
    made = _Made(choice.faces, names, hashes, selected, at_size(points, size))
    for at in range(0, max(len(choice.pairs), 1), ROW_GROUP):
        yield _pair_table(choice.pairs[at : at + ROW_GROUP], made)


@dataclass(frozen=True)
class _Made:
    """What the selected faces gave."""

    faces: Faces
    names: CropNames
    hashes: dict[int, str]  # of their files
    selected: np.ndarray  # (M,) int64, the faces, sorted
    points: np.ndarray  # (M, 136) float32, their landmarks

    def columns(self, numbers: Sequence[int]) -> dict[str, pa.Array]:
        """What the table has of each of some faces, by the end of the column's name."""
        paths = [self.names.path(number) for number in numbers]
        points = self.points[np.searchsorted(self.selected, np.array(numbers, np.int64))]
        return {
            "path": pa.array(paths, pa.string()),
            "landmarks": pa.array(points.ravel()),
            **{name: self.faces.column(name, numbers) for name in ("yaw", "pitch", "roll", "quality")},
            "hash": pa.array([self.hashes[number] for number in numbers], pa.string()),
            "source_path": self.faces.column("source_path", numbers),
        }


def _pair_table(pairs: Sequence[Pair], made: _Made) -> pa.Table:
    targets, guides = [pair.target for pair in pairs], [pair.guide for pair in pairs]
    names = made.names.names
    columns: dict[str, pa.Array] = {
        "pair_id": pa.array(
            [f"{names[pair.target]}+{PurePosixPath(names[pair.guide]).name}" for pair in pairs], pa.string()
        ),
        "split": pa.array([pair.split for pair in pairs], pa.string()),
        **{name: made.faces.column(name, targets) for name in ("dataset", "identity", "person")},
    }
    for role, numbers in (("target", targets), ("guide", guides)):
        for name, values in made.columns(numbers).items():
            columns[f"{role}_{name}"] = (
                pa.FixedSizeListArray.from_arrays(values, 136) if name == "landmarks" else values
            )
    counts = np.cumsum([0, *(len(pair.more) for pair in pairs)])
    for name, values in made.columns([number for pair in pairs for number in pair.more]).items():
        offsets = pa.array((counts * (136 if name == "landmarks" else 1)).astype(np.int32))
        columns[f"{MORE_GUIDES}_{name}"] = pa.ListArray.from_arrays(offsets, values)
    return pa.table([columns[f.name].cast(f.type) for f in PAIRS], schema=PAIRS)
