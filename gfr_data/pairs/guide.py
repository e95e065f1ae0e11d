"""Choose an identity's guide and targets (§4.1: at most five high quality images, "a frontal image with eyes open")."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic.dataclasses import dataclass as settings

from gfr_data.sources.names import order_of
from manifests.settings import FORBID, Count, NotNegative, Positive, about

QUALITY_UNIT = 0.5  # overall quality that counts as much as a `pose_unit`, where guides of a target are ranked


@settings(frozen=True, config=FORBID)
class SelectionRules:
    most: Annotated[Count, about("photographs of an identity, the guide among them; §4.1")] = 5
    guide_yaw: Annotated[NotNegative, about("degrees, largest |yaw| of a guide")] = 15.0
    # A camera held high or low is usual in portraits.
    guide_pitch: Annotated[NotNegative, about("degrees, largest |pitch| of a guide")] = 20.0
    guide_roll: Annotated[NotNegative, about("degrees, largest |roll| of a guide")] = 15.0
    guide_inside: Annotated[NotNegative, about("least share of a guide's crop that lies in its photograph")] = 0.667
    guide_eyes: Annotated[NotNegative, about("lid distance over eye width, least of both eyes of a guide")] = 0.18
    # A smaller one is enlarged so much that it is no ground truth for 256 px.
    target_side: Annotated[
        NotNegative, about("px, least side of a target's crop in its photograph; with --crop-size 512 twice that")
    ] = 160.0
    equal_quality: Annotated[NotNegative, about("overall quality; photographs so near the best one are equals")] = 0.1
    pose_unit: Annotated[Positive, about("degrees that count as much as one `expression_unit`")] = 20.0
    expression_unit: Annotated[Positive, about("of the mouth's opening or width, or of an eye's opening")] = 0.2


@dataclass(frozen=True, slots=True)
class Candidate:
    """An acceptable face of one identity."""

    key: str  # orders what is otherwise equal: the photograph's path
    quality: float  # 0 to 1
    yaw: float  # degrees
    pitch: float
    roll: float
    eye_open_left: float  # lid distance over eye width
    eye_open_right: float
    mouth_open: float  # distance of the inner lips over the mouth's width
    mouth_wide: float  # mouth's width over the distance of the eyes
    crop_side: float  # px of the photograph, shorter side of what is cropped
    crop_inside: float  # share of it that lies in the photograph


@dataclass(frozen=True)
class Selection:
    guide: Candidate | None
    targets: tuple[Candidate, ...]
    reason: str | None  # why there is no pair: 'too_few_faces', 'no_guide' or 'no_target'


def select(candidates: Sequence[Candidate], rules: SelectionRules, wanted: Collection[str] = ()) -> Selection:
    """Choose the guide and up to `rules.most - 1` targets; the order of `candidates` does not matter.

    wanted: keys of those of which the best is the guide, whatever its pose.
    """
    if len(candidates) < 2:
        return Selection(None, (), "too_few_faces")
    ranked = sorted(candidates, key=lambda face: (-face.quality, order_of(face.key)))
    guides = [face for face in ranked if face.key in wanted] or [face for face in ranked if may_guide(face, rules)]
    guide = next(iter(guides), None)
    if guide is None:
        return Selection(None, (), "no_guide")
    targets = _varied(guide, [face for face in ranked if face is not guide and may_be_target(face, rules)], rules)
    return Selection(guide, tuple(targets), None) if targets else Selection(None, (), "no_target")


def may_guide(face: Candidate, rules: SelectionRules) -> bool:
    """Frontal, both eyes open, and not cut off by the photograph's border."""
    frontal = (
        abs(face.yaw) <= rules.guide_yaw and abs(face.pitch) <= rules.guide_pitch and abs(face.roll) <= rules.guide_roll
    )
    awake = min(face.eye_open_left, face.eye_open_right) >= rules.guide_eyes
    return frontal and awake and face.crop_inside >= rules.guide_inside


def may_be_target(face: Candidate, rules: SelectionRules) -> bool:
    """Large enough in its photograph to be ground truth."""
    return face.crop_side >= rules.target_side


def rank_guides(target: Candidate, others: Sequence[Candidate], rules: SelectionRules) -> list[Candidate]:
    """`others` as guides of `target`, the fittest first: alike in pose and expression, and good."""

    def cost(face: Candidate) -> tuple[float, tuple[str, str]]:
        return _unlikeness(target, face, rules) - face.quality / QUALITY_UNIT, order_of(face.key)

    return sorted(others, key=cost)


def _varied(guide: Candidate, rest: list[Candidate], rules: SelectionRules) -> list[Candidate]:
    """The best of `rest` (sorted by quality); among equals, the one least like those that were chosen before."""
    chosen = [guide]
    while rest and len(chosen) < rules.most:
        equals = [face for face in rest if face.quality >= rest[0].quality - rules.equal_quality]
        best = max(equals, key=lambda face: min(_unlikeness(face, other, rules) for other in chosen))
        chosen.append(best)
        rest = [face for face in rest if face is not best]
    return chosen[1:]


def _unlikeness(one: Candidate, other: Candidate, rules: SelectionRules) -> float:
    pose = np.hypot.reduce([one.yaw - other.yaw, one.pitch - other.pitch, one.roll - other.roll]) / rules.pose_unit
    names = ("eye_open_left", "eye_open_right", "mouth_open", "mouth_wide")
    shape = [getattr(one, name) - getattr(other, name) for name in names]
    return float(np.hypot(pose, np.hypot.reduce(shape) / rules.expression_unit))
