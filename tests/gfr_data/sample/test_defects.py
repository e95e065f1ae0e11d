"""Each defect is in the picture, and changes what it says."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from gfr_data.sample.camera.photograph import photograph
from gfr_data.sample.defects import BROKEN, DEFECTS, break_file, defective, defective_scene, jpeg_quality
from gfr_data.sample.folder import encode

EXPECTED = {"accept", "occluded", "low_resolution", "artifacts", "cartoon", "blurred", "bad_exposure"}
EXPECTED |= {"extreme_pose", "multiple_faces", "no_face", "unreadable"}


@pytest.fixture(scope="module")
def spoilt(person_of):
    def make(defect):
        return defective(person_of(0), defective_scene(4, 0, 0, defect), 0, defect)

    return make


@pytest.fixture(scope="module")
def ordinary(person_of):
    """The scene of the covers, without one."""
    return photograph(person_of(0), defective_scene(4, 0, 0, "cloth"), 0)


def fine(image):
    """Energy of the finest detail."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())


def test_every_defect_names_the_reason_a_build_gives():
    assert set(DEFECTS.values()) == EXPECTED


def test_covers_hide_what_they_say(spoilt, ordinary):
    points = np.rint(ordinary.landmarks).astype(int)
    eyes, mouth = points[36:48], points[48:68]
    glasses, cloth = spoilt("dark_glasses").image.astype(int), spoilt("cloth").image.astype(int)
    plain = ordinary.image.astype(int)

    def change(image, places):
        return np.abs(image[places[:, 1], places[:, 0]] - plain[places[:, 1], places[:, 0]]).mean()

    assert change(glasses, eyes) > 25
    assert change(glasses, mouth) < 20
    assert change(cloth, mouth) > 25
    assert change(cloth, eyes) < 20
    hand = spoilt("hand").image.astype(int)
    assert change(hand, points[27:68]) > 12


def test_blur_and_low_resolution_take_the_fine_detail(spoilt, ordinary):
    assert fine(spoilt("blurred").image) < 0.5 * fine(ordinary.image)
    assert fine(spoilt("low_resolution").image) < 0.5 * fine(ordinary.image)


def test_exposure_is_wrong_on_the_face(spoilt):
    for defect, low, high in (("dark", 0, 45), ("bright", 225, 256)):
        picture = spoilt(defect)
        x, y = np.rint(picture.landmarks[29]).astype(int)
        assert low <= picture.image[y - 5 : y + 6, x - 5 : x + 6].mean() < high


def test_profile_is_far_turned_and_closed_eyes_are_closed(spoilt):
    assert abs(spoilt("profile").scene.yaw) > 65
    points = spoilt("closed_eyes").landmarks
    assert np.linalg.norm(points[37] - points[41]) < 0.12 * np.linalg.norm(points[36] - points[39])


def test_two_people_stand_side_by_side(spoilt):
    picture = spoilt("two_people")
    assert np.ptp(picture.landmarks[:, 0]) < 0.5 * picture.image.shape[1]
    assert picture.landmarks[:, 0].mean() < 0.45 * picture.image.shape[1]


def test_no_face_has_none(spoilt, ordinary):
    assert fine(spoilt("no_face").image) < fine(ordinary.image)


def test_heavy_compression_is_in_the_file():
    assert jpeg_quality("heavy_jpeg", 93) < 15
    assert jpeg_quality("blurred", 93) == 93


@pytest.mark.parametrize("defect", BROKEN)
def test_broken_files_cannot_be_read(defect, ordinary):
    content = break_file(encode(ordinary.image, 90), defect)
    with pytest.raises((OSError, SyntaxError)):
        Image.open(io.BytesIO(content)).load()
