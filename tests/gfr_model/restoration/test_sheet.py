"""A sheet shows every photograph that can be used beside every run's restoration, with its guide as an inset."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cli.eval import main
from gfr_model.restoration.sheet import with_inset
from tests.gfr_model.conftest import untrained_run

FACES = Path(__file__).parents[2] / "gfr_data" / "faces" / "data"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    for name, variant in (("full", "full"), ("alone", "-WG")):
        (root / name).mkdir()
        untrained_run(root / name, variant)
    return root


def _sheet(*arguments):
    return CliRunner().invoke(main, ["sheet", *map(str, arguments)])


def test_photographs_stand_beside_all_runs_as_picture_and_page(runs, tmp_path):
    case = f"{FACES / 'person_0.jpg'}={FACES / 'person_1.jpg'}"
    out = ("--out", tmp_path / "sheet.png", "--out", tmp_path / "sheet.html")
    options = ("--run", f"Ours={runs / 'full'}", "--run", runs / "alone", *out)
    found = _sheet(case, *options, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["photographs"] == 1
    picture = Image.open(tmp_path / "sheet.png")
    assert picture.size == (3 * 258 - 2, 16 + 258)
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert page.count('<img loading="lazy" src="data:image/png') == 3
    assert all(f"<figcaption>{title}</figcaption>" in page for title in ("input", "Ours", "alone"))
    assert _sheet(case, *options).exit_code == 1  # nothing is replaced


def test_a_photograph_that_cannot_be_used_is_told_and_the_others_are_shown(runs, tmp_path):
    (tmp_path / "text.jpg").write_text("no photograph")
    cases = (tmp_path / "text.jpg", FACES / "person_0.jpg")
    found = _sheet(*cases, "--run", runs / "alone", "--out", tmp_path / "sheet.png")
    assert found.exit_code == 1
    assert "text.jpg" in found.stderr
    assert (tmp_path / "sheet.png").is_file()
    assert _sheet(cases[0], "--run", runs / "alone", "--out", tmp_path / "none.png").exit_code == 1
    assert not (tmp_path / "none.png").exists()
    assert _sheet(cases[1], "--run", runs / "alone", "--out", tmp_path / "sheet.gif").exit_code == 2


def test_no_photograph_or_guide_is_replaced_by_the_sheet(runs, tmp_path):
    for number, name in enumerate(("photo.png", "guide.png")):
        Image.open(FACES / f"person_{number}.jpg").save(tmp_path / name)
    for name in ("photo.png", "guide.png"):
        before = (tmp_path / name).read_bytes()
        case = f"{tmp_path / 'photo.png'}={tmp_path / 'guide.png'}"
        found = _sheet(case, "--run", runs / "full", "--out", tmp_path / name, "--overwrite")
        assert found.exit_code == 2
        assert "among photographs that are read" in found.stderr
        assert (tmp_path / name).read_bytes() == before


def test_the_inset_is_the_guide_and_leaves_the_rest():
    shown = with_inset(np.zeros((90, 90, 3), np.uint8), np.full((90, 90, 3), 77, np.uint8))
    assert (shown[60:, 60:] == 77).all()
    assert (shown[:58] == 0).all()
    assert (shown[58:60, 58:] == 255).all()
