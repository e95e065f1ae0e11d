"""Read the guides of a person and choose the one that fits a photograph best: pose, expression, quality."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfr_model.restoration.faces import FoundFace, Vision, look
from gfr_model.restoration.head import Head, head_of
from gfr_model.restoration.metadata import NOT_PHOTOGRAPHS, READABLE
from manifests import DataError, hash_file

# What a guide costs, in degrees of head pose: the flow has to undo a turn, nothing can undo missing detail.
ROLL_WEIGHT = 0.5  # of a degree of roll, which a flow undoes without hiding anything
OWN_TURN = 0.25  # of a degree of the guide's own yaw: the guides of training are frontal (§4.1)
MOUTH_COST = 60.0  # for a mouth that is wider or narrower by the distance of the eyes
SIZE_COST = 12.0  # for each halving of the face's square below the network's size
DETAIL_COST = 8.0  # for each halving of detail, compared with the best guide
MOST_TURNED = 55.0  # degrees of yaw from which half of the face is hidden
# What words stand for.
ALIKE, OTHERWISE = 8.0, 20.0  # degrees
SMILE = 0.12  # of the distance of the eyes, by which a mouth is wider
SHARP = 0.75  # of the best guide's detail


@dataclass(frozen=True)
class Guide:
    """A photograph of the person, as the network is shown it."""

    path: Path
    content_hash: str
    image: np.ndarray  # (S, S, 3) uint8 RGB
    head: Head | None  # None where no points were found
    side: float  # px of its square in the photograph
    detail: float  # see `detail_of`
    keypoints: np.ndarray | None = None  # (5, 2) px of `image`: eyes, nose tip, mouth corners


@dataclass(frozen=True)
class Guides:
    """What a file or folder of guides holds."""

    path: Path
    usable: tuple[Guide, ...]
    problems: tuple[str, ...]  # a line for each file that cannot serve

    def without(self, guide: Guide, problem: str) -> "Guides":
        """The others; `problem` is why that one can't serve."""
        usable = tuple(other for other in self.usable if other is not guide)
        return Guides(self.path, usable, (problem, *self.problems))


@dataclass(frozen=True)
class Choice:
    guides: tuple[Guide, ...]  # the best first; empty: none can serve, and the network does without
    why: str

    @property
    def guide(self) -> Guide | None:
        """The one that fits best."""
        return self.guides[0] if self.guides else None


def guide_files(path: Path) -> list[Path]:
    """The photographs that `path` names: itself, or those that lie in it. Raises DataError when there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"no usable guide: {path} does not exist; name a photograph of the person, or a folder of them")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in READABLE and not file.name.startswith("."))
    if not files:
        raise DataError(f"no usable guide: {path} holds no photograph ({', '.join(READABLE)})")
    return files


def read_guides(path: Path, vision: Vision, size: int) -> Guides:
    """Read every photograph that `path` names, find its largest face, and crop that to `size` px.

    Raises DataError when there is no photograph.
    """
    usable, problems = [], []
    for file in guide_files(path):
        try:
            usable.append(_read(file, vision, size))
        except DataError as error:
            problems.append(f"{error}; it serves as no guide")
        except OSError as error:
            problems.append(f"{file} cannot be read: {error.strerror}; it serves as no guide")
    return Guides(path, tuple(usable), (*problems, *_no_photographs(path)))


def _no_photographs(path: Path) -> list[str]:
    """A line for each file of a folder that is no photograph by its name."""
    if not path.is_dir():
        return []
    names = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    others = [
        file for file in names if file.suffix.lower() not in READABLE and file.name.lower() not in NOT_PHOTOGRAPHS
    ]
    return [f"{file} is no photograph by its name; it serves as no guide" for file in others]


def choose(guides: Guides, face: FoundFace, photo_hash: str, most: int = 1) -> Choice:
    """Choose at most `most` for `face` of the photograph with `photo_hash`, which never guides itself.

    Raises DataError when no guide is usable.
    """
    others = [guide for guide in guides.usable if guide.content_hash != photo_hash]
    if not others:
        reason = "it holds only the photograph itself" if guides.usable else f"none can serve; {guides.problems[0]}"
        raise DataError(f"no usable guide in {guides.path}: {reason}")
    head = _head(face)
    best = max(guide.detail for guide in others)
    ranked = sorted(others, key=lambda guide: (cost(guide, head, best), str(guide.path)))
    return Choice(tuple(ranked[:most]), "; ".join([_why(ranked, head, best), *_beside(ranked[1:most])]))


def cost(guide: Guide, head: Head | None, best_detail: float) -> float:
    """How badly a guide fits a head, in degrees; without a head, a frontal guide fits best (§4.1)."""
    return _turn(guide, head) + _own(guide) + _mouth(guide, head) + _poor(guide, best_detail)


def detail_of(image: np.ndarray) -> float:
    """How much fine detail the middle of a crop (S, S, 3) uint8 holds: mean step between neighbours over contrast."""
    size = image.shape[0]
    middle = image[size // 4 : -size // 4, size // 4 : -size // 4].astype(np.float32).mean(axis=2)
    steps = np.abs(np.diff(middle, axis=0)).mean() + np.abs(np.diff(middle, axis=1)).mean()
    return float(steps / max(float(middle.std()), 1.0))


def _read(path: Path, vision: Vision, size: int) -> Guide:
    image = vision.read(path)
    found = look(image, vision)
    if not found or found[0].keypoints is None:
        raise DataError(f"{path} shows no face")
    face = max(found, key=lambda one: one.square.width)
    head = _head(face)
    if head is not None and abs(head.yaw) > MOST_TURNED:
        raise DataError(f"{path} shows a profile, turned by about {abs(head.yaw):.0f} degrees")
    crop = vision.cut(image, face.square, size)
    keypoints = None if face.keypoints is None else face.square.to_crop(face.keypoints, size)
    return Guide(path, hash_file(path), crop, head, face.square.width, detail_of(crop), keypoints)


def _head(face: FoundFace) -> Head | None:
    return head_of(face.keypoints) if face.keypoints is not None else None


def _turn(guide: Guide, head: Head | None) -> float:
    if guide.head is None:
        return 0.0 if head is None else MOST_TURNED / 2  # not known: between the best and the worst
    other = head or Head(0.0, 0.0, 0.0, guide.head.mouth)
    return math.hypot(
        guide.head.yaw - other.yaw, guide.head.pitch - other.pitch, ROLL_WEIGHT * (guide.head.roll - other.roll)
    )


def _own(guide: Guide) -> float:
    return OWN_TURN * abs(guide.head.yaw) if guide.head is not None else 0.0


def _poor(guide: Guide, best_detail: float) -> float:
    small = SIZE_COST * max(math.log2(guide.image.shape[0] / guide.side), 0.0)
    return small + DETAIL_COST * math.log2(max(best_detail, 1e-3) / max(guide.detail, 1e-3))


def _mouth(guide: Guide, head: Head | None) -> float:
    return 0.0 if guide.head is None or head is None else MOUTH_COST * abs(guide.head.mouth - head.mouth)


def _why(ranked: Sequence[Guide], head: Head | None, best_detail: float) -> str:
    """A sentence for somebody who knows nothing of costs and angles."""
    first = ranked[0]
    if len(ranked) == 1:
        return "the only one that can serve"
    looks = [_pose_in_words(first, head), *_mouth_in_words(first, head), _quality_in_words(first, best_detail)]
    return f"fits best of {len(ranked)}: {', '.join(looks)}; {_behind(first, ranked[1], head, best_detail)}"


def _beside(further: Sequence[Guide]) -> list[str]:
    """Those that serve beside the best one, if any."""
    names = ", ".join(guide.path.name for guide in further)
    return [f"{names} {'serves' if len(further) == 1 else 'serve'} beside it"] if further else []


def _pose_in_words(guide: Guide, head: Head | None) -> str:
    if guide.head is None:
        return "how its head is held is not known"
    turn = _turn(guide, head)
    if head is None:
        return f"its head is {'seen from the front' if turn < ALIKE else f'turned by {turn:.0f} degrees'}"
    how = "almost as in the photograph" if turn < ALIKE else "a little otherwise" if turn < OTHERWISE else "otherwise"
    return f"its head is held {how} ({turn:.0f} degrees apart)"


def _mouth_in_words(guide: Guide, head: Head | None) -> list[str]:
    if head is None or guide.head is None:
        return []
    wider = guide.head.mouth - head.mouth
    return ["its mouth is alike" if abs(wider) < SMILE else f"it smiles {'more' if wider > 0 else 'less'}"]


def _quality_in_words(guide: Guide, best_detail: float) -> str:
    large = guide.side >= guide.image.shape[0]
    sharp = guide.detail >= SHARP * best_detail
    if large and sharp:
        return "its face is large and sharp"
    return f"its face is {'large but soft' if large else 'small but sharp' if sharp else 'small and soft'}"


def _behind(first: Guide, second: Guide, head: Head | None, best_detail: float) -> str:
    """What the second best lacks: the largest part of what it costs more."""
    name = second.path.name
    if cost(second, head, best_detail) - cost(first, head, best_detail) < 1:
        return f"{name} would do as well"
    lacks = {
        "is turned further away": _turn(second, head) + _own(second) - _turn(first, head) - _own(first),
        "has another expression": _mouth(second, head) - _mouth(first, head),
        "is smaller or less sharp": _poor(second, best_detail) - _poor(first, best_detail),
    }
    return f"the next best, {name}, {max(lacks, key=lambda lack: lacks[lack])}"
