"""How unsure a PointsNet is of faces and of other pictures: what MOST_SPREAD of gfr_model/restoration/doubt.py bounds.

python tests/benchmarks/measure_doubt.py RUN PEOPLE   (a run with landmarks; a folder with photographs of faces and
their landmarks68.csv: path, x0, y0 ... x67, y67)
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gfr_data.faces.crop import crop
from gfr_model.inference import load_model
from gfr_model.restoration.doubt import INNER, MOST_SPREAD
from manifests.crops import CropGeometry

FACES = 500


def face_and_background(people: Path, row: list[str], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """A crop framed about as in training, and one of the same photograph that touches no point of the face."""
    image = np.asarray(Image.open(people / row[0]).convert("RGB"))
    points = np.array(row[1:], float).reshape(68, 2)
    low, high = points.min(0), points.max(0)
    width, height = high - low
    middle, side = (low + high) / 2 - [0, 0.12 * height], 1.8 * np.sqrt(1.2 * width * height)
    face = crop(image, CropGeometry(*(middle - side / 2), side, side), 256)
    for _ in range(10):
        side = int(rng.integers(60, 100))
        x, y = (int(rng.integers(0, max(1, extent - side))) for extent in (image.shape[1], image.shape[0]))
        if high[0] < x or low[0] > x + side or high[1] < y or low[1] > y + side:
            part = Image.fromarray(image[y : y + side, x : x + side])
            return face, np.asarray(part.resize((256, 256), Image.Resampling.BICUBIC))
    return face, None


def main() -> None:
    """Print quantiles of the mean spread, and how many are above the bound."""
    points, people = load_model(sys.argv[1]).network.points.eval(), Path(sys.argv[2])
    with open(people / "landmarks68.csv") as file:
        rows = list(csv.reader(file))[1:]
    rng = np.random.default_rng(0)
    pairs = [face_and_background(people, rows[i], rng) for i in rng.permutation(len(rows))[:FACES]]
    blurs = [rng.integers(0, 256, (n, n, 3), dtype=np.uint8) for n in rng.integers(3, 33, 100)]
    sets = {
        "faces": [face for face, _ in pairs],
        "backgrounds": [other for _, other in pairs if other is not None],
        "blurs": [np.asarray(Image.fromarray(blur).resize((256, 256), Image.Resampling.BICUBIC)) for blur in blurs],
        "noise": list(rng.integers(0, 256, (50, 256, 256, 3), dtype=np.uint8)),
    }
    print(f"{'':<12}{'count':>6}{'above':>6}" + "".join(f"{q:>8.0%}" for q in (0, 0.01, 0.5, 0.99, 1)))
    for name, images in sets.items():
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            spread = torch.cat(
                [points.find(part.float() / 255).spread[:, INNER].mean(1) for part in batch.split(32)]
            ).numpy()
        quantiles = "".join(f"{value:8.3f}" for value in np.quantile(spread, (0, 0.01, 0.5, 0.99, 1)))
        print(f"{name:<12}{len(spread):>6}{(spread > MOST_SPREAD).sum():>6}{quantiles}")


if __name__ == "__main__":
    main()
