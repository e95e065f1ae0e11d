"""The sample's folder: the same bytes always, continued after an interruption, in layouts that the build indexes."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfr_data.sample.defects import ACCEPT, DEFECTS
from gfr_data.sample.write import plan_sample, render_sample
from gfr_data.sources.layouts import list_identities
from gfr_data.sources.options import parse_source
from manifests import ConfigError, DataError

SETTINGS = {"identities": 3, "photos": 2, "seed": 5}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sample that tests only read."""
    out = tmp_path_factory.mktemp("made") / "people"
    render_sample(out, **SETTINGS)
    return out


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """A sample with every defect."""
    out = tmp_path_factory.mktemp("spoilt") / "people"
    return out, render_sample(out, identities=1, photos=2, seed=6, defects=True)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_two_processes_give_the_same_bytes(made, tmp_path):
    summary = render_sample(tmp_path / "people", jobs=2, **SETTINGS)
    assert summary.written == 6 + 6  # the album's files on top
    assert digests(tmp_path / "people") == digests(made)


def test_another_seed_gives_other_people(made, tmp_path):
    render_sample(tmp_path / "people", identities=2, photos=2, seed=7)
    shared = "vggface2/train/n000001/0001_01.jpg"
    assert digests(tmp_path / "people")[shared] != digests(made)[shared]


def test_an_interrupted_sample_is_continued_and_a_whole_one_left_alone(made, tmp_path):
    out = tmp_path / "people"
    shutil.copytree(made, out)
    lost = [out / "casia-webface", out / "album" / "photograph.jpg", out / "landmarks68.csv"]
    shutil.rmtree(lost[0])
    for path in lost[1:]:
        path.unlink()
    kept = out / "vggface2" / "train" / "n000001" / "0001_01.jpg"
    before = kept.stat().st_mtime_ns
    summary = render_sample(out, **SETTINGS)
    assert summary.changed
    assert summary.written == 2 + 1
    assert digests(out) == digests(made)
    assert kept.stat().st_mtime_ns == before
    assert not render_sample(out, **SETTINGS).changed


def test_a_folder_that_holds_anything_else_is_refused(made, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match="did not write"):
        render_sample(full, **SETTINGS)
    assert [path.name for path in full.iterdir()] == ["letter.txt"]
    with pytest.raises(DataError, match="it is a file"):
        render_sample(full / "letter.txt", **SETTINGS)
    other = tmp_path / "other"
    shutil.copytree(made, other)
    with pytest.raises(ConfigError, match=r"identities: .*, now 2"):
        render_sample(other, identities=2, photos=2, seed=5)
    assert digests(other) == digests(made)


def test_overwrite_replaces_a_sample_and_nothing_else(made, tmp_path):
    out = tmp_path / "people"
    shutil.copytree(made, out)
    (out / "notes.txt").write_text("mine")
    render_sample(out, identities=1, photos=2, seed=5, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "casia-webface" / "0000045").exists()
    assert json.loads((out / "sample.json").read_text())["identities"] == 1


def test_planning_writes_nothing(tmp_path):
    summary = plan_sample(tmp_path / "people", 60, 6, 0, True)
    assert summary.identities == 60
    assert summary.photographs == 360 + summary.defects
    assert summary.written == 0
    assert not (tmp_path / "people").exists()


def test_sources_index_every_photograph(made):
    for layout, folders in (("vggface2", 2), ("casia-webface", 1)):
        found = list(list_identities(parse_source(f"{layout}={made / layout}")))
        assert len(found) == folders
        assert all(len(identity.paths) == 2 for identity in found)
        assert all(identity.person for identity in found)
    subsets = {identity.subset for identity in list_identities(parse_source(f"vggface2={made / 'vggface2'}"))}
    assert subsets == {"train", "test"}


def test_landmarks_and_truth_list_every_photograph(made):
    files = {path.relative_to(made).as_posix() for path in made.rglob("*.jpg")}
    points, truth = rows(made / "landmarks68.csv"), rows(made / "truth.csv")
    assert {row["path"] for row in points} == {row["path"] for row in truth} == files
    for row in points:
        width, height = Image.open(made / row["path"]).size
        numbers = np.array([[float(row[f"x{k}"]), float(row[f"y{k}"])] for k in range(68)])
        assert (numbers > 0).all()
        assert (numbers < [width, height]).all()
    assert rows(made / "labels.csv") == []


def test_every_defect_is_labelled_with_the_expected_reason(spoilt):
    out, summary = spoilt
    labels = rows(out / "labels.csv")
    assert summary.defects == len(labels) == len(DEFECTS)
    assert {row["defect"]: row["expected"] for row in labels} == DEFECTS
    assert all((out / row["file"]).is_file() for row in labels)
    without = {row["file"] for row in labels if row["expected"] in ("no_face", "unreadable")}
    listed = {row["path"] for row in rows(out / "landmarks68.csv")}
    assert not without & listed
    assert {row["file"] for row in labels if row["expected"] == ACCEPT} <= listed
    assert {row["path"]: row["defect"] for row in rows(out / "truth.csv") if row["defect"]} == {
        row["file"]: row["defect"] for row in labels
    }


def test_the_album_holds_a_worn_photograph_its_truth_and_guides(made):
    old, new = (
        np.asarray(Image.open(made / "album" / name).convert("RGB")) for name in ("photograph.jpg", "truth.jpg")
    )
    assert old.shape == new.shape == (700, 900, 3)
    guides = sorted((made / "album" / "guides").iterdir())
    assert 3 <= len(guides) <= 5
    truth = {row["path"]: row for row in rows(made / "truth.csv")}
    owner = truth["album/photograph.jpg"]["person"]
    assert all(truth[f"album/guides/{path.name}"]["person"] == owner for path in guides)
    assert owner not in {row["person"] for row in truth.values() if "/train/" in row["path"]}
    points = next(row for row in rows(made / "landmarks68.csv") if row["path"] == "album/truth.jpg")
    width = np.ptp([float(points[f"x{k}"]) for k in range(17)])
    assert 170 < width < 260
    error = float(((old.astype(float) - new) ** 2).mean())
    assert 10 * np.log10(255**2 / error) < 32
