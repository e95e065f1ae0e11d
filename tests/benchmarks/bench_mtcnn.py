"""Finding faces on one core: ours beside the mtcnn package and facenet-pytorch, interleaved in one run.

    pip install tensorflow-cpu mtcnn==1.0.0 && pip install --no-deps facenet-pytorch
    python tests/benchmarks/bench_mtcnn.py [FOLDER] [ROUNDS]

FOLDER holds photographs (default: the rendered people that the tests have, enlarged to 512 px). What is not installed
is left out and said so.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from gfr_data.faces.decode import read_image
from gfr_data.faces.mtcnn import Mtcnn
from manifests import keep_freed_memory

DATA = Path(__file__).parents[1] / "gfr_data" / "faces" / "data"
SIDE = 512  # px, longer side of the rendered people
SMALLEST = 20  # px, the package's and facenet-pytorch's default minimum face size

Detector = Callable[[np.ndarray], object]


def photographs(folder: Path | None) -> list[np.ndarray]:
    """Those of a folder as they are, or the tests' own."""
    if folder is not None:
        return [read_image(path) for path in sorted(folder.rglob("*.jpg"))]
    images = [read_image(path) for path in sorted(DATA.glob("*.jpg"))]
    scales = [SIDE / max(image.shape) for image in images]
    return [
        cv2.resize(image, None, fx=s, fy=s, interpolation=cv2.INTER_CUBIC)
        for image, s in zip(images, scales, strict=True)
    ]


def detectors() -> dict[str, Detector]:
    """What there is to compare, each as a function of one photograph."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()  # as the workers of a build do
    ours = Mtcnn()
    found: dict[str, Detector] = {
        f"ours, faces from {SMALLEST} px": lambda image: ours([image], SMALLEST),
        "ours, a tenth of the side (default)": lambda image: ours([image]),
    }
    try:
        from mtcnn import MTCNN

        package = MTCNN(device="CPU:0")
        found[f"mtcnn package, faces from {SMALLEST} px"] = package.detect_faces
    except ImportError as error:
        print(f"not compared: mtcnn package on TensorFlow ({error})")
    try:
        from facenet_pytorch import MTCNN as FACENET

        facenet = FACENET(min_face_size=SMALLEST, keep_all=True, device="cpu")
        found[f"facenet-pytorch, faces from {SMALLEST} px"] = lambda image: facenet.detect(image, landmarks=True)
    except ImportError as error:
        print(f"not compared: facenet-pytorch ({error})")
    return found


def main() -> None:
    """Print milliseconds per photograph (median of rounds) and ratios."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 and not sys.argv[1].isdigit() else None
    rounds = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 5
    images, peers = photographs(folder), detectors()
    times: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):  # the first one warms up
        for image in images:
            for name, detect in peers.items():
                start = time.perf_counter()
                detect(image)
                if turn:
                    times[name].append(time.perf_counter() - start)
    print(f"{len(images)} photographs, {rounds} rounds, one thread, {platform.processor() or platform.machine()}")
    first = next(iter(peers))
    print(f"{'detector':44} {'ms/photograph':>14} {'over ours at equal faces':>26}")
    for name, values in times.items():
        print(f"{name:44} {1e3 * median(values):14.1f} {median(values) / median(times[first]):25.2f}x")


if __name__ == "__main__":
    main()
