"""Points that exist already are found by path, in any of the forms they come in."""

import os

import numpy as np
import pandas as pd
import pytest

from gfr_data.faces import landmark_file
from gfr_data.faces.landmark_file import COLUMNS
from gfr_data.faces.landmarks import LandmarkRequest
from gfr_data.faces.providers import open_provider, require_points
from manifests import ConfigError, DataError
from manifests.crops import CropGeometry

POINTS = {
    "a/one.jpg": np.arange(136.0),
    "a/two words.jpg": np.arange(136.0) + 1000,
    "b/ünï.png": np.arange(136.0) * 0.5,
}


WHOLE = CropGeometry(0.0, 0.0, 256.0, 256.0)


def _request(root, name, geometry=WHOLE):
    return LandmarkRequest(str(root), name, np.zeros((1, 1, 3), np.uint8), np.zeros(4), geometry)


def _csv(path, names):
    pd.DataFrame(list(POINTS.values()), columns=COLUMNS).assign(path=names).to_csv(path, index=False)


def _parquet(path, names):
    pd.DataFrame(list(POINTS.values()), columns=COLUMNS).assign(path=names).to_parquet(path)


def _lists(path, names):
    pd.DataFrame({"path": names, "landmarks": [list(values) for values in POINTS.values()]}).to_parquet(path)


def _text(path, names):
    lines = [" ".join([name, *map(str, values)]) for name, values in zip(names, POINTS.values(), strict=True)]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "write"), [("p.csv", _csv), ("p.parquet", _parquet), ("q.parquet", _lists), ("p.txt", _text)]
)
@pytest.mark.parametrize("absolute", [False, True])
def test_every_form_is_read_with_absolute_and_relative_paths(tmp_path, name, write, absolute):
    write(tmp_path / name, [str(tmp_path / path) if absolute else path for path in POINTS])
    provider = open_provider(f"file:{tmp_path / name}")
    found = provider([_request(tmp_path, path) for path in POINTS])
    for points, values in zip(found, POINTS.values(), strict=True):
        assert points.points == pytest.approx(values.reshape(68, 2), abs=1e-3)


def test_a_source_may_be_a_folder_below(tmp_path):
    _csv(tmp_path / "p.csv", list(POINTS))
    (found,) = open_provider(f"file:{tmp_path / 'p.csv'}")([_request(tmp_path / "a", "one.jpg")])
    assert found.points[0] == pytest.approx([0, 1])


def test_links_to_folders_are_followed(tmp_path):
    """A source's root is resolved, the path of the file of points as it was given."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    _csv(tmp_path / "real" / "p.csv", list(POINTS))
    (found,) = open_provider(f"file:{tmp_path / 'link' / 'p.csv'}")([_request(tmp_path / "real", "a/one.jpg")])
    assert found is not None


def test_points_of_the_photograph_become_points_of_the_crop(tmp_path):
    _csv(tmp_path / "p.csv", list(POINTS))
    geometry = CropGeometry(10.0, 20.0, 128.0, 128.0)
    (found,) = open_provider(f"file:{tmp_path / 'p.csv'}")([_request(tmp_path, "a/one.jpg", geometry)])
    assert found.points == pytest.approx((POINTS["a/one.jpg"].reshape(68, 2) + 0.5 - [10, 20]) * 2 - 0.5)


def test_points_of_the_crop_stay_as_they_are(tmp_path):
    _csv(tmp_path / "p.csv", list(POINTS))
    geometry = CropGeometry(10.0, 20.0, 128.0, 128.0)
    provider = open_provider(f"file:{tmp_path / 'p.csv'}?pixels=crop")
    assert provider([_request(tmp_path, "a/one.jpg", geometry)])[0].points.ravel() == pytest.approx(POINTS["a/one.jpg"])


def test_photographs_without_points_have_none(tmp_path):
    table = pd.DataFrame(list(POINTS.values()), columns=COLUMNS).assign(path=list(POINTS))
    table.loc[0, "x5"] = np.nan
    table.to_csv(tmp_path / "p.csv", index=False)
    provider = open_provider(f"file:{tmp_path / 'p.csv'}")
    assert provider([_request(tmp_path, "a/one.jpg"), _request(tmp_path, "c/none.jpg")]) == [None, None]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.csv", "path,x0,y0\na.jpg,1,2\n", "lacks the column x1"),
        ("p.csv", "file,x0\na.jpg,1\n", "lacks the column path"),
        ("p.csv", "path,x0\na.jpg,1,2,3\n", "p.csv"),
        ("p.txt", "a.jpg 1 2 3\n", "p.txt:1: expected a path and 136 numbers"),
        ("p.parquet", "no parquet", "cannot be read as landmarks"),
    ],
)
def test_other_files_are_refused_by_name_and_place(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=says):
        open_provider(f"file:{tmp_path / name}")


def test_missing_file_and_unknown_provider_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        open_provider(f"file:{tmp_path / 'none.csv'}")
    with pytest.raises(ConfigError, match="auto, fan, dlib, file:PATH"):
        open_provider("mediapipe")


@pytest.mark.parametrize(("name", "write"), [("p.parquet", _parquet), ("p.txt", _text)])
def test_a_file_read_in_parts_is_found_as_one(monkeypatch, tmp_path, name, write):
    monkeypatch.setattr(landmark_file, "_BATCH", 2)
    write(tmp_path / name, list(POINTS))
    found = open_provider(f"file:{tmp_path / name}")([_request(tmp_path, path) for path in POINTS])
    for points, values in zip(found, POINTS.values(), strict=True):
        assert points.points == pytest.approx(values.reshape(68, 2), abs=1e-3)


def test_an_empty_file_has_no_points(tmp_path):
    (tmp_path / "p.txt").touch()
    assert open_provider(f"file:{tmp_path / 'p.txt'}")([_request(tmp_path, "a.jpg")]) == [None]


def test_a_file_of_other_photographs_is_told_before_the_work(tmp_path):
    """Otherwise hours of detection would end with faces that all lack landmarks."""
    _csv(tmp_path / "p.csv", list(POINTS))
    spec, good = f"file:{tmp_path / 'p.csv'}", [(str(tmp_path / "a"), "one.jpg")]
    require_points(spec, [*good, *((str(tmp_path / "a"), f"{number}.jpg") for number in range(99))])
    with pytest.raises(DataError, match="points of 1 of the 101 photographs"):
        require_points(spec, [*good, *((str(tmp_path / "a"), f"{number}.jpg") for number in range(100))])
    with pytest.raises(DataError) as told:  # one source fits, the other does not
        require_points(spec, [*good, *((str(tmp_path / "c"), f"{number}.jpg") for number in range(5))])
    for name in [*POINTS, "c/0.jpg", "c/1.jpg", "c/2.jpg"]:
        assert str(tmp_path / name) in str(told.value)
    assert "3.jpg" not in str(told.value)
    require_points("fan", [(str(tmp_path / "c"), "other.jpg")])


def test_points_are_found_by_names_that_are_no_text(tmp_path):
    """The tables write such a name with its bytes as %XX: a file of points may do so too."""
    (tmp_path / "a").mkdir()
    names = ["a/back\\slash.jpg", "a/%E9.jpg", "a/John%20Doe.jpg"]
    _csv(tmp_path / "p.csv", names)
    provider = open_provider(f"file:{tmp_path / 'p.csv'}")
    latin = os.fsdecode(b"a/\xe9.jpg")
    for name, values in zip([names[0], latin, names[2]], POINTS.values(), strict=True):
        (found,) = provider([_request(tmp_path, name)])
        assert found.points.ravel() == pytest.approx(values, abs=1e-3)
    (tmp_path / "a" / "%E9.jpg").touch()  # these points are this photograph's
    assert provider([_request(tmp_path, latin)]) == [None]
