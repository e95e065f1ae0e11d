"""A face that is too dark or too bright to be found is found where the tones are evened, and only to be rejected."""

import numpy as np
import pytest

from gfr_data.examination.hidden import find_or_uncover
from gfr_data.faces.mtcnn import Face

BOX = (20.0, 20.0, 100.0, 100.0)


class Finder:
    """Finds one face at BOX wherever a picture shows tones all over the range, as a detector does."""

    def __call__(self, images):
        faces = Face(np.array(BOX, np.float32), 0.99, np.full((5, 2), 60, np.float32))
        return [[faces] if np.percentile(image, 95) - np.percentile(image, 5) > 150 else [] for image in images]


@pytest.fixture
def photograph():
    return np.random.default_rng(0).integers(0, 256, (120, 120, 3)).astype(np.uint8)


@pytest.mark.parametrize("change", [lambda x: x * 0.1, lambda x: 240 + x * 0.05])
def test_a_hidden_face_is_badly_exposed(photograph, change):
    hidden = change(photograph.astype(float)).astype(np.uint8)
    assert Finder()([hidden]) == [[]]
    subject = find_or_uncover(Finder(), [], hidden, None, 0.10)
    assert subject.reason == "bad_exposure"
    assert subject.face.box == pytest.approx(BOX)


def test_what_is_found_in_well_exposed_pixels_is_no_hidden_face(photograph):
    """The detector did not see it as it is, so that it is rather a false find."""
    subject = find_or_uncover(Finder(), [], photograph, None, 0.10)
    assert (subject.face, subject.reason) == (None, "no_face")


def test_where_the_data_set_says_that_the_face_is_elsewhere_there_is_none(photograph):
    dark = (photograph * 0.1).astype(np.uint8)
    assert find_or_uncover(Finder(), [], dark, np.array(BOX), 0.10).reason == "bad_exposure"
    assert find_or_uncover(Finder(), [], dark, np.array([100.0, 100.0, 119.0, 119.0]), 0.10).face is None


def test_nothing_is_nothing():
    assert find_or_uncover(Finder(), [], np.full((120, 120, 3), 7, np.uint8), None, 0.10).reason == "no_face"


def test_what_was_detected_is_not_looked_for_again(photograph):
    found = Finder()([photograph])[0]
    assert find_or_uncover(None, found, photograph, None, 2.0).face is found[0]
