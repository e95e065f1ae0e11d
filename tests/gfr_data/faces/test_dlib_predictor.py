"""dlib's predictor in MTCNN's faces, held against points of another method; and what is said where it is missing."""

import csv
import time
from pathlib import Path

import numpy as np
import pytest

from gfr_data.faces import dlib_predictor
from gfr_data.faces.crop import square_around
from gfr_data.faces.decode import read_image
from gfr_data.faces.dlib_predictor import DlibPredictor, _box
from gfr_data.faces.landmarks import LandmarkRequest
from gfr_data.faces.providers import choose_provider, open_provider, require_weights
from manifests import DataError, weights

INSTALLED = pytest.mark.skipif(not dlib_predictor.is_installed(), reason="needs dlib: the extra dlib")
FIVE = np.array([[40.0, 50.0], [80.0, 50.0], [60.0, 70.0], [45.0, 90.0], [75.0, 90.0]])


def request(image: np.ndarray, box: np.ndarray, keypoints: np.ndarray | None = None) -> LandmarkRequest:
    return LandmarkRequest("", "a.jpg", image, box, square_around(box), keypoints)


def test_the_box_lies_around_the_five_points() -> None:
    image, box = np.zeros((9, 9, 3), np.uint8), np.array([10.0, 20.0, 60.0, 100.0])
    assert _box(request(image, box, FIVE)) == [18, 28, 102, 112]  # 2.1 x 40 px around (60, 70)
    assert _box(request(image, box)) == [3, 28, 67, 92]  # the root of 50 x 80 px around (35, 60)


@INSTALLED
def test_points_agree_with_another_method(real_faces: Path) -> None:
    """The points beside the photographs are a face mesh's, which are 2.6% of the eye distance from FAN's."""
    from gfr_data.faces.mtcnn import Mtcnn
    from gfr_data.faces.subject import find_subject

    detect, predict = Mtcnn("cpu"), DlibPredictor()
    errors, seconds = [], []
    with (real_faces / "landmarks68.csv").open() as file:
        rows = [row for row in list(csv.reader(file))[1:] if row[0].startswith(("vggface2", "casia"))]
    for path, *values in rows[::2]:
        image, truth = read_image(real_faces / path), np.array(values, float).reshape(68, 2)
        face = find_subject(detect([image])[0], *image.shape[:2]).face
        assert face is not None, path
        asked = request(image, face.box, face.keypoints)
        start = time.perf_counter()
        (found,) = predict([asked])
        seconds.append(time.perf_counter() - start)
        assert found is not None
        assert found.points.shape == (68, 2)
        wrong = np.linalg.norm(found.points - asked.geometry.to_crop(truth), axis=1)[17:].mean()
        eyes = np.linalg.norm(np.diff(asked.geometry.to_crop([truth[36:42].mean(0), truth[42:48].mean(0)]), axis=0))
        errors.append(wrong / eyes)
    assert len(errors) >= 15
    assert np.mean(errors) < 0.05, "of the eye distance, on eyes, nose and mouth"
    assert np.max(errors) < 0.10, "no face is missed"
    assert np.median(seconds) < 0.05


@INSTALLED
def test_two_processes_and_batches_give_the_same_points(real_faces: Path) -> None:
    image = read_image(next((real_faces / "casia-webface").rglob("*.jpg")))
    asked = request(image, np.array([60.0, 60.0, 190.0, 200.0]))
    first, second = DlibPredictor(), open_provider("dlib")
    assert np.array_equal(first([asked, asked])[1].points, second([asked])[0].points)


def test_what_is_missing_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dlib_predictor, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'gfrnet-toolkit\[dlib\]'"):
        require_weights("dlib")
    monkeypatch.setattr(dlib_predictor, "find_spec", lambda name: name)
    monkeypatch.setattr(weights, "find", lambda name: None)
    with pytest.raises(DataError, match=r"gfrnet-toolkit\[dlib\].*gfr-data weights get dlib-landmarks"):
        require_weights("dlib")


@INSTALLED
def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.dat").write_bytes(b"no forest")
    monkeypatch.setattr(weights, "find", lambda name: tmp_path / "other.dat")
    with pytest.raises(DataError, match=r"other.dat is not dlib's predictor.*weights get"):
        DlibPredictor()


@pytest.mark.parametrize(
    ("here", "chosen"), [({"fan", "dlib-landmarks"}, "fan"), ({"dlib-landmarks"}, "dlib"), (set(), None)]
)
def test_auto_takes_the_better_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch, here: set[str], chosen: str | None
) -> None:
    monkeypatch.setattr(weights, "find", lambda name: Path(name) if name in here else None)
    monkeypatch.setattr(dlib_predictor, "find_spec", lambda name: name)
    monkeypatch.setattr("gfr_data.faces.providers.find_spec", lambda name: name)
    if chosen:
        assert choose_provider() == chosen
        assert choose_provider(Path("fan.pth")) == "fan"
    else:
        with pytest.raises(DataError, match=r"gfrnet-toolkit\[dlib\].*weights get fan.*file:PATH"):
            choose_provider()


def test_weights_of_fan_without_its_package_are_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", Path)
    monkeypatch.setattr(dlib_predictor, "find_spec", lambda name: name)
    monkeypatch.setattr("gfr_data.faces.providers.find_spec", lambda name: None)
    assert choose_provider() == "dlib"
