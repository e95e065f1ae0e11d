"""Examine photographs: decode, detect, crop, measure, and find landmarks of an identity's best. Runs in the workers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from gfr_data.examination.decisions import Decision
from gfr_data.examination.hidden import find_or_uncover
from gfr_data.examination.index import Photograph, read_photographs, require_source
from gfr_data.examination.landmarks import find_landmarks
from gfr_data.examination.row import (
    Detection,
    ExaminedFace,
    Fingerprint,
    Framing,
    PhotographFile,
    floats,
    read_known_rows,
    unreadable,
    write_shard,
)
from gfr_data.examination.work import Work
from gfr_data.faces.embedding import Embed, Embedder
from gfr_data.quality.judge import Thresholds, judge, measure_crop, overall
from gfr_data.sources.names import order_of
from gfr_data.sources.source import Source
from manifests import DataError, keep_freed_memory

if TYPE_CHECKING:
    from gfr_data.faces.decode import Decoded
    from gfr_data.faces.landmarks import Provider
    from gfr_data.faces.mtcnn import Face, Mtcnn

MOST_LANDMARKS = 24  # faces of an identity whose landmarks are computed
KEPT = 64_000_000  # bytes of an identity's photographs that are not decoded again for their landmarks
GPU_BATCH = 16  # photographs detected together on CUDA; on the CPU one by one is faster (and the same for any batch)

WORKER_DIED = "its worker died twice while examining it"


@dataclass(frozen=True)
class ExaminationSettings:
    """Everything but the photograph itself that a face's row depends on."""

    sources: tuple[Source, ...]
    landmarks: str  # 'fan', 'dlib' or 'file:PATH'
    fan_weights: Path | None
    device: str  # 'cpu' or 'cuda'
    thresholds: Thresholds
    weights: str | None  # hash of the weights that find the landmarks, see `providers.hash_weights`
    points: str | None  # hash of the file of points, see `providers.hash_points`
    trust_program: bool = False  # run weights that are a TorchScript program
    points_folder: Path | None = None  # where the build has put the points of that file, see `faces.point_table`
    embedder: Embedder | None = None  # tells persons apart


@dataclass(frozen=True)
class ShardTask:
    work: Work
    number: int
    settings: ExaminationSettings
    careful: bool = False  # one photograph at a time, so that a dying worker tells which it was
    again: bool = False  # examine only identities with other decisions, keep the other rows
    unreadable: bool = False  # and of them those with an unreadable photograph
    decided: Mapping[int, Decision] = field(default_factory=dict)  # by the row in the shard


@dataclass(frozen=True)
class Tools:
    """What a worker needs; made once in each process."""

    detector: "Mtcnn"
    landmarks: "Provider"
    thresholds: Thresholds
    embed: Embed | None


def examine_shard(task: ShardTask) -> int:
    """Write the faces of one shard and return the number of its photographs. A finished shard is left as it is."""
    if task.work.is_done(task.number) and not task.again:
        return int(pq.read_metadata(task.work.shard(task.number)).num_rows)
    try:
        rows = _examine(task)
        write_shard(task.work, task.number, rows, task.settings.embedder is not None)
        task.work.forget(task.number)
    except OSError as error:  # of photographs it is caught before: this is the work folder
        raise DataError(f"{error.filename or task.work.folder}: {error.strerror}; mend it, then run again") from error
    return len(rows)


def _examine(task: ShardTask) -> list[dict[str, Any]]:
    """The rows of a shard, identity by identity."""
    known = read_known_rows(task.work, task.number, task.decided, not task.unreadable) if task.again else {}
    rows: list[dict[str, Any]] = []
    photographs = read_photographs(task.work, task.number, task.settings.sources)
    for _, group in groupby(photographs, key=lambda photo: (photo.source.dataset, photo.subset, photo.identity)):
        members = list(group)
        if all(photo.row in known for photo in members):
            rows += [known[photo.row] for photo in members]
        else:
            rows += [face.to_row() for face in _examine_identity(members, task)]
    return rows


@lru_cache(maxsize=1)
def _tools(settings: ExaminationSettings) -> Tools:
    """Networks and points of this process; made once, for every shard needs them."""
    import cv2
    import torch

    from gfr_data.faces.mtcnn import Mtcnn
    from gfr_data.faces.point_table import open_points
    from gfr_data.faces.providers import hash_points, hash_weights, open_provider

    # One thread each: the processes are as many as the cores, and sums in another order would change the last digits.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep_freed_memory()
    if hash_weights(settings.landmarks, settings.fan_weights) != settings.weights:
        raise DataError(
            f"the weights of --landmarks {settings.landmarks} are others here than where the build was started; "
            "give all machines the same file, and leave it alone until the build ends"
        )
    points = open_points(settings.points_folder, settings.points)
    if points is None and hash_points(settings.landmarks) != settings.points:
        raise DataError(
            f"the points of --landmarks {settings.landmarks} are others here than where the build was started; "
            "give all machines the same file, and leave it alone until the build ends"
        )
    provider = open_provider(settings.landmarks, settings.fan_weights, settings.device, settings.trust_program, points)
    embed = settings.embedder.open(settings.device) if settings.embedder else None
    return Tools(Mtcnn(settings.device), provider, settings.thresholds, embed)


def _examine_identity(photographs: Sequence[Photograph], task: ShardTask) -> list[ExaminedFace]:
    """Every photograph of one identity; landmarks for the best of those that pass the cheap checks."""
    tools = _tools(task.settings)
    skipped = task.work.skipped(task.number)
    faces = _by_row([unreadable(photo, WORKER_DIED) for photo in photographs if photo.row in skipped], task)
    kept: dict[int, Decoded] = {}  # photographs by their rows
    for batch in _batches([photo for photo in photographs if photo.row not in skipped], task):
        faces |= _by_row(_look(batch, tools, kept), task)
    faces |= _by_row(_copies(_acceptable(faces)), task)
    # Of given pairs every photograph may be needed.
    most = None if photographs[0].source.layout == "mapping" else MOST_LANDMARKS
    best = sorted(_acceptable(faces), key=lambda face: face.decision is None)  # first those that a person kept
    for batch in _batches([face.photograph for face in best[:most]], task):
        wanted = [faces[photo.row] for photo in batch]
        faces |= _by_row(find_landmarks(wanted, kept, tools.landmarks, tools.thresholds, tools.embed), task)
    return [faces[photo.row] for photo in photographs]


def _by_row(faces: Sequence[ExaminedFace], task: ShardTask) -> dict[int, ExaminedFace]:
    """The faces by their rows, with what was decided about them."""
    rows = [(face.photograph.row, face) for face in faces]
    return {row: face.overruled(task.decided[row]) if row in task.decided else face for row, face in rows}


def _acceptable(faces: dict[int, ExaminedFace]) -> list[ExaminedFace]:
    """The faces with nothing against them, best first."""
    ranked = [
        (-overall(face.measures), order_of(face.photograph.source_path), face)
        for face in faces.values()
        if face.measures
    ]
    return [face for _, _, face in sorted(ranked, key=lambda item: item[:2]) if face.reason is None]


def _batches(photographs: Sequence[Photograph], task: ShardTask) -> Iterator[Sequence[Photograph]]:
    """Photographs that the networks see together, each batch noted before it is worked on."""
    size = 1 if task.careful or task.settings.device == "cpu" else GPU_BATCH
    for start in range(0, len(photographs), size):
        batch = photographs[start : start + size]
        task.work.note(task.number, [photo.row for photo in batch])
        yield batch


def _look(batch: Sequence[Photograph], tools: Tools, kept: "dict[int, Decoded]") -> list[ExaminedFace]:
    """The cheap part: decode, detect, crop, measure. What has a good face is `kept`, as far as that may grow."""
    import cv2

    from gfr_data.faces.decode import Unreadable, read_photograph
    from gfr_data.faces.reduction import for_search

    faces: list[ExaminedFace] = []
    readable: list[tuple[Photograph, Decoded]] = []
    for photo in batch:
        try:
            readable.append((photo, read_photograph(photo.read, for_search)))
        except Unreadable as error:
            require_source(photo)
            faces.append(unreadable(photo, str(error)))
    found = tools.detector([decoded.image for _, decoded in readable])
    for (photo, searched), detected in zip(readable, found, strict=True):
        # One odd photograph among millions must not end the build: what fails on it is its row's message.
        try:
            face, decoded = _measured(photo, searched, detected, tools)
            faces.append(face)
            if face.reason is None and sum(one.nbytes for one in (decoded, *kept.values())) <= KEPT:
                kept[photo.row] = decoded
        except Unreadable as error:  # damaged where only more pixels show it
            faces.append(unreadable(photo, str(error)))
        except (ArithmeticError, IndexError, ValueError, cv2.error) as error:
            faces.append(unreadable(photo, f"cannot be measured: {type(error).__name__}: {error}"))
    return faces


def _measured(
    photograph: Photograph, searched: "Decoded", detected: Sequence["Face"], tools: Tools
) -> "tuple[ExaminedFace, Decoded]":
    """The photograph's subject among the faces that were detected, and the measures that need no landmarks.

    Also the photograph in as many pixels as its face needs.
    """
    from gfr_data.faces.crop import row_geometry, share_inside
    from gfr_data.faces.reduction import for_crop
    from gfr_data.quality.copies import face_picture, hash_picture, small_picture

    height, width = searched.height, searched.width
    file = PhotographFile(width, height, searched.digest)
    hint = None if photograph.hint is None else np.array(photograph.hint) / searched.reduction
    subject = find_or_uncover(tools.detector, detected, searched.image, hint, tools.thresholds.exposure)
    if subject.face is None:
        return ExaminedFace(photograph, reason=subject.reason, file=file), searched
    face = subject.face.enlarged(searched.reduction)
    layout, kept_box = photograph.source.layout, np.array(floats(face.box))
    square = row_geometry(layout, face.box, height, width)
    # By what the row holds, as whoever reads the photograph again does.
    decoded = searched.at(for_crop(row_geometry(layout, kept_box, height, width), width, height))
    smaller = face.enlarged(1 / decoded.reduction)
    picture = face_picture(decoded.image, smaller.keypoints)
    measures = measure_crop(decoded.image, smaller.box)
    measures = replace(measures, face_size=measures.face_size * decoded.reduction)
    examined = ExaminedFace(
        photograph,
        reason=subject.reason or judge(measures, tools.thresholds),
        file=file,
        detection=Detection(floats(face.box), float(face.score), floats(face.keypoints)),
        framing=Framing(min(square.width, square.height), share_inside(square, height, width)),
        fingerprint=Fingerprint(hash_picture(picture), small_picture(picture)),
        measures=measures,
    )
    return examined, decoded


def _copies(faces: Sequence[ExaminedFace]) -> list[ExaminedFace]:
    """Those of `faces`, best first, that are copies of a better one, rejected."""
    from gfr_data.quality.copies import find_copies

    prints = [face.fingerprint for face in faces if face.fingerprint is not None]
    first = find_copies([one.perceptual_hash for one in prints], [one.picture for one in prints])
    originals = [(face, faces[number].photograph) for face, number in zip(faces, first, strict=True) if number >= 0]
    return [
        replace(face, reason="duplicate", message=f"a copy of {original.source.dataset}/{original.source_path}")
        for face, original in originals
    ]
