"""Head pose and eye openness from 68 landmarks.

Angles are degrees: yaw positive to the subject's left (the picture's right), pitch positive upwards, roll positive
clockwise in the picture.
"""

from dataclasses import dataclass

import numpy as np

from manifests.crops import CROP_SIZE

# Points that hardly move with expression, and where they are on the mean of forty rendered heads: x to the picture's
# right, y up, z to the camera; the distance of the outer eye corners is 1. Turned so that pitch is right on average.
RIGID = (27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45)
HEAD = np.array(
    [
        (0.000, 0.104, 0.155),  # nose, bridge to tip
        (0.000, -0.025, 0.193),
        (0.000, -0.169, 0.234),
        (0.000, -0.339, 0.297),
        (-0.160, -0.405, 0.157),  # nose, base
        (-0.079, -0.405, 0.082),
        (0.000, -0.424, 0.084),
        (0.079, -0.405, 0.082),
        (0.160, -0.405, 0.157),
        (-0.500, 0.084, -0.122),  # eye corners
        (-0.183, 0.066, -0.034),
        (0.183, 0.066, -0.034),
        (0.500, 0.084, -0.122),
    ]
)
FOCAL = 5.0  # focal length over the crop's side: a portrait taken from about a metre


@dataclass(frozen=True)
class Pose:
    yaw: float
    pitch: float
    roll: float


def head_pose(points: np.ndarray) -> Pose:
    """The pose of the head whose 68 iBUG points (68, 2), px of the crop, are given: PnP on those that are rigid.

    Raises ValueError for points that no head in front of a camera has (all at one place, say).
    """
    import cv2

    image = np.asarray(points, np.float64)[list(RIGID)]
    camera = np.array([[FOCAL, 0, 0.5], [0, FOCAL, 0.5], [0, 0, 1 / CROP_SIZE]]) * CROP_SIZE
    # OpenCV's camera looks along +z with y down; the head's axes are turned to that by half a turn about x.
    turned = np.ascontiguousarray(HEAD * [1, -1, -1])
    if not np.isfinite(image).all() or np.ptp(image, axis=0).max() < 1:
        raise ValueError("the landmarks lie at one place or are not finite")
    start = np.zeros((3, 1)), np.array([[0.0], [0.0], [FOCAL * CROP_SIZE / max(np.ptp(image[9:13], axis=0).max(), 1)]])
    _, turn, _ = cv2.solvePnP(turned, image, camera, None, *start, useExtrinsicGuess=True, flags=cv2.SOLVEPNP_ITERATIVE)
    rotation = cv2.Rodrigues(turn)[0]
    flip = np.diag([1.0, -1.0, -1.0])
    return _angles(flip @ rotation @ flip)


def _angles(rotation: np.ndarray) -> Pose:
    """Angles of Rz(-roll) Ry(yaw) Rx(-pitch), axes x right, y up, z to the camera."""
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    pitch = np.arctan2(-rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(-rotation[1, 0], rotation[0, 0])
    return Pose(*(float(angle) for angle in np.rad2deg([yaw, pitch, roll])))


def eye_openness(points: np.ndarray) -> tuple[float, float]:
    """Lid distance over eye width of the subject's left and right eye, from 68 points (68, 2)."""
    points = np.asarray(points, np.float64)
    return _openness(points[42:48]), _openness(points[36:42])


def mouth_shape(landmarks: np.ndarray) -> tuple[float, float]:
    """Mouth's opening (inner lips' distance over width) and width (over the eye distance) of (68, 2) points."""
    width = float(np.linalg.norm(landmarks[54] - landmarks[48]))
    eyes = float(np.linalg.norm(landmarks[42:48].mean(axis=0) - landmarks[36:42].mean(axis=0)))
    opening = float(np.linalg.norm(landmarks[66] - landmarks[62]))
    return opening / max(width, 1e-6), width / max(eyes, 1e-6)


def _openness(eye: np.ndarray) -> float:
    """Of one eye: corner, two points of the upper lid, corner, two of the lower lid."""
    width = np.linalg.norm(eye[3] - eye[0])
    lids = np.linalg.norm(eye[1] - eye[5]) + np.linalg.norm(eye[2] - eye[4])
    return float(lids / 2 / width) if width > 0 else 0.0
