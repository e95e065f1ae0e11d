"""How much a face needs restoring: the change is scaled by it, so that a good photograph stays as it is."""

import math

import numpy as np

from gfr_model.restoration.faces import Quality

# Measured on 68 people, as tests/benchmarks/measure_need.py does: between these the best share of the change goes from
# all to none. Cycles per face:
DETAIL = (10.0, 18.0)
# JPEG's blocks are worth taking away from sharper faces, by a part of the change.
MOST_OF_BLOCKS = 0.4
BLOCKINESS = (0.35, 0.15)
BLOCKS_DETAIL = (26.0, 32.0)  # cycles per face
ROOM = 0.5  # share of the network's px below which a result is too small to show what a face regains
MOST_ENLARGED = 8  # times


def need_of(quality: Quality) -> float:
    """Share of the network's change that does a face good, 0 to 1."""
    blocks = MOST_OF_BLOCKS * _falling(quality.blockiness, BLOCKINESS) * _falling(quality.detail, BLOCKS_DETAIL)
    return max(_falling(quality.detail, DETAIL), blocks)


def _falling(value: float, ends: tuple[float, float]) -> float:
    """1 at the first of `ends` and beyond, 0 at the second and beyond."""
    return float(np.clip((value - ends[1]) / (ends[0] - ends[1]), 0, 1))


def weakened(seen: np.ndarray, restored: np.ndarray, strength: float) -> np.ndarray:
    """`seen` with a share of the change to `restored`, both (S, S, 3) uint8; `strength` 0 to 1."""
    if strength == 1:
        return restored
    part = seen + strength * (restored.astype(np.float32) - seen)
    return np.rint(part).clip(0, 255).astype(np.uint8)


def explain_room(side: float, size: int, enlarge: int) -> str:
    """A sentence where the result has too few px for what a face regains, and could have more; empty elsewhere.

    side: px of the face's square in the photograph; size: px at which the network works.
    """
    wanted = min(math.ceil(size / side), MOST_ENLARGED)
    if side * enlarge >= ROOM * size or wanted <= enlarge:
        return ""
    return (
        f"the face with its surroundings is only {side * enlarge:.0f} px wide in the result, too few for the detail it "
        f"regains: enlarged {wanted} times it would show more (--enlarge {wanted})"
    )


def explain_strength(strength: float, asked: bool) -> str:
    """A sentence about the share of the change that is applied."""
    if asked:
        return f"{strength:.0%} of the change is applied, as asked"
    if strength == 0:
        return "the face is so sharp that restoring would harm it: it stays as it is (--strength 1 changes it)"
    if strength == 1:
        return "the face shows little detail: all of the change is applied"
    return f"the face is partly sharp: {strength:.0%} of the change is applied (--strength 1 applies all)"
