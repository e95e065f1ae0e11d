"""Examine photographs: decode, detect, crop, measure, and find landmarks of an identity's best. Runs in the workers."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gfr_data.examination.work import Work, text
from gfr_data.pairs.guide import mouth_shape
from gfr_data.quality.judge import Measures, Thresholds
from gfr_data.sources.layouts import Source
from manifests import FACES, DataError, atomic_path, hash_file, keep_freed_memory

if TYPE_CHECKING:
    from gfr_data.faces.crop import CropGeometry

MOST_LANDMARKS = 24  # faces of an identity whose landmarks are computed
GPU_BATCH = 16  # photographs detected together on CUDA; on the CPU one by one is faster (and the same for any batch)

WORKER_DIED = "its worker died twice while examining it"

# What a shard's file holds beside the columns of `faces`: what selection and the search for copies need.
EXTRA = [
    pa.field("mouth_open", pa.float32()),
    pa.field("mouth_wide", pa.float32()),
    pa.field("picture", pa.binary()),
]
SHARD = pa.schema([*FACES, *EXTRA])


@dataclass(frozen=True)
class Examination:
    """All that a face's row depends on, the photograph aside."""

    sources: tuple[Source, ...]
    landmarks: str  # 'fan' or 'file:PATH'
    fan_weights: Path | None
    device: str  # 'cpu' or 'cuda'
    thresholds: Thresholds


@dataclass(frozen=True)
class ShardTask:
    work: Work
    number: int
    how: Examination
    careful: bool = False  # one photograph at a time, so that a dying worker tells which it was
    again: bool = False  # examine only identities with an unreadable photograph, keep the other rows


@dataclass(frozen=True)
class Photograph:
    row: int  # in the shard
    source: Source
    subset: str
    identity: str
    person: str
    path: Path
    source_path: str
    hint: tuple[float, ...] | None  # the dataset's own box


@dataclass(frozen=True)
class FaceRow:
    """A row of SHARD. Status 'spare' with landmarks: may be selected."""

    dataset: str
    subset: str
    identity: str
    person: str
    source_path: str
    status: str
    reason: str | None = None
    message: str | None = None
    width: int | None = None
    height: int | None = None
    box: list[float] | None = None
    detector_score: float | None = None
    keypoints: list[float] | None = None
    landmarks: list[float] | None = None
    landmark_scores: list[float] | None = None
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    eye_open_left: float | None = None
    eye_open_right: float | None = None
    face_size: float | None = None
    bandwidth: float | None = None
    blockiness: float | None = None
    occlusion: float | None = None
    cartoon: float | None = None
    exposure: float | None = None
    quality: float | None = None
    content_hash: str | None = None
    perceptual_hash: int | None = None
    mouth_open: float | None = None
    mouth_wide: float | None = None
    picture: bytes | None = None


@dataclass(frozen=True)
class Tools:
    """What a worker needs; made once in each process."""

    detector: Any
    landmarks: Any
    thresholds: Thresholds


def examine_shard(task: ShardTask) -> int:
    """Write the faces of one shard and return the number of its photographs. A finished shard is left as it is."""
    path = task.work.shard(task.number)
    if path.is_file() and not task.again:
        return pq.read_metadata(path).num_rows
    try:
        rows = _examine(task)
        with atomic_path(path) as part:
            pq.write_table(pa.Table.from_pylist(rows, schema=SHARD), part, compression="zstd")
        task.work.forget(task.number)
    except OSError as error:  # of photographs it is caught before: this is the work folder
        raise DataError(f"{error.filename or task.work.folder}: {error.strerror}; mend it, then run again") from error
    return len(rows)


def _examine(task: ShardTask) -> list[dict[str, Any]]:
    """The rows of a shard, identity by identity."""
    known = _known_rows(task.work.shard(task.number)) if task.again else {}
    rows: list[dict[str, Any]] = []
    photographs = photographs_of(task.work, task.number, task.how.sources)
    for _, group in groupby(photographs, key=lambda member: (member.source.dataset, member.subset, member.identity)):
        members = list(group)
        if all(member.row in known for member in members):
            rows += [known[member.row] for member in members]
        else:
            rows += [_as_dict(face) for face in _examine_identity(members, task)]
    return rows


def photographs_of(work: Work, number: int, sources: Sequence[Source]) -> list[Photograph]:
    """The photographs of one shard, in the order of the index."""
    return [_photograph(row, values, sources) for row, values in enumerate(work.photographs(number).to_pylist())]


def row_geometry(layout: str, box: np.ndarray, height: int, width: int) -> "CropGeometry":
    """The square that is cropped: CASIA-WebFace's images already are crops and are only resized (§4.1)."""
    from gfr_data.faces.crop import square_around, whole_image

    return whole_image(height, width) if layout == "casia-webface" else square_around(box)


@lru_cache(maxsize=1)
def _tools(how: Examination) -> Tools:
    """Networks and points of this process; made once, for every shard needs them."""
    import cv2
    import torch

    from gfr_data.faces.landmarks import open_provider
    from gfr_data.faces.mtcnn import Mtcnn

    # One thread each: the processes are as many as the cores, and sums in another order would change the last digits.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep_freed_memory()
    return Tools(Mtcnn(device=how.device), open_provider(how.landmarks, how.fan_weights, how.device), how.thresholds)


def _examine_identity(members: Sequence[Photograph], task: ShardTask) -> list[FaceRow]:
    """Every photograph of one identity; landmarks for the best of those that pass the cheap checks."""
    tools = _tools(task.how)
    skipped = task.work.skipped(task.number)
    faces: dict[int, FaceRow] = {}
    for batch in _batches([member for member in members if member.row not in skipped], task):
        found = _look(batch, tools)
        faces |= {member.row: face for member, face in zip(batch, found, strict=True)}
    faces |= {member.row: _unreadable(member, WORKER_DIED) for member in members if member.row in skipped}
    faces = _without_copies(faces)
    by_row = {member.row: member for member in members}
    for batch in _batches([by_row[row] for row in _best(faces)], task):
        marked = _mark(batch, [faces[member.row] for member in batch], tools)
        faces |= {member.row: face for member, face in zip(batch, marked, strict=True)}
    return [faces[member.row] for member in members]


def _batches(members: Sequence[Photograph], task: ShardTask) -> Iterator[Sequence[Photograph]]:
    """Photographs that the networks see together, each batch noted before it is worked on."""
    size = 1 if task.careful or task.how.device == "cpu" else GPU_BATCH
    for start in range(0, len(members), size):
        batch = members[start : start + size]
        task.work.note(task.number, [member.row for member in batch])
        yield batch


def _look(batch: Sequence[Photograph], tools: Tools) -> list[FaceRow]:
    """Decode, detect, crop, measure: what costs little."""
    from gfr_data.faces.decode import Unreadable, read_image

    images: dict[int, np.ndarray] = {}
    faces: dict[int, FaceRow] = {}
    for member in batch:
        try:
            images[member.row] = read_image(member.path)
        except Unreadable as error:
            if not member.path.exists():
                text = f"{member.path} was there when the source was indexed; put it back, or build with --overwrite"
                raise DataError(text) from error
            faces[member.row] = _unreadable(member, str(error))
    found = dict(zip(images, tools.detector(list(images.values())), strict=True)) if images else {}
    for member in batch:
        if member.row in images:
            faces[member.row] = _measured_or_row(member, images[member.row], found[member.row], tools)
    return [faces[member.row] for member in batch]


def _measured_or_row(member: Photograph, image: np.ndarray, found: Sequence[Any], tools: Tools) -> FaceRow:
    """One odd photograph among millions must not end the build: what fails on it is its row's message."""
    import cv2

    try:
        return _measured(member, image, found, tools)
    except (ArithmeticError, IndexError, ValueError, cv2.error) as error:
        return _unreadable(member, f"cannot be measured: {type(error).__name__}: {error}")


def _measured(member: Photograph, image: np.ndarray, found: Sequence[Any], tools: Tools) -> FaceRow:
    from gfr_data.faces.subject import choose_subject
    from gfr_data.quality.copies import face_picture, hash_picture, small_picture
    from gfr_data.quality.judge import judge, measure_crop, overall

    height, width = image.shape[:2]
    row = replace(_row(member, "rejected"), width=width, height=height, content_hash=hash_file(member.path))
    subject = choose_subject(found, height, width, None if member.hint is None else np.array(member.hint))
    if subject.face is None:
        return replace(row, reason=subject.reason)
    face = subject.face
    picture = face_picture(image, face.keypoints)
    measures = measure_crop(image, face.box)
    reason = subject.reason or judge(measures, tools.thresholds)
    return replace(
        row,
        status="rejected" if reason else "spare",
        reason=reason,
        box=np.asarray(face.box, np.float32).tolist(),
        detector_score=float(face.score),
        keypoints=np.asarray(face.keypoints, np.float32).ravel().tolist(),
        perceptual_hash=hash_picture(picture),
        picture=small_picture(picture),
        quality=overall(measures),
        face_size=measures.face_size,
        bandwidth=measures.bandwidth,
        blockiness=measures.blockiness,
        cartoon=measures.cartoon,
        exposure=measures.exposure,
    )


def _mark(batch: Sequence[Photograph], faces: Sequence[FaceRow], tools: Tools) -> list[FaceRow]:
    """Landmarks, and what follows from them. The photographs are decoded again: an identity may have thousands."""
    from gfr_data.faces.crop import crop
    from gfr_data.faces.decode import read_image
    from gfr_data.faces.landmarks import LandmarkRequest

    requests, crops = [], []
    for member, face in zip(batch, faces, strict=True):
        image, box = read_image(member.path), np.array(face.box)
        geometry = row_geometry(member.source.layout, box, *image.shape[:2])
        requests.append(LandmarkRequest(member.source.root, member.source_path, image, box, geometry))
        crops.append(crop(image, geometry))
    found = tools.landmarks(requests)
    return [_judged(*item, tools.thresholds) for item in zip(faces, crops, found, strict=True)]


def _judged(face: FaceRow, crop: np.ndarray, found: Any, thresholds: Thresholds) -> FaceRow:
    from gfr_data.faces.pose import eye_openness, head_pose
    from gfr_data.quality.judge import judge, measure_landmarks

    if found is None:
        return replace(face, status="rejected", reason="no_landmarks")
    points = np.asarray(found.points, np.float32)
    try:
        pose, eyes = head_pose(points), eye_openness(points)
    except ValueError as error:
        return replace(face, status="rejected", reason="no_landmarks", message=str(error))
    mouth_open, mouth_wide = mouth_shape(points)
    measures = measure_landmarks(_measures(face), crop, points, pose)
    reason = judge(measures, thresholds)
    return replace(
        face,
        status="rejected" if reason else face.status,
        reason=reason,
        occlusion=measures.occlusion,
        landmarks=points.ravel().tolist(),
        landmark_scores=None if found.scores is None else np.asarray(found.scores, np.float32).tolist(),
        yaw=float(pose.yaw),
        pitch=float(pose.pitch),
        roll=float(pose.roll),
        eye_open_left=float(eyes[0]),
        eye_open_right=float(eyes[1]),
        mouth_open=mouth_open,
        mouth_wide=mouth_wide,
    )


def _measures(face: FaceRow) -> Measures:
    """What was measured before, of a face that passed."""
    values = (face.face_size, face.bandwidth, face.blockiness, face.cartoon, face.exposure)
    return Measures(*(float(value or 0.0) for value in values))


def _without_copies(faces: dict[int, FaceRow]) -> dict[int, FaceRow]:
    """The faces, with all but the best of several copies rejected."""
    from gfr_data.quality.copies import find_copies

    passed = _by_quality(faces)
    copied = find_copies(
        [faces[row].perceptual_hash or 0 for row in passed], [faces[row].picture or b"" for row in passed]
    )
    result = dict(faces)
    for row, first in zip(passed, copied.tolist(), strict=True):
        if first >= 0:
            best = faces[passed[first]]
            text = f"a copy of {best.dataset}/{best.source_path}"
            result[row] = replace(faces[row], status="rejected", reason="duplicate", message=text)
    return result


def _best(faces: dict[int, FaceRow]) -> list[int]:
    """The rows whose landmarks are worth computing."""
    return _by_quality(faces)[:MOST_LANDMARKS]


def _by_quality(faces: dict[int, FaceRow]) -> list[int]:
    """Rows of the acceptable faces, best first."""
    passed = [row for row, face in faces.items() if face.status == "spare"]
    return sorted(passed, key=lambda row: (-(faces[row].quality or 0.0), faces[row].source_path))


def _row(member: Photograph, status: str) -> FaceRow:
    return FaceRow(member.source.dataset, member.subset, member.identity, member.person, member.source_path, status)


def _unreadable(member: Photograph, message: str) -> FaceRow:
    return replace(_row(member, "unreadable"), reason="unreadable", message=message)


def _photograph(row: int, values: dict[str, Any], sources: Sequence[Source]) -> Photograph:
    source = sources[values["source"]]
    path = os.fsdecode(values["path"])
    hint = tuple(values["hint"]) if values["hint"] is not None else None
    who = (values["subset"], values["identity"], values["person"])
    return Photograph(row, source, *who, source.root / path, text(path), hint)


def _as_dict(face: FaceRow) -> dict[str, Any]:
    return {item.name: getattr(face, item.name) for item in fields(face)}


def _known_rows(path: Path) -> dict[int, dict[str, Any]]:
    """The rows of a finished shard whose photographs were readable."""
    if not path.is_file():
        return {}
    return {row: face for row, face in enumerate(pq.read_table(path).to_pylist()) if face["status"] != "unreadable"}
