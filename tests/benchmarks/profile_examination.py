"""Where the time of examining a photograph goes, stage by stage, for photographs of several sizes.

    python -m tests.benchmarks.profile_examination PEOPLE [--photographs 40] [--sides 0,1500,3000,6000] [--boxes]

PEOPLE holds photographs of one face each, anywhere below it. A side enlarges them to so many px (0: as they are) and
stores them as JPEG of quality 90. Counted is the CPU time of one thread, so other work beside it disturbs little.
With --boxes nothing is timed: it tells how far the boxes are from those that are found by the pyramid of the whole
photograph, which takes its time.
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
from gfr_data.faces.crop import crop, share_inside, square_around
from gfr_data.faces.decode import read_image, read_photograph
from gfr_data.faces.subject import find_subject
from gfr_data.quality.copies import face_picture, hash_picture, small_picture
from gfr_data.quality.judge import measure_crop
from manifests import keep_freed_memory

Spent = dict[str, float]


def timed(spent: Spent, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which notes how long it took."""

    def call(*given: Any, **more: Any) -> Any:
        start = time.process_time()
        try:
            return function(*given, **more)
        finally:
            spent[name] += time.process_time() - start

    return call


def examine(content: bytes, detector: mtcnn.Mtcnn, spent: Spent) -> bool:
    """What a build does with a photograph before and with its landmarks, those left out; whether it has a face."""
    image, _ = timed(spent, "decode", read_photograph)(lambda most: content)
    (found,) = timed(spent, "MTCNN", detector)([image])
    face = find_subject(found, *image.shape[:2]).face
    if face is None:
        return False
    picture = timed(spent, "fingerprint", face_picture)(image, face.keypoints)
    hash_picture(picture), small_picture(picture)
    timed(spent, "measures", measure_crop)(image, face.box)
    square = square_around(face.box)
    share_inside(square, *image.shape[:2])
    timed(spent, "crop", crop)(image, square)
    return True


def enlarged(path: Path, side: int) -> bytes:
    """The file of a photograph whose longer side is `side` px; as it is where that is 0."""
    if not side:
        return path.read_bytes()
    image = read_image(path)
    scale = side / max(image.shape[:2])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    file = io.BytesIO()
    Image.fromarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)).save(file, "jpeg", quality=90)
    return file.getvalue()


def moved(content: bytes, detector: mtcnn.Mtcnn) -> list[float]:
    """How far the sides of the largest face's box are from where the whole photograph's pyramid has them, px."""
    image, _ = read_photograph(lambda most: content)
    (found,) = detector([image])
    reduced, mtcnn.REDUCED = mtcnn.REDUCED, 1
    (whole,) = detector([image])
    mtcnn.REDUCED = reduced
    if not found or not whole:
        return [np.inf] * (4 * (len(found) != len(whole)))
    face = max(whole, key=lambda one: one.box[2] - one.box[0])
    return min((np.abs(one.box - face.box).tolist() for one in found), key=max)


def print_boxes(paths: list[Path], sides: list[int], detector: mtcnn.Mtcnn) -> None:
    """Print a row of px for each size."""
    print("| longer side, px | photographs | boxes apart, median px | 90% | 99% |\n| --- | --: | --: | --: | --: |")
    for side in sides:
        apart = [px for path in paths for px in moved(enlarged(path, side), detector)]
        values = " | ".join(f"{np.quantile(apart, share):.2f}" for share in (0.5, 0.9, 0.99))
        print(f"| {side or 'as it is'} | {len(paths)} | {values} |", flush=True)


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
    print("| longer side, px | faces | " + " | ".join(stages) + " |")
    print("| --- | " + "--: | " * (len(stages) + 1))
    for side in sides:
        contents = [enlarged(path, side) for path in paths]
        examine(contents[0], detector, defaultdict(float))  # what the first one pays for all
        inside.clear()
        spent: Spent = defaultdict(float)
        faces = sum(timed(spent, "all", examine)(content, detector, spent) for content in contents)
        values = [1e3 * (spent | inside).get(stage, 0.0) / len(contents) for stage in stages]
        print(
            f"| {side or 'as it is'} | {faces} | " + " | ".join(f"{value:.1f}" for value in values) + " |", flush=True
        )


if __name__ == "__main__":
    main()
