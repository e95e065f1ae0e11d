"""Choose the face of the person whom a photograph shows, when several are in it (§4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gfr_data.faces.mtcnn import Face

HINT_OVERLAP = 0.3  # smallest intersection over union with the dataset's own box
COMPARABLE = 0.5  # another face is a rival from this share of the subject's side on
RIVAL_SCORE = 0.95  # smallest score of a rival: a false find in the background should not cost the photograph


@dataclass(frozen=True)
class Subject:
    face: "Face | None"
    reason: str | None  # 'no_face' or 'multiple_faces'; None when the subject is clear


def find_subject(found: "Sequence[Face]", height: int, width: int, hint: np.ndarray | None = None) -> Subject:
    """Choose among the faces of a photograph of `height` x `width` px.

    hint: the dataset's own box (x1, y1, x2, y2); the face that overlaps it most is the subject, whoever else is there.
    Without one it is the largest face near the centre, and another face of comparable size makes it unclear.
    """
    if hint is not None:
        overlaps = [overlap(np.asarray(face.box), hint) for face in found]
        if overlaps and max(overlaps) >= HINT_OVERLAP:
            return Subject(found[int(np.argmax(overlaps))], None)
        return Subject(None, "no_face")
    if not found:
        return Subject(None, "no_face")
    ranked = sorted(found, key=lambda face: -_prominence(face, height, width))
    subject = ranked[0]
    rivals = [face for face in ranked[1:] if _is_rival(face, subject)]
    return Subject(subject, "multiple_faces" if rivals else None)


def overlap(box: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width, height = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    shared = max(float(width), 0.0) * max(float(height), 0.0)
    return shared / (float(np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2])) - shared)


def _prominence(face: "Face", height: int, width: int) -> float:
    """Side of the face, lessened by its distance from the centre: at a corner it counts half."""
    box = np.asarray(face.box, np.float64)
    away = ((box[:2] + box[2:]) / 2 - np.array([width, height]) / 2) / (np.hypot(width, height) / 2)
    return _side(face) * (1 - 0.5 * float(np.hypot(*away)))


def _is_rival(face: "Face", subject: "Face") -> bool:
    apart = overlap(np.asarray(face.box), np.asarray(subject.box)) < HINT_OVERLAP
    return apart and face.score >= RIVAL_SCORE and _side(face) >= COMPARABLE * _side(subject)


def _side(face: "Face") -> float:
    x1, y1, x2, y2 = (float(value) for value in face.box)
    return max(x2 - x1, y2 - y1)
