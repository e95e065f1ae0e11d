"""MTCNN in torch finds what the mtcnn package finds on TensorFlow, and the people that are rendered."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.faces import mtcnn, mtcnn_networks
from gfr_data.faces.decode import read_image
from gfr_data.faces.mtcnn import Mtcnn, _reduced, _shrink
from manifests import DataError

DATA = Path(__file__).parent / "data"  # rendered people, and what record_mtcnn.py recorded of them


@pytest.fixture(scope="module")
def detector():
    return Mtcnn()


@pytest.fixture(scope="module")
def recorded():
    return json.loads((DATA / "mtcnn.json").read_text())


def test_parity_with_the_package_at_its_default_minimum_face_size(detector, recorded):
    boxes, points, scores = [], [], []
    for name, theirs in recorded.items():
        (mine,) = detector([read_image(DATA / name)], min_face_size=20)
        assert len(mine) == len(theirs), name
        for face, other in zip(mine, theirs, strict=True):
            boxes.append(np.abs(face.box - other["box"]))
            points.append(np.abs(face.keypoints - other["keypoints"]))
            scores.append(abs(face.score - other["score"]))
    assert len(scores) >= 6
    assert np.median(boxes) < 0.01
    assert np.median(points) < 0.01
    assert np.median(scores) < 1e-4


@settings(max_examples=60, deadline=None)
@given(st.integers(12, 200), st.integers(12, 200), st.floats(0.05, 1), st.floats(0.05, 1), st.integers(0, 2**32 - 1))
def test_the_pyramid_shrinks_as_opencv_does(height, width, tall, wide, seed):
    image = np.random.default_rng(seed).uniform(-1, 1, (height, width, 3)).astype(np.float32)
    size = max(1, int(height * tall)), max(1, int(width * wide))
    small = _shrink(torch.from_numpy(image).transpose(0, 1).contiguous(), *size)
    assert small.is_contiguous(memory_format=torch.channels_last)
    expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_the_smaller_picture_of_a_large_photograph_moves_no_box(detector, recorded, monkeypatch):
    """Beside the pyramid of the whole photograph: half a pixel in the middle, of faces of hundreds."""
    away = []
    for name in recorded:
        image = cv2.resize(read_image(DATA / name), None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
        assert _reduced(image, 0.1 * min(image.shape[:2])).shape[0] < image.shape[0] / 1.9
        (found,) = detector([image])
        with monkeypatch.context() as patch:
            patch.setattr(mtcnn, "REDUCED", 1)
            (whole,) = detector([image])
        assert len(found) == len(whole), name
        away += [np.abs(one.box - other.box) for one, other in zip(found, whole, strict=True)]
    assert len(away) >= 6
    assert np.median(away) < 0.5


@pytest.mark.parametrize("side", [20, 37, 95])
def test_photographs_with_small_faces_are_searched_as_they_are(side):
    image = np.arange(300 * 400 * 3, dtype=np.uint8).reshape(300, 400, 3)
    assert np.array_equal(_reduced(image, side), image)


def test_a_photograph_does_not_depend_on_its_company(detector, recorded):
    images = [read_image(DATA / name) for name in recorded]
    images.insert(1, np.full((90, 120, 3), 128, np.uint8))  # nobody is in it
    for image, together in zip(images, detector(images), strict=True):
        (alone,) = detector([image])
        assert [face.score for face in alone] == [face.score for face in together]
        assert all(np.array_equal(a.keypoints, b.keypoints) for a, b in zip(alone, together, strict=True))


def test_any_view_of_pixels_is_taken(detector, recorded):
    image = read_image(DATA / next(iter(recorded)))
    mirrored = image[:, ::-1]
    locked = np.ascontiguousarray(mirrored)
    locked.setflags(write=False)
    views = detector([mirrored, locked])
    assert views[0]
    assert [face.score for face in views[0]] == [face.score for face in views[1]]


def test_keypoints_lie_in_the_order_that_is_documented(detector):
    (found,) = detector([read_image(DATA / "person_0.jpg")])
    (left_eye, right_eye, nose, mouth_left, mouth_right) = found[0].keypoints
    assert left_eye[0] < nose[0] < right_eye[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    assert mouth_left[0] < mouth_right[0]


@pytest.mark.parametrize("shape", [(8, 8), (12, 400), (25, 25), (300, 11)])
def test_small_pictures_and_bare_walls_have_no_face(detector, shape):
    assert detector([np.full((*shape, 3), 90, np.uint8)]) == [[]]


def test_no_photographs_have_no_faces(detector):
    assert detector([]) == []


def test_a_large_minimum_leaves_small_faces_out(detector):
    image = read_image(DATA / "two_people.jpg")
    assert len(detector([image], min_face_size=20)[0]) == 2
    wall = np.pad(image, ((300, 300), (300, 300), (0, 0)), mode="edge")
    assert detector([wall], min_face_size=400) == [[]]


def test_real_photographs_have_their_face(real_faces, detector):
    paths = sorted((real_faces / "vggface2").rglob("*.jpg")) + sorted((real_faces / "casia-webface").rglob("*.jpg"))
    assert len(paths) == 34
    assert [path for path in paths if not detector([read_image(path)])[0]] == []


def test_changed_weights_are_refused(monkeypatch):
    """They are pickles: a file that is not the known one is not opened."""
    monkeypatch.setitem(mtcnn_networks.SHA256, "onet", "0" * 64)
    with pytest.raises(DataError, match=r"mtcnn==1\.0\.0"):
        Mtcnn()


def test_a_gpu_is_asked_for_all_of_float32(detector, recorded):
    seen = []
    hooks = [
        network.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
        for network in (detector.pnet, detector.rnet, detector.onet)
    ]
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        detector([read_image(DATA / next(iter(recorded)))])
        assert torch.backends.cudnn.allow_tf32, "what others asked for stays"
    for hook in hooks:
        hook.remove()
    assert len(seen) > 2
    assert not any(seen)
