"""Where the time of examining a photograph goes, stage by stage, for photographs of several sizes.

    python -m tests.benchmarks.profile_examination PEOPLE [--photographs 40] [--sides 0,1500,3000,6000] [--boxes]

PEOPLE holds photographs of one face each, anywhere below it. A side enlarges them to so many px (0: as they are) and
stores them as JPEG of quality 90. Counted is the CPU time of one thread, so other work beside it disturbs little.
Each size is examined in whole photographs, and as a build does it, as small as the face allows: as JPEG, which is
decoded so, and as PNG. With --boxes nothing is timed: it tells how far a JPEG's boxes are from those of
the same pixels decoded in whole and then made smaller, and from those that the networks find in all of its pixels.
"""

import argparse
import io
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from gfr_data.faces import mtcnn
from gfr_data.faces.crop import crop_decoded, share_inside, square_around
from gfr_data.faces.decode import Reduce, decode_image, read_image, read_photograph, whole
from gfr_data.faces.reduction import for_crop, for_search
from gfr_data.faces.subject import find_subject
from gfr_data.quality.copies import face_picture, hash_picture, small_picture
from gfr_data.quality.judge import measure_crop
from manifests import keep_freed_memory
from manifests.crops import CROP_SIZE

Spent = dict[str, float]
WAYS = ("decoded whole", "in all pixels")


def timed(spent: Spent, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which notes how long it took."""

    def call(*given: Any, **more: Any) -> Any:
        start = time.process_time()
        try:
            return function(*given, **more)
        finally:
            spent[name] += time.process_time() - start

    return call


def examine(content: bytes, detector: mtcnn.Mtcnn, spent: Spent, reduced: bool) -> bool:
    """What a build does with a photograph before and with its landmarks, those left out; whether it has a face.

    reduced: as a build does it, as small as its face allows; otherwise whole.
    """
    searched = timed(spent, "decode", read_photograph)(lambda most: content, for_search if reduced else whole)
    (found,) = timed(spent, "MTCNN", detector)([searched.image])
    face = find_subject(found, *searched.image.shape[:2]).face
    if face is None:
        return False
    face, height, width = face.enlarged(searched.reduction), searched.height, searched.width
    square = square_around(face.box)
    decoded = timed(spent, "decode", searched.at)(for_crop(square, width, height))
    smaller = face.enlarged(1 / decoded.reduction)
    picture = timed(spent, "fingerprint", face_picture)(decoded.image, smaller.keypoints)
    hash_picture(picture), small_picture(picture)
    timed(spent, "measures", measure_crop)(decoded.image, smaller.box)
    share_inside(square, height, width)
    timed(spent, "crop", crop_decoded)(decoded, square)
    return True


def enlarged(path: Path, side: int) -> bytes:
    """The file of a photograph whose longer side is `side` px; as it is where that is 0."""
    if not side:
        return path.read_bytes()
    image = read_image(path)
    scale = side / max(image.shape[:2])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return stored(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), "jpeg", quality=90)


def stored(image: np.ndarray, form: str, **options: int) -> bytes:
    """The file of an image."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, form, **options)
    return file.getvalue()


def as_png(content: bytes) -> bytes:
    """The same pixels in a file that is decoded in whole."""
    return stored(decode_image(content), "png", compress_level=1)


def faces_of(content: bytes, detector: mtcnn.Mtcnn, reduce: Reduce) -> list[mtcnn.Face]:
    """What is found in a photograph, in its own px."""
    searched = read_photograph(lambda most: content, reduce)
    return [face.enlarged(searched.reduction) for face in detector([searched.image])[0]]


def moved(content: bytes, detector: mtcnn.Mtcnn) -> list[list[tuple[float, float]]]:
    """How far the sides of the largest face's box are from where the whole decode has them, in each of the two `WAYS`.

    In px of the photograph and in px of the crop.
    """
    found = faces_of(content, detector, for_search)
    smaller = faces_of(as_png(content), detector, for_search)
    reduced, mtcnn.REDUCED = mtcnn.REDUCED, 1
    pixels = faces_of(content, detector, whole)
    mtcnn.REDUCED = reduced
    return [apart(found, truth) for truth in (smaller, pixels)]


def apart(found: list[mtcnn.Face], truth: list[mtcnn.Face]) -> list[tuple[float, float]]:
    """How far the sides of the largest true face's box are from those of the nearest that was found."""
    if not found or not truth:
        return [(np.inf, np.inf)] * (4 * (len(found) != len(truth)))
    face = max(truth, key=lambda one: one.box[2] - one.box[0])
    side = square_around(face.box).width
    return [(px, px * CROP_SIZE / side) for px in min((np.abs(one.box - face.box).tolist() for one in found), key=max)]


def print_boxes(paths: list[Path], sides: list[int], detector: mtcnn.Mtcnn) -> None:
    """Print a row of px for each size and way, and for all sizes together."""
    print(
        "| longer side, px | beside | photographs | boxes apart, median px | 90% | 99% | px of the crop | 90% | 99% |"
    )
    print("| --- | --- |" + " --: |" * 7)
    every: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for side in sides:
        ways = zip(*(moved(enlarged(path, side), detector) for path in paths), strict=True)
        for way, parts in zip(WAYS, ways, strict=True):
            own = [px for part in parts for px in part]
            every[way] += own
            print_row(side or "as it is", way, len(paths), own)
    for way, px in every.items():
        print_row("all", way, len(paths) * len(sides), px)


def print_row(side: int | str, way: str, count: int, px: list[tuple[float, float]]) -> None:
    """A row of quantiles."""
    values = " | ".join(f"{value:.2f}" for value in np.quantile(np.array(px), (0.5, 0.9, 0.99), axis=0).T.ravel())
    print(f"| {side} | {way} | {count} | {values} |", flush=True)


def main() -> None:
    """Print a row of milliseconds for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path)
    parser.add_argument("--photographs", type=int, default=40)
    parser.add_argument("--sides", default="0,1500,3000,6000")
    parser.add_argument("--boxes", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()
    paths = sorted(options.people.rglob("*.jpg"))
    paths = [paths[at] for at in np.linspace(0, len(paths) - 1, options.photographs).astype(int)]
    detector, sides = mtcnn.Mtcnn(), [int(side) for side in options.sides.split(",")]
    if options.boxes:
        print_boxes(paths, sides, detector)
        return
    inside: Spent = defaultdict(float)
    for name, stage in (("_propose", "of it PNet"), ("_refine", "of it RNet"), ("_finish", "of it ONet")):
        setattr(detector, name, timed(inside, stage, getattr(detector, name)))
    mtcnn._shrink = timed(inside, "of it pyramid", mtcnn._shrink)
    stages = ["decode", "MTCNN", *(f"of it {part}" for part in ("pyramid", "PNet", "RNet", "ONet"))]
    stages += ["fingerprint", "measures", "crop", "all"]
    print(f"ms of one thread's CPU a photograph, {len(paths)} of each size\n")
    print("| longer side, px | decoded | faces | " + " | ".join(stages) + " |")
    print("| --- | --- | " + "--: | " * (len(stages) + 1))
    for side in sides:
        files = [enlarged(path, side) for path in paths]
        for reduced, how in ((False, "JPEG, whole"), (True, "JPEG"), (False, "PNG, whole"), (True, "PNG")):
            contents = [as_png(content) for content in files] if how.startswith("PNG") else files
            examine(contents[0], detector, defaultdict(float), reduced)  # what the first one pays for all
            inside.clear()
            spent: Spent = defaultdict(float)
            faces = sum(timed(spent, "all", examine)(content, detector, spent, reduced) for content in contents)
            values = [f"{1e3 * (spent | inside).get(stage, 0.0) / len(contents):.1f}" for stage in stages]
            print(f"| {side or 'as it is'} | {how} | {faces} | {' | '.join(values)} |", flush=True)


if __name__ == "__main__":
    main()
