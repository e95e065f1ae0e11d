"""Is a face good enough to learn from (§4.1)? Named measures, their thresholds, and the first reason that holds."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic.dataclasses import dataclass as settings

from manifests.settings import FORBID, NotNegative, about

if TYPE_CHECKING:
    from gfr_data.faces.pose import Pose

# Of the measures and of the order in which they are judged: raised with either, so that no build mixes two.
MEASURES_VERSION = 4


@settings(frozen=True, config=FORBID)
class Thresholds:
    """Calibrated on real photographs and on defects made of them (tests/benchmarks/quality.md)."""

    # The paper's real low-quality faces are smaller (§4.4).
    face_size: Annotated[NotNegative, about("px, least longer side of the box")] = 60.0
    bandwidth: Annotated[NotNegative, about("cycles per face, least effective resolution")] = 28.0
    blockiness: Annotated[NotNegative, about("most regularity of block edges")] = 0.42
    occlusion: Annotated[NotNegative, about("most evidence of something before the face")] = 1.0
    cartoon: Annotated[NotNegative, about("most evidence of a drawing")] = 1.0
    exposure: Annotated[NotNegative, about("least usable share of the tonal range")] = 0.10
    yaw: Annotated[NotNegative, about("degrees, largest |yaw|")] = 55.0
    pitch: Annotated[NotNegative, about("degrees, largest |pitch|")] = 40.0
    roll: Annotated[NotNegative, about("degrees, largest |roll|")] = 45.0


@dataclass(frozen=True)
class Measures:
    """What was measured of a face, each a column of `faces`; None where landmarks are needed and not found yet."""

    face_size: float  # px, longer side of the detected box
    bandwidth: float  # cycles per face, see `sharpness`
    blockiness: float  # see `blockiness`
    cartoon: float  # see `drawing`
    exposure: float  # see `exposure`
    occlusion: float | None = None  # see `occlusion`; needs landmarks
    yaw: float | None = None  # degrees
    pitch: float | None = None
    roll: float | None = None


def measure_crop(image: np.ndarray, box: np.ndarray) -> Measures:
    """Measure the face at `box` (x1, y1, x2, y2) in a photograph (H, W, 3) uint8 RGB, without landmarks."""
    from gfr_data.faces.crop import crop, square_around
    from gfr_data.quality.blockiness import blockiness
    from gfr_data.quality.drawing import drawing
    from gfr_data.quality.exposure import exposure
    from gfr_data.quality.sharpness import FACE, bandwidth

    face = grey(crop(image, square_around(box, factor=1.0), FACE))
    return Measures(
        face_size=float(max(box[2] - box[0], box[3] - box[1])),
        bandwidth=bandwidth(face),
        blockiness=blockiness(grey(_around(image, box))),
        cartoon=drawing(face),
        exposure=exposure(face),
    )


def measure_landmarks(measures: Measures, crop: np.ndarray, points: np.ndarray, pose: "Pose") -> Measures:
    """Add the measures that need landmarks (68, 2), px of `crop` (S, S, 3) uint8 RGB."""
    from gfr_data.quality.occlusion import occlusion

    return replace(measures, occlusion=occlusion(crop, points), yaw=pose.yaw, pitch=pose.pitch, roll=pose.roll)


def judge(m: Measures, t: Thresholds) -> str | None:
    """The first reason to reject a face; None when it is good.

    What is too dark or too bright to see has no lines, no skin and no eyes, and a drawing need not have skin's colours:
    the later reasons are meant of faces that the earlier ones let pass.
    """
    reasons = {
        "low_resolution": m.face_size < t.face_size,
        "blurred": m.bandwidth < t.bandwidth,
        "artifacts": m.blockiness > t.blockiness,
        "bad_exposure": m.exposure < t.exposure,
        "cartoon": m.cartoon > t.cartoon,
        "occluded": m.occlusion is not None and m.occlusion > t.occlusion,
        "extreme_pose": any(
            angle is not None and abs(angle) > limit
            for angle, limit in ((m.yaw, t.yaw), (m.pitch, t.pitch), (m.roll, t.roll))
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def overall(measures: Measures) -> float:
    """One number that ranks photographs of a person, 0 to 1: the geometric mean of how good each measure is.

    Each saturates where more does not help a 256 px crop: a face of 256 px, 50 of its 64 cycles, half the tonal range.
    """
    grades = [
        measures.face_size / 256,
        measures.bandwidth / 50,
        1 - measures.blockiness / 2,
        measures.exposure / 0.5,
    ]
    return float(np.prod(np.clip(grades, 1e-3, 1)) ** (1 / len(grades)))


def grey(image: np.ndarray) -> np.ndarray:
    """Luma (BT.601) of (H, W, 3) uint8 RGB, float32, 0 to 255."""
    return image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _around(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The face and 0.3 of its size around it, at the image's own pixels."""
    height, width = image.shape[:2]
    margin = 0.3 * max(box[2] - box[0], box[3] - box[1])
    left, top = (int(max(value - margin, 0)) for value in box[:2])
    return image[top : int(min(box[3] + margin, height)), left : int(min(box[2] + margin, width))]
