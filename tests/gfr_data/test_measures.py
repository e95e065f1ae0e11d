"""Each measure of quality answers to what it is named for, and to little else."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gfr_data.quality.blockiness import blockiness
from gfr_data.quality.drawing import drawing
from gfr_data.quality.judge import grey
from gfr_data.quality.occlusion import occlusion, visibility
from gfr_data.quality.sharpness import FACE, bandwidth


@pytest.fixture(scope="module")
def person():
    """A rendered face that nearly fills 256 px, and its landmarks."""
    from gfr_data.faces.crop import crop, square_around
    from gfr_data.sample.camera.photograph import render_person

    photograph = render_person(7, 2, 0)
    low, high = photograph.landmarks.min(axis=0), photograph.landmarks.max(axis=0)
    geometry = square_around(np.array([*low, *high]), 1.4)
    return crop(photograph.image, geometry), geometry.to_crop(photograph.landmarks)


def _face(image):
    return grey(np.asarray(Image.fromarray(image).resize((FACE, FACE), Image.Resampling.BICUBIC)))


def _jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


def test_bandwidth_falls_with_blur(person):
    picture = Image.fromarray(person[0])
    values = [bandwidth(_face(np.asarray(picture.filter(ImageFilter.GaussianBlur(s))))) for s in (0, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[3]


def test_bandwidth_of_an_enlarged_picture_is_what_the_small_one_can_show(person):
    """Enlarged eight times, it has 16 px: 8 cycles, and what the filter leaves of its images."""
    picture = Image.fromarray(person[0])
    small = picture.resize((16, 16), Image.Resampling.LANCZOS).resize(picture.size, Image.Resampling.LANCZOS)
    assert 4 < bandwidth(_face(np.asarray(small))) < 12


def test_bandwidth_sees_motion_in_one_direction(person):
    import cv2

    kernel = np.zeros((15, 15), np.float32)
    kernel[7] = 1 / 15
    blurred = cv2.filter2D(person[0], -1, kernel)
    assert bandwidth(_face(blurred)) < 0.6 * bandwidth(_face(person[0]))


def test_bandwidth_does_not_ask_how_bright_a_picture_is(person):
    face = _face(person[0])
    assert bandwidth(0.5 * face + 20) == pytest.approx(bandwidth(face), rel=1e-6)


def test_bandwidth_of_nothing_is_zero():
    assert bandwidth(np.full((FACE, FACE), 7.0)) == 0


@pytest.mark.parametrize("shift", [0, 3, 6])
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.5])
def test_blocks_are_found_wherever_their_grid_lies_and_at_any_size(person, shift, scale):
    low = Image.fromarray(_jpeg(person[0], 8)[shift:, shift:])
    size = tuple(round(side * scale) for side in low.size)
    resized = grey(np.asarray(low.resize(size, Image.Resampling.BICUBIC)))
    assert blockiness(resized) > 2 * blockiness(grey(person[0]))
    assert blockiness(resized) > 0.35


def test_blockiness_falls_with_jpeg_quality(person):
    values = [blockiness(grey(_jpeg(person[0], quality))) for quality in (5, 20, 50, 95)]
    assert values == sorted(values, reverse=True)


def test_blockiness_of_a_tiny_picture_is_zero():
    assert blockiness(np.zeros((6, 9))) == 0


def test_flat_areas_with_outlines_are_a_drawing(person):
    import cv2

    image = person[0]
    flat = cv2.pyrMeanShiftFiltering(image, 12, 40) // 32 * 32 + 16
    flat[cv2.Canny(image, 60, 120) > 0] = 0
    assert drawing(_face(image)) < 1 < drawing(_face(flat))


def test_lines_beside_quiet_areas_are_a_drawing(person):
    """Neither alone: a sharpened photograph has lines, a smoothed one quiet areas."""
    import cv2

    image = person[0]
    stylised = cv2.stylization(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), None, 60, 0.3)
    smooth = cv2.bilateralFilter(image, 9, 40, 5)
    sharp = np.asarray(Image.fromarray(image).filter(ImageFilter.UnsharpMask(1.5, 80, 2)))
    assert max(drawing(_face(image)), drawing(_face(smooth)), drawing(_face(sharp))) < 1 < drawing(_face(stylised))


def test_bare_faces_show_eyes_mouth_and_one_skin(person):
    assert occlusion(*person) < 1


@pytest.mark.parametrize(
    ("what", "points"),
    [("eyes", slice(36, 42)), ("eyes", slice(42, 48)), ("mouth", slice(48, 68)), ("half", slice(0, 9))],
)
def test_what_is_covered_is_missed(person, what, points):
    import cv2

    image, marks = person
    covered = image.copy()
    place = marks[points] if what != "half" else np.concatenate([marks[points], marks[[27, 19]]])
    hull = cv2.convexHull(np.rint(place).astype(np.int32))
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, hull, 1)
    mask = cv2.dilate(mask, np.ones((25, 25), np.uint8))
    covered[mask > 0] = (40, 70, 160)
    assert occlusion(covered, marks) > 1
    bare, seen = visibility(image, marks), visibility(covered, marks)
    if what == "eyes":
        assert seen.eyes < 0.3 * bare.eyes
    elif what == "mouth":
        assert seen.mouth < 0.3 * bare.mouth
    else:
        assert seen.colour > 2 * bare.colour


def test_landmarks_outside_the_crop_are_no_crash(person):
    assert np.isfinite(occlusion(person[0], person[1] + 300))
    assert np.isfinite(occlusion(person[0], np.zeros((68, 2))))
