"""What a program of your own restores is what the command restores."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cli.eval import main
from cli.finder import Finder
from gfr_model import Restorer
from manifests import DataError

FACES = Path(__file__).parents[2] / "gfr_data" / "faces" / "data"


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    return Restorer(device="cpu", vision=Finder())


def test_a_program_restores_what_the_command_restores(restorer: Restorer, tmp_path: Path) -> None:
    photo, guide, out = FACES / "person_0.jpg", FACES / "person_1.jpg", tmp_path / "out.png"
    guides = restorer.read_guides(guide)
    made = restorer.restore(photo, guides)
    found = CliRunner().invoke(main, ["restore", str(photo), "--guide", str(guide), "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert np.array_equal(made.image, np.asarray(Image.open(out)))
    assert made.faces[0].choice is not None
    pixels = np.asarray(Image.open(photo).convert("RGB"))
    assert np.array_equal(restorer.restore(pixels, guide).image, made.image)


def test_what_cannot_be_restored_is_said(restorer: Restorer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no face"):
        restorer.restore(np.zeros((300, 900, 3), np.uint8))
    with pytest.raises(ValueError, match=r"shape \(H, W, 3\)"):
        restorer.restore(np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match="does not exist"):
        restorer.restore(FACES / "person_0.jpg", tmp_path / "nobody")
    with pytest.raises(TypeError, match="faces"):
        restorer.restore(FACES / "person_0.jpg", faces="all")
