"""The one thing that a guided network needs first: a flow that follows the pair, on rendered people in a minute."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from PIL import Image

from gfr_data.sample.camera.photograph import render_person
from gfr_model.presets import resolve
from gfr_model.training.run import read_metrics
from gfr_model.training.train import train
from manifests import PAIRS, PAIRS_FILE, hash_file, provenance, to_table, write_table

SIZE = 64  # px of the crops
PEOPLE, PHOTOS = 6, 4


def _crop(folder: Path, person: int, photo: int) -> tuple[str, np.ndarray]:
    """Write the crop around a rendered face; its path and landmarks, (68, 2) px."""
    picture = render_person(5, person, photo)
    low, high = picture.landmarks.min(0), picture.landmarks.max(0)
    side = 1.6 * (high - low).max()
    corner = (low + high) / 2 - side / 2
    path = f"{person}-{photo}.png"
    box = [float(v) for v in (*corner, *(corner + side))]
    quad = (SIZE, SIZE), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR
    Image.fromarray(picture.image).transform(*quad).save(folder / path)
    return path, ((picture.landmarks - corner) * SIZE / side - 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    """A build folder of rendered people whose validation pairs are its training pairs."""
    folder = tmp_path_factory.mktemp("rendered")
    crops = {(person, photo): _crop(folder, person, photo) for person in range(PEOPLE) for photo in range(PHOTOS)}
    rows = []
    for split in ("train", "val"):
        for person, photo in crops:
            number = len(rows)
            row = {"pair_id": f"p{number:03d}", "split": split, "dataset": "folder", "identity": str(person)}
            row |= {"person": str(person)}
            for role, which in (("target", photo), ("guide", (photo + 1) % PHOTOS)):
                path, points = crops[person, which]
                row |= {f"{role}_path": path, f"{role}_landmarks": points.reshape(-1), f"{role}_quality": 1.0}
                row |= {f"{role}_hash": hash_file(folder / path), f"{role}_source_path": path}
                row |= {f"{role}_{angle}": 0.0 for angle in ("yaw", "pitch", "roll")}
            rows.append(row)
    write_table(folder / PAIRS_FILE, to_table(rows, PAIRS), PAIRS, provenance("test", {}))
    return folder


@pytest.mark.slow
def test_the_flow_follows_within_a_minute(people, tmp_path):
    changes = {
        "image_size": SIZE,
        "warp_size": SIZE,
        "lambda_tv": resolve("demo").lambda_tv / 16,  # a px of 64 is four of 256, and its step four times as large
        "scale": "2",
        "warp_epochs": 1000.0,
        "max_steps": 240,
        "validate_every": 80,
    }
    summary = train(people, tmp_path / "run", resolve("demo", changes=changes))
    table = read_metrics(tmp_path / "run")
    last = table.filter(pc.and_(pc.equal(table["split"], "val"), pc.equal(table["step"], 240)))
    values = dict(zip(last["name"].to_pylist(), last["value"].to_pylist(), strict=True))
    assert values["flow_spread"] > 0.5, values
    assert values["landmark_error_inner"] < 0.8 * values["landmark_error_inner_unwarped"], values
    assert summary.warnings == ()
