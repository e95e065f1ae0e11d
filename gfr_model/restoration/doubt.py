"""What the landmarks that a network finds itself say of a face: its five points, and whether a guide can serve it."""

import numpy as np

from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.points import Landmarks
from gfr_model.networks.spline import serves, similarity

FIVE = (slice(36, 42), slice(42, 48), slice(30, 31), slice(48, 49), slice(54, 55))  # eyes, nose tip, mouth corners
INNER = slice(17, None)  # brows, eyes, nose and mouth: the jaw's points say little
HALF = 127.5  # px of a crop of 256 in a unit of positions

# Mean spread of the inner points, above which they are no face's. Of 500 photographs of faces 1 has more (their median
# is 0.019), of 427 backgrounds 411, of 100 blurs 86, of 50 noises 50 (tests/benchmarks/measure_doubt.py).
MOST_SPREAD = 0.05
# Mean distance of the guide's inner points from the photograph's after the best similarity, of a crop of 256 px. With
# the model that ships guides nearer than 3 px bring 0.7 to 0.8 dB, those of 9 to 11 px 0.1; beyond lay few, which
# brought a little with this model and cost as much with the one before (tests/benchmarks/measure_apart.py).
MOST_APART = 11 / HALF


def doubt(made: Restoration) -> str:
    """`doubts` of the best guide."""
    return next(iter(doubts(made)), "")


def doubts(made: Restoration) -> list[str]:
    """Why each guide of the first sample can't serve, as an end of 'FILE ...', empty where it can.

    An empty list where no landmarks were found: nobody knows.
    """
    target, guide = made.target_landmarks, made.guide_landmarks
    if target is None or guide is None:
        return []
    return [_doubt(target, one) for one in (guide, *made.further_landmarks)]


def _doubt(target: Landmarks, guide: Landmarks) -> str:
    if spread_of(guide) > MOST_SPREAD:
        return "shows no face that the network is sure of"
    if spread_of(target) <= MOST_SPREAD and (apart := distance(target, guide)) > MOST_APART:
        return (
            f"shows another pose than the warp can bring ({apart * HALF:.1f} px apart, at most {MOST_APART * HALF:.0f})"
        )
    return ""


def unbent(made: Restoration) -> str:
    """A line where the guide of the first sample could only be moved and turned as a whole; empty where it was bent."""
    target, guide = made.target_landmarks, made.guide_landmarks
    if target is None or guide is None or bool(serves(target.points[:1], guide.points[:1], spread=target.spread[:1])):
        return ""
    return "the landmarks found in photograph and guide don't fit each other: the guide was moved and turned as a whole"


def five_points(found: Landmarks) -> np.ndarray | None:
    """Eyes, nose tip and mouth corners of the first sample, (5, 2) px of a crop of 256; None where they are unsure."""
    if spread_of(found) > MOST_SPREAD:
        return None
    points = (found.points[0].cpu().numpy() + 1) * HALF
    return np.stack([points[part].mean(axis=0) for part in FIVE])


def spread_of(found: Landmarks) -> float:
    """How unsure the first sample's inner points are: mean spread, [-1, 1] is the image."""
    return float(found.spread[0, INNER].mean())


def distance(target: Landmarks, guide: Landmarks) -> float:
    """Mean distance of the first samples' inner points after the best similarity, [-1, 1] is the photograph's crop."""
    matrix, shift = similarity(target.points[:1], guide.points[:1])
    rest = target.points[:1] @ matrix.transpose(1, 2) + shift[:, None] - guide.points[:1]
    size = matrix[:, 0].norm(dim=-1).clamp_min(1e-6)
    return float(rest[0, INNER].norm(dim=-1).mean() / size[0])
