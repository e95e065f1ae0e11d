"""Are bad exposure and drawings called what they are, when they are made in ways that no bound was set on?

    python -m tests.benchmarks.reasons PEOPLE [--seed 7] [--count 24]

PEOPLE holds `landmarks68.csv` (path, x0, y0 ... x67, y67) and the photographs it names, of which `--count` are drawn by
`--seed`. Each, a crop of 300 px at most, is examined as a build does, as it is and in each of the ways below. Prints a
table.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from gfr_data.examination.hidden import find_or_uncover
from gfr_data.faces.crop import crop, square_around
from gfr_data.faces.decode import read_image
from gfr_data.faces.mtcnn import Mtcnn
from gfr_data.faces.pose import head_pose
from gfr_data.quality.judge import Thresholds, judge, measure_crop, measure_landmarks
from tests.benchmarks.calibrate_quality import closer

Way = Callable[[np.ndarray], np.ndarray]


def brightness(factor: float) -> Way:
    """Pillow's."""
    return lambda image: np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(factor))


def stops(count: float) -> Way:
    """In linear light, as a camera exposes, highlights clipped."""

    def make(image: np.ndarray) -> np.ndarray:
        value = image / 255
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * 2.0**count
        linear = linear.clip(0, 1)
        value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        return (255 * value).round().astype(np.uint8)

    return make


def curve(of: Callable[[np.ndarray], np.ndarray]) -> Way:
    """A function of grey levels."""
    return lambda image: of(image.astype(float)).clip(0, 255).round().astype(np.uint8)


def posterised_with_edges(image: np.ndarray) -> np.ndarray:
    drawn = np.array(ImageOps.posterize(Image.fromarray(image), 2))
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 60, 140)
    drawn[cv2.dilate(edges, np.ones((2, 2), np.uint8)) > 0] = 10
    return drawn


def quantised(image: np.ndarray, colours: int) -> np.ndarray:
    return np.array(Image.fromarray(image).quantize(colours, dither=Image.Dither.NONE).convert("RGB"))


def quantised_with_edges(image: np.ndarray) -> np.ndarray:
    drawn = quantised(cv2.bilateralFilter(image, 7, 50, 7), 12)
    grey = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1), cv2.COLOR_RGB2GRAY)
    drawn[np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) > 90] = 0
    return drawn


def xdog(image: np.ndarray) -> np.ndarray:
    """Winnemöller et al. (2012): an extended difference of Gaussians over a smoothed picture."""
    flat = cv2.edgePreservingFilter(image, flags=1, sigma_s=40, sigma_r=0.4)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    difference = cv2.GaussianBlur(grey, (0, 0), 1) - 0.98 * cv2.GaussianBlur(grey, (0, 0), 1.6)
    ink = np.where(difference < 0, 1 + np.tanh(0.6 * difference), 1)[..., None]
    return (flat * ink.clip(0, 1)).astype(np.uint8)


def dodged(image: np.ndarray) -> np.ndarray:
    """A sketch on white paper."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    below = np.maximum(255 - cv2.GaussianBlur(255 - grey, (0, 0), 5).astype(float), 1)
    return cv2.cvtColor((grey * 255.0 / below).clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def pencil(image: np.ndarray, coloured: bool) -> np.ndarray:
    grey, colour = cv2.pencilSketch(image, sigma_s=60, sigma_r=0.07, shade_factor=0.05)
    return colour if coloured else cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def mode_filtered(image: np.ndarray) -> np.ndarray:
    return np.array(ImageOps.posterize(Image.fromarray(image), 4).filter(ImageFilter.ModeFilter(7)))


def superpixels(image: np.ndarray) -> np.ndarray:
    from skimage.color import label2rgb
    from skimage.segmentation import slic

    parts = slic(image, n_segments=250, compactness=12, start_label=1)
    return np.asarray(label2rgb(parts, image, kind="avg")).astype(np.uint8)


WAYS: dict[str, dict[str, Way]] = {
    "good": {"as it is": lambda image: image},
    "dark": {
        "Pillow's brightness 0.2": brightness(0.2),
        "Pillow's brightness 0.1": brightness(0.1),
        "-4 stops": stops(-4),
        "-5.5 stops": stops(-5.5),
        "gamma 4": curve(lambda x: 255 * (x / 255) ** 4),
        "blacks crushed": curve(lambda x: (x - 130) * 1.3),
    },
    "bright": {
        "Pillow's brightness 3": brightness(3),
        "+3 stops": stops(3),
        "+4.5 stops": stops(4.5),
        "gamma 0.15": curve(lambda x: 255 * (x / 255) ** 0.15),
        "washed out": curve(lambda x: 205 + x * 0.15),
        "whites blown": curve(lambda x: x * 1.2 + 140),
    },
    "drawing": {
        "posterised to 4 levels, Canny's edges": posterised_with_edges,
        "posterised to 8 levels": lambda image: np.array(
            ImageOps.posterize(Image.fromarray(cv2.medianBlur(image, 7)), 3)
        ),
        "8 colours": lambda image: quantised(cv2.medianBlur(image, 5), 8),
        "12 colours, Sobel's edges": quantised_with_edges,
        "XDoG": xdog,
        "cv2.stylization, 60, 0.45": lambda image: cv2.stylization(image, sigma_s=60, sigma_r=0.45),
        "cv2.stylization, 150, 0.25": lambda image: cv2.stylization(image, sigma_s=150, sigma_r=0.25),
        "cv2.pencilSketch, grey": lambda image: pencil(image, coloured=False),
        "cv2.pencilSketch, colour": lambda image: pencil(image, coloured=True),
        "colour dodge": dodged,
        "16 levels, mode filter": mode_filtered,
        "superpixels": superpixels,
    },
}
RIGHT = {"good": "accept", "dark": "bad_exposure", "bright": "bad_exposure", "drawing": "cartoon"}


def examine(detector: Mtcnn, image: np.ndarray, points: np.ndarray) -> str:
    """'accept' or the reason that a build gives, its landmarks being `points` (68, 2), px."""
    thresholds = Thresholds()
    subject = find_or_uncover(detector, detector([image])[0], image, None, thresholds.exposure)
    if subject.face is None or subject.reason:
        return subject.reason or "no_face"
    measures = measure_crop(image, subject.face.box)
    geometry = square_around(subject.face.box)
    marks = geometry.to_crop(points)
    measures = measure_landmarks(measures, crop(image, geometry), marks, head_pose(marks))
    return judge(measures, thresholds) or "accept"


def photographs(people: Path, seed: int, count: int) -> list[tuple[Path, np.ndarray]]:
    """`count` of `people`, drawn by `seed`, with their landmarks."""
    with (people / "landmarks68.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    sharp = [row for row in rows if not row[0].startswith("lfw/")]  # LFW's are soft, half of them blurred
    drawn = np.random.default_rng(seed).choice(len(sharp), count, replace=False)
    return [(people / sharp[n][0], np.array(sharp[n][1:], float).reshape(68, 2)) for n in drawn]


def table(found: dict[tuple[str, str], Counter[str]]) -> str:
    """Markdown: of each way how many were accepted, given the right reason, or another."""
    lines = [
        "| kind | made by | photographs | right | accepted | other reasons |",
        "| --- | --- | --: | --: | --: | --- |",
    ]
    for (kind, way), counts in found.items():
        right = RIGHT[kind]
        others = ", ".join(f"{n} {reason}" for reason, n in counts.most_common() if reason not in (right, "accept"))
        accepted = "" if right == "accept" else counts["accept"]
        lines.append(f"| {kind} | {way} | {counts.total()} | {counts[right]} | {accepted} | {others} |")
    return "\n".join(lines)


def main() -> None:
    """Examine and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=24)
    options = parser.parse_args()
    detector = Mtcnn()
    found: dict[tuple[str, str], Counter[str]] = {}
    for path, points in photographs(options.people, options.seed, options.count):
        image, marks = closer(read_image(path), points)
        for kind, ways in WAYS.items():
            for way, make in ways.items():
                verdict = examine(detector, np.ascontiguousarray(make(image)), marks)
                found.setdefault((kind, way), Counter())[verdict] += 1
        print(path.name, flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
