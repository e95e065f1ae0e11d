"""What restoration needs to know of photographs and faces. Who finds them is handed in by `cli/`: gfr_data's finder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from manifests.crops import CropGeometry


@dataclass(frozen=True)
class FoundFace:
    """A face of a photograph, in its px."""

    square: CropGeometry  # what the network is shown, cropped as in training
    score: float  # face probability; 0 where none was found
    keypoints: np.ndarray | None  # (5, 2): eyes, nose, mouth corners, the picture's left first; None where unknown


@dataclass(frozen=True)
class Quality:
    """How good a face is in its photograph."""

    detail: float  # cycles per face that it shows, at most 64; noise is none
    blockiness: float = 0.0  # how regular the edges of JPEG's blocks are, 0 to about 1.2


class Vision(Protocol):
    """Eyes for restoration: reads photographs, finds faces, crops as training did, measures as the build does."""

    def read(self, path: Path) -> np.ndarray:
        """The photograph upright, (H, W, 3) uint8 RGB. Raises DataError when it cannot be read."""

    def find(self, image: np.ndarray) -> Sequence[FoundFace]:
        """The faces in (H, W, 3) uint8 RGB, in any order."""

    def cut(self, image: np.ndarray, square: CropGeometry, size: int) -> np.ndarray:
        """(size, size, 3) uint8: a part of `image`, antialiased; beyond the photograph its border is repeated."""

    def measure(self, image: np.ndarray, square: CropGeometry) -> Quality:
        """How good the face in the middle of `square` is, before anything is done to it."""


# Without a face, a photograph is looked at again smoothed by these shares of its shorter side: JPEG's blocks and noise
# hide faces. Of 16 faces at 8x, quality 10 and a blur of 3 px, 10 were found at once, 13 to 15 so.
SMOOTHINGS = (0.012, 0.02)
# Then once more each, tinted as skin is: the detector learned from photographs in colour. Of 33 black-and-white faces
# at 8x, quality 35, it finds 22 at once, 28 where they are tinted; 27 smoothed, 30 with both. In 72 pictures without a
# face it then finds 2, and 1 without tint.
SKIN = [min(round(share * level), 255) for share in (1.18, 0.95, 0.80) for level in range(256)]  # of R, G, B

# Pictures that are a crop of a face already are taken whole, as CASIA-WebFace's are in training (§4.1).
NEARLY_SQUARE = 1.05  # longer over shorter side of a crop
LEAST_CROP = 16  # px; less, or a picture of one colour, shows nothing that could be a face
LEAST_CONTRAST = 8  # grey levels between its darkest and its brightest value
MOST_CROP = 512  # px; a larger square without a face is no crop of one, but a photograph of something else
LEAST_COVERED = 0.8  # share of a crop that the square of its face covers
MOST_BEYOND = 1.5  # side of that square over the crop's: a closer crop is framed as training frames faces


def look(image: np.ndarray, vision: Vision) -> list[FoundFace]:
    """The faces of a photograph (H, W, 3) uint8, from left to right; none where there is none.

    A crop of a face is taken whole; a small square picture without a face is taken for one, without keypoints.
    """
    found = sorted(_find(image, vision), key=lambda face: face.square.x0 + face.square.width / 2)
    height, width = image.shape[:2]
    if max(height, width) > NEARLY_SQUARE * min(height, width):
        return found
    everything = CropGeometry(0.0, 0.0, float(width), float(height))
    if not found and max(height, width) <= MOST_CROP and _shows_something(image):
        return [FoundFace(everything, 0.0, None)]
    if len(found) == 1 and _is_framed(found[0].square, everything):
        return [replace(found[0], square=everything)]
    return found


def _shows_something(image: np.ndarray) -> bool:
    return min(image.shape[:2]) >= LEAST_CROP and int(image.max()) - int(image.min()) >= LEAST_CONTRAST


def covers(square: CropGeometry, image: np.ndarray) -> bool:
    """Whether nothing of the photograph lies outside `square`."""
    height, width = image.shape[:2]
    return (
        square.x0 <= 0 and square.y0 <= 0 and square.x0 + square.width >= width and square.y0 + square.height >= height
    )


def _find(image: np.ndarray, vision: Vision) -> Sequence[FoundFace]:
    return next(filter(None, map(vision.find, _guises(image))), [])


def _guises(image: np.ndarray) -> Iterator[np.ndarray]:
    """A photograph (H, W, 3) uint8, and what else is made of it for a face to be found."""
    from PIL import Image, ImageFilter

    for tinted in (False, True):
        for share in (0.0, *SMOOTHINGS):
            picture = Image.fromarray(image)
            if share:
                picture = picture.filter(ImageFilter.GaussianBlur(share * min(image.shape[:2])))
            yield np.asarray(picture.point(SKIN) if tinted else picture)


def _is_framed(square: CropGeometry, picture: CropGeometry) -> bool:
    """Whether a picture shows about what the square around its face would."""
    across = min(square.x0 + square.width, picture.width) - max(square.x0, 0.0)
    down = min(square.y0 + square.height, picture.height) - max(square.y0, 0.0)
    covered = across * down / (picture.width * picture.height)
    return covered >= LEAST_COVERED and square.width <= MOST_BEYOND * picture.width
