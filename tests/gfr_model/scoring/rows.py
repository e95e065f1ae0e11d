"""What tests of scoring share."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from manifests import SCORES, SCORES_FILE, read_table


def rows_of(config, method=None):
    table = read_table(config.out / SCORES_FILE, SCORES)
    assert table.schema.names == SCORES.names
    rows = table.to_pylist()
    return [row for row in rows if method in (None, row["method"])]


def image(path):
    with Image.open(path) as file:
        return np.array(file.convert("RGB"))


def copied(evaluation, tmp_path) -> Path:
    return Path(shutil.copytree(evaluation.at4, tmp_path / "copy"))
