"""68 landmarks by face-alignment's network on given boxes: in batches (ours) beside the package's own API.

    python tests/benchmarks/bench_landmarks.py [cpu|cuda] [FACES]

The weights are random, which costs the same as trained ones.
"""

import platform
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from face_alignment import FaceAlignment, LandmarksType
from face_alignment.models import FAN

from gfr_data.faces.crop import square_around
from gfr_data.faces.fan import Fan
from gfr_data.faces.landmarks import LandmarkRequest
from manifests import keep_freed_memory

ROUNDS = 3


def package(network: torch.nn.Module, device: str) -> FaceAlignment:
    """The package's object around a network that is there; making one would download."""
    alignment = object.__new__(FaceAlignment)
    alignment.device, alignment.dtype, alignment.flip_input, alignment.max_batch_size = device, torch.float32, True, 1
    alignment.landmarks_type, alignment.face_alignment_net = LandmarksType.TWO_D, network
    alignment.face_detector = SimpleNamespace(reference_scale=195)
    return alignment


def rates(device: str, faces: int, rounds: int) -> dict[str, float]:
    """Faces per second of ours and of the package, medians of rounds in which they take turns."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        network = FAN(4).eval().to(device)  # in the package's own layout, not compiled
        torch.save(network.state_dict(), path)
        ours = Fan(path, device)
    theirs = package(network, device)
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    boxes = [np.array([100.0, 80, 300, 330]) + shift for shift in range(faces)]
    requests = [LandmarkRequest("", "", image, box, square_around(box)) for box in boxes]
    spent: dict[str, list[float]] = {"ours": [], "package": []}
    for turn in range(rounds + 1):
        for name, values in spent.items():
            start = time.perf_counter()
            if name == "ours":
                ours(requests)
            else:
                for box in boxes:
                    theirs.get_landmarks_from_image(image, [box], return_landmark_score=True)
            if turn:
                values.append(faces / (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in spent.items()}


def main() -> None:
    """Print faces per second of both, interleaved, one thread on the CPU."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    faces = int(sys.argv[2]) if len(sys.argv) > 2 else (8 if device == "cpu" else 256)
    torch.set_num_threads(1)
    keep_freed_memory()  # as the workers of a build do
    speed = rates(device, faces, ROUNDS)
    where = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    print(f"{faces} faces, {ROUNDS} rounds, {where}")
    for name, rate in speed.items():
        print(f"{name:10} {rate:8.2f} faces/s   ours over it: {speed['ours'] / rate:.2f}x")


if __name__ == "__main__":
    main()
