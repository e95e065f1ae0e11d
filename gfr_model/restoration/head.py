"""How a head is held and what its mouth does, roughly, from five points: eyes, nose tip, mouth corners.

Enough to order guides by, and there where 68 landmarks cannot be found: in the photographs that need restoring.
"""

from dataclasses import dataclass

import numpy as np

# A mean head seen from the front, y down, z to the camera; unit: the distance of the eyes' centres.
NOSE_DOWN = 0.58  # nose tip below the eyes
NOSE_OUT = 0.54  # nose tip before the eyes
MOUTH_DOWN = 1.0  # mouth corners below the eyes
MOUTH_OUT = 0.08  # mouth corners before the eyes


@dataclass(frozen=True)
class Head:
    """In degrees: yaw to the subject's left (the picture's right), pitch upwards, roll clockwise in the picture."""

    yaw: float
    pitch: float
    roll: float
    mouth: float  # width of the mouth over the distance of the eyes: a smile makes it larger


def head_of(keypoints: np.ndarray) -> Head | None:
    """Estimate from keypoints (5, 2), px, y down, the picture's left ones first; None where they lie on one another."""
    left_eye, right_eye, nose, left_mouth, right_mouth = np.asarray(keypoints, np.float64)
    eyes = right_eye - left_eye
    apart = float(np.hypot(*eyes))
    middle, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    if not np.isfinite(keypoints).all() or apart < 1 or np.hypot(*(mouth - middle)) < apart / 4:
        return None
    # Along the line of the eyes, and across it downwards: free of roll.
    along = eyes / apart
    across = np.array([-along[1], along[0]])
    nose_down, mouth_down = float((nose - middle) @ across), float((mouth - middle) @ across)
    if mouth_down <= 0:
        return None
    share = float(np.clip(nose_down / mouth_down, 0.1, 0.95))
    # The nose stands beside the line from the eyes' middle to the mouth's by what it stands out, times the sine of yaw.
    line = middle + share * (mouth - middle)
    aside = float((nose - line) @ along) / apart
    yaw = np.arctan(aside / (NOSE_OUT - MOUTH_OUT * share))
    # Heights in the picture: down cos(pitch) - out sin(pitch), of nose and mouth alike; their ratio is `share`.
    pitch = np.arctan((NOSE_DOWN - MOUTH_DOWN * share) / (NOSE_OUT - MOUTH_OUT * share))
    roll = np.arctan2(eyes[1], eyes[0])
    turns = [float(angle) for angle in np.rad2deg([yaw, pitch, roll])]
    return Head(turns[0], turns[1], turns[2], float(np.hypot(*(right_mouth - left_mouth))) / apart)
