"""Read the guides of a person and choose the one that fits a photograph best: pose, expression, quality."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfr_model.restoration.faces import FoundFace, Vision, look
from gfr_model.restoration.head import Head, head_of
from gfr_model.restoration.metadata import READABLE
from manifests import DataError, hash_file

# What a guide costs, in degrees of head pose: the flow has to undo a turn, nothing can undo missing detail.
ROLL_WEIGHT = 0.5  # of a degree of roll, which a flow undoes without hiding anything
OWN_TURN = 0.25  # of a degree of the guide's own yaw: the guides of training are frontal (§4.1)
MOUTH_COST = 60.0  # for a mouth that is wider or narrower by the distance of the eyes
SIZE_COST = 12.0  # for each halving of the face's square below the network's size
DETAIL_COST = 8.0  # for each halving of detail, compared with the best guide
MOST_TURNED = 55.0  # degrees of yaw from which half of the face is hidden


@dataclass(frozen=True)
class Guide:
    """A photograph of the person, as the network is shown it."""

    path: Path
    content_hash: str
    image: np.ndarray  # (S, S, 3) uint8 RGB
    head: Head | None  # None where no points were found
    side: float  # px of its square in the photograph
    detail: float  # see `detail_of`


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
    guide: Guide | None  # None: none can serve, and the network does without
    why: str


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
    return Guides(path, tuple(usable), tuple(problems))


def choose(guides: Guides, face: FoundFace, photo_hash: str) -> Choice:
    """Choose for `face` of the photograph with `photo_hash`, which never guides itself.

    Raises DataError when no guide is usable.
    """
    others = [guide for guide in guides.usable if guide.content_hash != photo_hash]
    if not others:
        reason = "it holds only the photograph itself" if guides.usable else f"none can serve; {guides.problems[0]}"
        raise DataError(f"no usable guide in {guides.path}: {reason}")
    head = _head(face)
    best = max(guide.detail for guide in others)
    ranked = sorted(others, key=lambda guide: (cost(guide, head, best), str(guide.path)))
    return Choice(ranked[0], _why(ranked, head, best))


def cost(guide: Guide, head: Head | None, best_detail: float) -> float:
    """How badly a guide fits a head, in degrees; without a head, a frontal guide fits best (§4.1)."""
    quality = SIZE_COST * max(math.log2(guide.image.shape[0] / guide.side), 0.0)
    quality += DETAIL_COST * math.log2(max(best_detail, 1e-3) / max(guide.detail, 1e-3))
    own = OWN_TURN * abs(guide.head.yaw) if guide.head is not None else 0.0
    return _turn(guide, head) + own + _mouth(guide, head) + quality


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
    return Guide(path, hash_file(path), crop, head, face.square.width, detail_of(crop))


def _head(face: FoundFace) -> Head | None:
    return head_of(face.keypoints) if face.keypoints is not None else None


def _turn(guide: Guide, head: Head | None) -> float:
    if guide.head is None:
        return 0.0 if head is None else MOST_TURNED / 2  # not known: between the best and the worst
    other = head or Head(0.0, 0.0, 0.0, guide.head.mouth)
    return math.hypot(
        guide.head.yaw - other.yaw, guide.head.pitch - other.pitch, ROLL_WEIGHT * (guide.head.roll - other.roll)
    )


def _mouth(guide: Guide, head: Head | None) -> float:
    return 0.0 if guide.head is None or head is None else MOUTH_COST * abs(guide.head.mouth - head.mouth)


def _why(ranked: Sequence[Guide], head: Head | None, best_detail: float) -> str:
    first = ranked[0]
    if len(ranked) == 1:
        return "the only one"
    frontal = "from the front" if head is None else "from the photograph's"
    parts = [f"head {_turn(first, head):.0f} degrees {frontal}" if first.head else "its head's pose is not known"]
    if head is not None and first.head is not None:
        parts.append(f"mouth {first.head.mouth - head.mouth:+.2f} wide")
    parts.append(f"face square {first.side:.0f} px, detail {first.detail / max(best_detail, 1e-3):.0%} of the best's")
    gap = cost(ranked[1], head, best_detail) - cost(first, head, best_detail)
    return f"{', '.join(parts)}; fits better than {ranked[1].path.name} by {gap:.0f}, of {len(ranked)}"
