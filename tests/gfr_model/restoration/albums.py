"""What tests of albums share: pictures of nobody, eyes that find a face in them, and what a call made."""

from pathlib import Path

import numpy as np
from PIL import Image

from gfr_data.faces.crop import crop
from gfr_model.restoration.album import restore_album
from gfr_model.restoration.album_page import PAGE
from gfr_model.restoration.faces import FoundFace, Quality
from manifests import DataError
from manifests.crops import CropGeometry

FRONT = np.array([(-20.0, -20), (20, -20), (0, 3), (-18, 21), (18, 21)])


class Eyes:
    """Finds a face in the middle of every picture that is not dark."""

    def __init__(self):
        self.read_paths = []

    def read(self, path):
        self.read_paths.append(Path(path))
        try:
            return np.asarray(Image.open(path).convert("RGB"))
        except OSError as error:
            raise DataError(f"{path} cannot be read: damaged") from error

    def find(self, image):
        if image.mean() < 20:
            return []
        x, y = image.shape[1] / 2, image.shape[0] / 2
        return [FoundFace(CropGeometry(x - 30, y - 30, 60.0, 60.0), 0.9, FRONT / 2 + [x, y])]

    def cut(self, image, square, size):
        return crop(image, square, size)

    def measure(self, image, square):
        return Quality(5.0)


def save(path, seed, size=(160, 100), dark=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 10 if dark else 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(levels).save(path)


def run(config, eyes=None):
    lines = []
    return restore_album(config, lambda: eyes or Eyes(), say=lines.append), lines


def contents(folder):
    """All files but the page, which says what the very last call could not restore."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != PAGE]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def states(summary, root):
    return {Path(one.photo).relative_to(root).as_posix(): one.state for one in summary.outcomes}
