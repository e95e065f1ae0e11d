"""The dear part of an examination, for an identity's best faces: landmarks, pose, expression, and who it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gfr_data.examination.index import read_again
from gfr_data.examination.row import Embedding, ExaminedFace, Expression, FaceLandmarks, floats, unreadable
from gfr_data.faces.embedding import Embed, as_bytes
from gfr_data.faces.landmarks import FAR, POINTS, LandmarkRequest, Landmarks, Provider, distance_to_face
from gfr_data.quality.judge import Thresholds, judge, measure_landmarks

if TYPE_CHECKING:
    from gfr_data.faces.decode import Decoded

CHANGED = "it was changed or removed while it was examined"
ELSEWHERE = "its landmarks lie elsewhere than its face"


def find_landmarks(
    faces: Sequence[ExaminedFace],
    kept: Mapping[int, "Decoded"],
    provider: Provider,
    thresholds: Thresholds,
    embed: Embed | None,
) -> list[ExaminedFace]:
    """Landmarks, and what follows from them.

    kept: decoded photographs by their rows; others are decoded again, for an identity may have thousands.
    embed: tells persons apart; None where nobody is asked.
    """
    from gfr_data.faces.crop import crop

    requests, crops, there, gone = [], [], [], []
    for face in faces:
        request = _request(face, kept.get(face.photograph.row))
        if request is None:
            gone.append(unreadable(face.photograph, CHANGED))
            continue
        requests.append(request)
        crops.append(crop(request.image, request.geometry))
        there.append(face)
    found = provider(requests)
    known = zip(there, requests, crops, found, strict=True)
    made = [_with_landmarks(*item, thresholds) for item in known]
    return gone + (made if embed is None else _with_embeddings(made, crops, embed))


def _request(face: ExaminedFace, found: "Decoded | None") -> LandmarkRequest | None:
    """What a provider is asked; None where the photograph is not what was examined any more."""
    from gfr_data.faces.crop import row_geometry
    from gfr_data.faces.mtcnn import enlarged_points
    from gfr_data.faces.reduction import for_crop

    assert face.detection is not None
    assert face.file is not None
    source, box = face.photograph.source, np.array(face.detection.box)
    geometry = row_geometry(source.layout, box, face.file.height, face.file.width)
    if found is None:
        found = read_again(face.photograph, face.file.content_hash, lambda w, h: for_crop(geometry, w, h))
    if found is None:
        return None
    smaller = 1 / found.reduction
    return LandmarkRequest(
        source.root,
        face.photograph.name,
        found.image,
        box * smaller,
        geometry.enlarged(smaller),
        enlarged_points(np.array(face.detection.keypoints).reshape(5, 2), smaller),
        found.reduction,
    )


def _with_landmarks(
    face: ExaminedFace,
    request: LandmarkRequest,
    crop: np.ndarray,
    found: Landmarks | None,
    thresholds: Thresholds,
) -> ExaminedFace:
    from gfr_data.faces.pose import eye_openness, head_pose, mouth_shape

    if found is None:
        return replace(face, reason="no_landmarks")
    points = np.asarray(found.points, np.float32)
    if distance_to_face(points, request) > FAR:
        return replace(face, reason="no_landmarks", message=ELSEWHERE)
    try:
        pose = head_pose(points)
    except ValueError as error:
        return replace(face, reason="no_landmarks", message=str(error))
    assert face.measures is not None
    measures = measure_landmarks(face.measures, crop, points, pose)
    return replace(
        face,
        reason=judge(measures, thresholds),
        measures=measures,
        landmarks=FaceLandmarks(floats(points), None if found.scores is None else floats(found.scores)),
        expression=Expression(*eye_openness(points), *mouth_shape(points)),
    )


def _with_embeddings(faces: Sequence[ExaminedFace], crops: Sequence[np.ndarray], embed: Embed) -> list[ExaminedFace]:
    """Those of `faces` that have landmarks with their embeddings."""
    seen = [number for number, face in enumerate(faces) if face.landmarks is not None]
    if not seen:
        return list(faces)
    points = [face.landmarks.landmarks for face in faces if face.landmarks is not None]
    found = embed([crops[number] for number in seen], np.array(points, np.float32).reshape(-1, POINTS, 2))
    kept = {number: Embedding(as_bytes(values)) for number, values in zip(seen, found, strict=True)}
    return [replace(face, embedding=kept.get(number)) for number, face in enumerate(faces)]
