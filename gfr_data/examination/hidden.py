"""Faces that are too dark or too bright to be found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gfr_data.quality.exposure import evened
from gfr_data.quality.judge import measure_crop

if TYPE_CHECKING:
    from gfr_data.faces.mtcnn import Face, Mtcnn
    from gfr_data.faces.subject import Subject


def find_or_uncover(
    detector: "Mtcnn", detected: "Sequence[Face]", image: np.ndarray, hint: np.ndarray | None, exposure: float
) -> "Subject":
    """The subject among the faces `detected` in a photograph (H, W, 3); see `find_subject`, also for `hint`.

    Where there is none, it is looked for once more with the tones evened. A face is found so only when it has less than
    `exposure`, and 'bad_exposure' is its reason.
    """
    from gfr_data.faces.subject import Subject, find_subject

    height, width = image.shape[:2]
    subject = find_subject(detected, height, width, hint)
    if subject.face is not None:
        return subject
    face = find_subject(detector([evened(image)])[0], height, width, hint).face
    if face is None or measure_crop(image, face.box).exposure >= exposure:
        return subject
    return Subject(face, "bad_exposure")
