"""Something before the face: eyes or mouth that are not where the landmarks say, skin that is not of one colour.

Hair and beards belong to a face: dark strands beside it say nothing of its contrast, nor a beard of its skin.
"""

from dataclasses import dataclass

import numpy as np

EYES = 0.25  # contrast of an eye over that of the middle of the face: less is covered
MOUTH = 0.40  # the same of the mouth with the skin around it
COLOUR = 18.0  # CIELAB chroma between places of skin: more is not all skin
# Hair is of skin's hue or of none, and before cheeks and lids darker than skin; a beard may be of any lightness.
HUE = 10.0  # CIELAB chroma across skin's hue: more is no hair
MORE, LESS = 5.0, -4.0  # chroma along skin's hue: more than skin's by this, or less than this, is no hair
DARKER = 8.0  # CIELAB lightness
BEARD = (6, 7, 8, 9)  # places of skin where one grows
BARE = (0, 1, 2, 3)  # where no hair hangs: the nose, under the eyes
_MOST = 10.0


@dataclass(frozen=True)
class Visibility:
    """What a crop shows at its landmarks."""

    eyes: float  # contrast of the less visible eye, over that of the middle of the face
    mouth: float  # contrast of the mouth, over the same
    colour: float  # CIELAB chroma by which the third most odd of twelve places of skin differs, hair left aside


def occlusion(crop: np.ndarray, points: np.ndarray) -> float:
    """Evidence of an occlusion, 0 to 10: the strongest of three signs; 1 is as much as a bare face may show."""
    seen = visibility(crop, points)
    return min(max(EYES / seen.eyes, MOUTH / seen.mouth, seen.colour / COLOUR), _MOST)


def visibility(crop: np.ndarray, points: np.ndarray) -> Visibility:
    """Look at eyes, mouth and skin in `crop` (S, S, 3) uint8 RGB through its 68 landmarks (68, 2), px."""
    import cv2

    points = np.asarray(points, np.float64)
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light, size = lab[..., 0], crop.shape[0]
    unit = max(float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))), 1.0)
    face = _spread(light[_inside(points[31:60], size, round(0.09 * unit))])  # from the eyes to the mouth: no hair
    eyes = min(_spread(light[_inside(points[start : start + 6], size, 1)]) for start in (36, 42))
    mouth = _spread(light[_inside(points[48:60], size, round(0.09 * unit))])
    skin = [lab[_inside(place, size)] for place in _skin(points, unit)]
    colours = np.array([np.median(values, axis=0) if len(values) else np.full(3, np.nan) for values in skin])
    return Visibility(eyes / face, mouth / face, float(np.sort(_oddness(colours))[-3]))


def _oddness(colours: np.ndarray) -> np.ndarray:
    """By how much chroma each place's CIELAB colour (12, 3) differs from skin, (12,); 0 of hair and of no pixels."""
    seen = ~np.isnan(colours).any(axis=1)
    if not seen.any():
        return np.zeros(len(colours))
    skin = np.median(colours[seen], axis=0)
    hue = skin[1:] / max(float(np.hypot(*skin[1:])), 1e-6)
    along, across = colours[:, 1:] @ hue, np.abs(colours[:, 1:] @ np.array([-hue[1], hue[0]]))
    hair = (along < skin[1:] @ hue + MORE) & (along > LESS) & (across < HUE)
    place = np.arange(len(colours))
    hair &= np.isin(place, BEARD) | ((colours[:, 0] < skin[0] - DARKER) & ~np.isin(place, BARE))
    return np.where(seen & ~hair, np.hypot(*(colours[:, 1:] - skin[1:]).T), 0.0)


def _spread(light: np.ndarray) -> float:
    """Between dark and light parts; one level at least."""
    if not light.size:
        return 1.0
    dark, bright = np.percentile(light, [5, 95])
    return max(float(bright - dark), 1.0)


def _inside(outline: np.ndarray, size: int, grow: int = 0) -> np.ndarray:
    """The pixels within the convex hull of points, widened by `grow` px, (size, size) bool."""
    import cv2

    mask = np.zeros((size, size), np.uint8)
    hull = cv2.convexHull(np.rint(outline.clip(-size, 2 * size) * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1, shift=4)
    if grow <= 0:
        return mask > 0
    return cv2.dilate(mask, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)) > 0


def _skin(p: np.ndarray, unit: float) -> list[np.ndarray]:
    """Twelve places where a face shows skin, as outlines; unit is the distance of the eyes."""
    across = (p[42:48].mean(axis=0) - p[36:42].mean(axis=0)) / unit
    down = np.array([-across[1], across[0]])
    discs = [
        ((p[27] + p[28]) / 2, 0.10),  # bridge of the nose
        ((p[29] + p[30]) / 2, 0.12),  # nose
        ((p[40] + p[41]) / 2 + 0.18 * unit * down, 0.11),  # under the eyes
        ((p[46] + p[47]) / 2 + 0.18 * unit * down, 0.11),
        (0.41 * p[2] + 0.59 * p[31], 0.16),  # cheeks
        (0.41 * p[14] + 0.59 * p[35], 0.16),
        ((p[4] + p[48]) / 2, 0.12),  # beside the mouth
        ((p[12] + p[54]) / 2, 0.12),
        ((p[33] + p[51]) / 2, 0.08),  # between nose and mouth
        ((p[57] + p[8]) / 2, 0.13),  # chin
    ]
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lids = [
        np.concatenate(
            [0.35 * p[eye : eye + 4] + 0.65 * p[brow : brow + 4], 0.75 * p[eye : eye + 4] + 0.25 * p[brow : brow + 4]]
        )
        for eye, brow in ((36, 18), (42, 22))
    ]
    return [centre + radius * unit * circle for centre, radius in discs] + lids
