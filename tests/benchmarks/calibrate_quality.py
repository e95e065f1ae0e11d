"""How the thresholds of quality divide real photographs from defects made of them in many ways.

    python tests/benchmarks/calibrate_quality.py FACES OUT

FACES holds `landmarks68.csv` (path, x0, y0 ... x67, y67) and the photographs it names. Each photograph is taken as it
is, as a 300 px crop, as that crop in JPEG 75, and with each of the defects below; nothing of FACES is written. OUT gets
`quality_table.md`, what was found, and `quality.png`, the histograms with their thresholds.
"""

import csv
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from gfr_data.faces.crop import crop, square_around
from gfr_data.faces.decode import read_image
from gfr_data.faces.mtcnn import Mtcnn
from gfr_data.faces.pose import head_pose
from gfr_data.faces.subject import find_subject
from gfr_data.quality.judge import Measures, Thresholds, judge, measure_crop, measure_landmarks

SIDE = 300  # px, of the crops that defects are made of
FRAMING = 1.9  # side of those crops over the landmarks' extent
HISTOGRAMS = {  # measure: its kinds of defect, and the largest value drawn
    "bandwidth": (("low resolution", "blur"), 60.0),
    "blockiness": (("JPEG",), 1.2),
    "occlusion": (("occlusion",), 3.0),
    "cartoon": (("cartoon",), 3.0),
}

Defect = Callable[[np.ndarray, np.ndarray], np.ndarray]


def smaller(factor: float, back: Image.Resampling) -> Defect:
    """Shrink, then enlarge with another filter."""

    def make(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        small = Image.fromarray(image).resize((round(width / factor), round(height / factor)), Image.Resampling.BICUBIC)
        return np.asarray(small.resize((width, height), back))

    return make


def filtered(kernel: np.ndarray) -> Defect:
    return lambda image, points: cv2.filter2D(image, -1, (kernel / kernel.sum()).astype(np.float32))


def gaussian(sigma: float) -> Defect:
    return lambda image, points: cv2.GaussianBlur(image, (0, 0), sigma)


def disc(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (x * x + y * y <= radius * radius).astype(np.float32)


def motion(length: int, angle: float) -> np.ndarray:
    kernel, middle = np.zeros((length, length), np.float32), length // 2
    for step in np.linspace(-middle, middle, 4 * length):
        kernel[round(middle + step * np.sin(angle)), round(middle + step * np.cos(angle))] = 1
    return kernel


def jpeg(image: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


def compressed(*qualities: int, subsampling: int = 2) -> Defect:
    def make(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        for quality in qualities:
            image = jpeg(image, quality, subsampling)
        return image

    return make


def resized_after(quality: int, factor: float) -> Defect:
    """Compress a picture of another size and bring it to this one, so that the blocks are not 8 px wide."""

    def make(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        other = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
        return cv2.resize(jpeg(other, quality), (width, height), interpolation=cv2.INTER_CUBIC)

    return make


def painted(
    colour: tuple[int, int, int], outline: Callable[[np.ndarray], list[np.ndarray]], grain: float = 3
) -> Defect:
    """Cover the outlines, which depend on the landmarks, with a colour."""

    def make(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        mask = np.zeros(image.shape[:2], np.uint8)
        for place in outline(points):
            cv2.fillPoly(mask, [np.rint(place).astype(np.int32)], 255, cv2.LINE_AA)
        share = mask[..., None] / 255
        noise = np.random.default_rng(0).normal(0, grain, (*image.shape[:2], 1)) if grain else 0.0
        return (image * (1 - share) + (np.array(colour) + noise).clip(0, 255) * share).round().astype(np.uint8)

    return make


def box(points: np.ndarray, part: slice, width: float, height: float) -> list[np.ndarray]:
    """A rectangle around the middle of some landmarks, its sides in eye distances."""
    unit = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    half = unit * np.array([width, height]) / 2
    return [points[part].mean(axis=0) + half * corner for corner in np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])]


def rectangle(part: slice, width: float, height: float) -> Callable[[np.ndarray], list[np.ndarray]]:
    return lambda points: [np.array(box(points, part, width, height))]


def glasses(points: np.ndarray) -> list[np.ndarray]:
    return [np.array(box(points, slice(eye, eye + 6), 0.8, 0.5)) for eye in (36, 42)]


def bilateral_with_lines(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    flat = image
    for _ in range(6):
        flat = cv2.bilateralFilter(flat, 9, 40, 9)
    grey = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return cv2.bitwise_and(flat, flat, mask=lines)


def few_colours_with_lines(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    flat = cv2.medianBlur((cv2.bilateralFilter(image, 9, 60, 9) // 36 * 36 + 18).astype(np.uint8), 5)
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 80, 160)
    flat[cv2.dilate(edges, np.ones((2, 2), np.uint8)) > 0] = 0
    return flat


DEFECTS: dict[str, dict[str, Defect]] = {
    "low resolution": {
        "3x, bilinear": smaller(3, Image.Resampling.BILINEAR),
        "4x, bicubic": smaller(4, Image.Resampling.BICUBIC),
        "4x, nearest": smaller(4, Image.Resampling.NEAREST),
        "6x, Lanczos": smaller(6, Image.Resampling.LANCZOS),
        "8x, bilinear": smaller(8, Image.Resampling.BILINEAR),
    },
    "blur": {
        "Gaussian, 2 px": gaussian(2),
        "Gaussian, 4 px": gaussian(4),
        "defocus, 4 px": filtered(disc(4)),
        "motion, 13 px": filtered(motion(13, 0.4)),
        "motion, 21 px": filtered(motion(21, 2.0)),
    },
    "JPEG": {
        "quality 5": compressed(5),
        "quality 10, 4:4:4": compressed(10, subsampling=0),
        "quality 15": compressed(15),
        "quality 8, then 85": compressed(8, 85),
        "quality 8, then 1.3 times larger": resized_after(8, 1.3),
        "quality 8, then 0.8 times smaller": resized_after(8, 0.8),
    },
    "occlusion": {
        "dark glasses": painted((25, 20, 18), glasses),
        "bar before the eyes": painted((0, 0, 0), rectangle(slice(36, 48), 2.2, 0.5), grain=0),
        "white mask": painted((225, 228, 230), lambda p: [np.concatenate([p[2:15], p[[28]]])]),
        "black mask": painted((35, 35, 38), lambda p: [np.concatenate([p[2:15], p[[29]]])]),
        "red scarf": painted((150, 60, 50), lambda p: [np.concatenate([p[3:14], p[[33]]])], grain=12),
        "hand before the mouth": painted((205, 150, 125), rectangle(slice(48, 60), 1.2, 0.9), grain=5),
        "green thing before a half": painted((90, 110, 80), lambda p: [np.concatenate([p[:9], p[[27, 19]]])], grain=10),
        "noise before the mouth": painted((128, 128, 128), rectangle(slice(48, 60), 1.2, 0.8), grain=60),
    },
    "cartoon": {
        "bilateral filter and lines": bilateral_with_lines,
        "few colours and lines": few_colours_with_lines,
        "mean shift, eight levels": lambda i, p: (cv2.pyrMeanShiftFiltering(i, 12, 30) // 32 * 32 + 16).astype(
            np.uint8
        ),
        "OpenCV's stylisation": lambda i, p: cv2.stylization(i, sigma_s=60, sigma_r=0.45),
    },
}
GOOD: dict[str, Defect] = {"300 px crop": lambda i, p: i, "300 px crop, JPEG 75": compressed(75)}
REASON = {
    "low resolution": ("low_resolution", "blurred"),
    "blur": ("low_resolution", "blurred"),
    "JPEG": ("artifacts",),
    "occlusion": ("occluded",),
    "cartoon": ("cartoon",),
}


def closer(image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A crop of at most SIDE px around a face, and the landmarks in it."""
    low, high = points.min(axis=0), points.max(axis=0)
    geometry = square_around(np.array([*low, *high]), FRAMING)
    size = min(SIDE, round(geometry.width))
    return crop(image, geometry, size), geometry.to_crop(points, size)


def examine(detector: Mtcnn, image: np.ndarray, points: np.ndarray) -> tuple[str, Measures | None]:
    """'accept' or the reason, and what was measured."""
    subject = find_subject(detector([image])[0], *image.shape[:2])
    if subject.face is None or subject.reason:
        return subject.reason or "no_face", None
    geometry = square_around(subject.face.box)
    marks = geometry.to_crop(points)
    measures = measure_landmarks(measure_crop(image, subject.face.box), crop(image, geometry), marks, head_pose(marks))
    return judge(measures, Thresholds()) or "accept", measures


def table(found: dict[tuple[str, str], Counter[str]]) -> str:
    """Markdown: of each kind how many were accepted, rejected, and rejected for the right reason."""
    lines = [
        "| kind | made by | photographs | accepted | rejected | for the right reason |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    for (kind, name), counts in found.items():
        total, accepted = counts.total(), counts["accept"]
        right = "" if kind == "good" else f"{sum(counts[reason] for reason in REASON[kind])}"
        lines.append(f"| {kind} | {name} | {total} | {accepted} | {total - accepted} | {right} |")
    return "\n".join(lines) + "\n"


def histograms(measured: dict[str, list[Measures]], path: Path) -> None:
    """Draw each measure of good photographs (above, green) and of its defects (below, red), with its threshold."""
    width, height, margin = 640, 170, 40
    sheet = np.full((len(HISTOGRAMS) * (height + margin), width + 2 * margin, 3), 255, np.uint8)
    for row, (name, (kinds, most)) in enumerate(HISTOGRAMS.items()):
        top = row * (height + margin) + margin
        groups = [measured["good"], [measures for kind in kinds for measures in measured[kind]]]
        for half, (group, colour) in enumerate(zip(groups, ((60, 140, 60), (40, 40, 190)), strict=True)):
            values = np.array([getattr(measures, name) for measures in group]).clip(0, most * 0.999)
            counts = np.histogram(values, bins=64, range=(0, most))[0] / len(values)
            for k, share in enumerate(counts / counts.max()):
                x, base = margin + k * width // 64, top + (half + 1) * height // 2
                cv2.rectangle(
                    sheet, (x, base - round(share * (height // 2 - 6))), (x + width // 64 - 2, base), colour, -1
                )
        bound = margin + round(getattr(Thresholds(), name) / most * width)
        cv2.line(sheet, (bound, top), (bound, top + height), (0, 0, 0), 1)
        text = (
            f"{name}: good above, {' and '.join(kinds)} below, threshold {getattr(Thresholds(), name):g}, 0 to {most:g}"
        )
        cv2.putText(sheet, text, (margin, top - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), sheet)


def main() -> None:
    """Make the defects, examine all, write the table and the histograms."""
    faces, out = Path(sys.argv[1]), Path(sys.argv[2])
    with (faces / "landmarks68.csv").open() as file:
        rows = [row for row in list(csv.reader(file))[1:] if not row[0].startswith("defects/")]
    detector = Mtcnn()
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    measured: dict[str, list[Measures]] = defaultdict(list)

    def note(kind: str, name: str, image: np.ndarray, points: np.ndarray) -> None:
        verdict, measures = examine(detector, image, points)
        found[kind, name][verdict] += 1
        if measures is not None:
            measured[kind].append(measures)

    for name, *numbers in rows:
        image, points = read_image(faces / name), np.array(numbers, float).reshape(68, 2)
        note("good", "as it is", image, points)
        image, points = closer(image, points)
        for kind, ways in {"good": GOOD, **DEFECTS}.items():
            for way, make in ways.items():
                note(kind, way, make(image, points), points)
    out.mkdir(parents=True, exist_ok=True)
    (out / "quality_table.md").write_text(table(found))
    histograms(measured, out / "quality.png")
    print(table(found))


if __name__ == "__main__":
    main()
