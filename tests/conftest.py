"""What tests of several packages share."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfr_data.sample.camera.photograph import Photograph
from gfr_data.sample.person.chart import sample
from manifests import PAIRS, PAIRS_FILE, hash_file, provenance, to_table, write_table
from manifests.crops import CROP_SIZE, CROP_SIZES

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_FACES = REPOSITORY.parent / "shared" / "faces"

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def no_weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the user of this machine downloaded changes no test."""
    os.environ["GFR_WEIGHTS"] = str(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def real_faces() -> Path:
    """A folder of real photographs beside the checkout; they may not be shipped, so tests without them skip."""
    if not REAL_FACES.is_dir():
        pytest.skip("needs the folder of real photographs ../shared/faces beside the checkout")
    return REAL_FACES


@pytest.fixture(scope="session")
def make_pairs(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a build folder of `train` and `val` pairs and returns its path."""

    def make(train: int = 6, val: int = 3, size: int = 64, persons: int = 3) -> Path:
        folder = tmp_path_factory.mktemp("pairs")
        (folder / "crops").mkdir()
        rows = []
        for number in range(train + val):
            split = "train" if number < train else "val"
            person = f"{split}-{number % persons}"
            rows.append(_row(folder, number, split, person, size))
        side = size if size in CROP_SIZES else CROP_SIZE
        write_table(folder / PAIRS_FILE, to_table(rows, PAIRS), PAIRS, provenance("test", {}, side))
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_pairs(make_pairs: Callable[..., Path]) -> Path:
    """A build folder that tests only read."""
    return make_pairs()


@pytest.fixture(scope="session")
def true_flow() -> Callable[[Photograph, Photograph], tuple[np.ndarray, np.ndarray]]:
    """Return a function that gives the exact flow between two rendered photographs of a person."""
    return _true_flow


def _true_flow(target: Photograph, guide: Photograph) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of `target` the place in `guide` that shows the same point of the same person.

    Returns places (H, W, 2) float32 in px of the guide, NaN off the head, and (H, W) bool: whether the guide shows that
    point, neither hidden nor outside its frame.
    """
    height, width = target.depth.shape
    flow = np.full((height, width, 2), np.nan, dtype=np.float32)
    seen = np.zeros((height, width), dtype=bool)
    on_head = np.isfinite(target.surface[..., 0])
    posed = guide.posed
    s, t = posed.skin_now(*target.surface[on_head].T)
    points = posed.surface(s, t)
    flow[on_head] = posed.project(points)
    view = posed.eye - points
    facing = np.sum(view * sample(posed.normal, s, t), axis=1) > 0
    # A point is hidden where it is so far, in head units, behind what its pixel shows.
    seen[on_head] = facing & (np.linalg.norm(view, axis=1) < _nearest(guide.depth, flow[on_head]) + 0.06)
    return flow, seen


def _nearest(values: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Values (H, W) at the pixels nearest to places (N, 2); -inf outside the frame."""
    x, y = np.rint(pixels).astype(int).T
    height, width = values.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.where(inside, values[y.clip(0, height - 1), x.clip(0, width - 1)], -np.inf)


def _row(folder: Path, number: int, split: str, person: str, size: int) -> dict[str, object]:
    row: dict[str, object] = {
        "pair_id": f"p{number:03d}",
        "split": split,
        "dataset": "folder",
        "identity": person,
        "person": person,
    }
    for turn, role in enumerate(("target", "guide")):
        generator = np.random.default_rng([number, turn])
        shift = generator.uniform(-0.08, 0.08, 2) * size
        image, points = _face(np.random.default_rng(number), shift, size)
        path = f"crops/{number:03d}-{role}.png"
        Image.fromarray(image).save(folder / path)
        row |= {
            f"{role}_path": path,
            f"{role}_landmarks": points.reshape(-1).astype(np.float32),
            f"{role}_quality": 1.0,
            f"{role}_hash": hash_file(folder / path),
            f"{role}_source_path": f"{number}-{role}.jpg",
        }
        row |= {f"{role}_{angle}": 0.0 for angle in ("yaw", "pitch", "roll")}
    return row


def _face(generator: np.random.Generator, shift: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A disc with random spots, moved by `shift` px, and 68 points that move with it."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    image = np.full((size, size, 3), generator.uniform(60, 120, 3), dtype=np.float32)
    centre = size / 2 + shift
    for _ in range(24):
        place = centre + generator.normal(0, size / 7, 2)
        spot = np.hypot(x - place[0], y - place[1]) < generator.uniform(size / 32, size / 9)
        image[spot] = generator.uniform(0, 255, 3)
    points = centre + generator.normal(0, size / 7, (68, 2))
    return image.clip(0, 255).astype(np.uint8), points.clip(1, size - 2)
