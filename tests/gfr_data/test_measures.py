"""Each measure of quality answers to what it is named for, and to little else."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gfr_data.quality.blockiness import blockiness
from gfr_data.quality.drawing import drawing
from gfr_data.quality.exposure import BLOWN, CRUSHED, evened, exposure
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


@pytest.fixture(scope="module")
def closely(person):
    """The same face in the box that a detector finds."""
    from gfr_data.faces.crop import crop, square_around

    image, marks = person
    return crop(image, square_around(np.array([*marks.min(axis=0), *marks.max(axis=0)]), 1.15))


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


def test_flat_areas_with_outlines_are_a_drawing(closely):
    import cv2

    image = closely
    flat = cv2.pyrMeanShiftFiltering(image, 12, 40) // 32 * 32 + 16
    flat[cv2.Canny(image, 60, 120) > 0] = 0
    assert drawing(_face(image)) < 1 < drawing(_face(flat))


def test_lines_beside_quiet_areas_are_a_drawing(closely):
    """Neither alone: a sharpened photograph has lines, a smoothed one quiet areas."""
    import cv2

    image = closely
    stylised = cv2.stylization(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), None, 60, 0.3)
    smooth = cv2.bilateralFilter(image, 9, 40, 5)
    sharp = np.asarray(Image.fromarray(image).filter(ImageFilter.UnsharpMask(1.5, 80, 2)))
    assert max(drawing(_face(image)), drawing(_face(smooth)), drawing(_face(sharp))) < 1 < drawing(_face(stylised))


def _tones(*parts):
    """A face of which the shares (low, high, share) have tones evenly from low to high, wherever they lie."""
    counts = [round(share * FACE * FACE) for *_, share in parts]
    tones = np.concatenate([np.linspace(low, high, n) for (low, high, _), n in zip(parts, counts, strict=True)])
    return np.random.default_rng(0).permutation(tones)[: FACE * FACE].reshape(FACE, FACE)


def test_exposure_of_a_face_is_its_tonal_range_while_lights_and_shadows_reach_the_middle():
    assert exposure(_tones((30, 220, 1))) == pytest.approx(0.9 * 190 / 255, rel=0.02)
    # Its lights reach half of the middle: a quarter of its range.
    assert exposure(_tones((9, 66.75, 1))) == pytest.approx(0.9 * 57.75 / 255 / 4, rel=0.03)
    # Its shadows are a quarter of the way from white to the middle.
    assert exposure(_tones((215, 249, 1))) == pytest.approx(0.9 * 34 / 255 * (31.5 / 127.5) ** 2, rel=0.03)


@pytest.mark.parametrize(("level", "share"), [(255.0, BLOWN), (0.0, CRUSHED)])
def test_exposure_is_less_by_what_is_blown_out_or_crushed(level, share):
    face = _tones((level, level, share / 2), (20, 240, 1 - share / 2))
    assert exposure(face) == pytest.approx(exposure(face.clip(9, 249)) / 2, rel=0.05)
    assert exposure(_tones((level, level, 1.05 * share), (20, 240, 1 - 1.05 * share))) == 0


def test_exposure_does_not_ask_how_dark_skin_is_nor_what_lies_behind():
    """Skin far below the middle, with eyes, teeth and highlights that are not; black or white in the corners."""
    face = _tones((25, 90, 0.9), (140, 230, 0.1))
    assert exposure(face) > 0.3
    assert exposure(face * 2**-2.5) < 0.10
    y, x = np.mgrid[:FACE, :FACE] - FACE / 2
    for level in (0, 255):
        assert exposure(np.where(np.hypot(x, y) > FACE / 2, level, face)) == exposure(face)


@pytest.mark.parametrize("stops", [-5.0, -4.0, 3.5, 4.5])
def test_exposure_falls_where_the_camera_takes_too_little_or_too_much_light(person, stops):
    exposed = 255 * ((person[0] / 255) ** 2.2 * 2**stops).clip(0, 1) ** (1 / 2.2)
    assert exposure(_face(exposed.astype(np.uint8))) < 0.10
    assert exposure(_face(person[0])) > 0.3


def test_evened_tones_are_those_of_another_exposure(person):
    dark = (person[0] * 0.1).astype(np.uint8)
    assert np.ptp(grey(evened(dark))) > 0.9 * 255
    assert np.corrcoef(grey(evened(dark)).ravel(), grey(person[0]).ravel())[0, 1] > 0.8


def test_a_fringe_a_strand_and_a_beard_are_no_occlusion(person):
    """A green cloth in the same places is one."""
    import cv2

    image, marks = person
    places = [
        marks[[1, 2, 3, 4, 48, 31]],
        marks[[17, 18, 19, 20, 21, 38, 37, 36]],
        marks[[4, 6, 8, 10, 12, 54, 57, 48]],
    ]

    def covered(*colours):
        made = image.copy()
        for place, colour in zip(places, colours, strict=True):
            cv2.fillConvexPoly(made, cv2.convexHull(np.rint(place).astype(np.int32)), colour)
        return visibility(made, marks).colour

    bare = visibility(image, marks).colour
    assert covered((40, 26, 20), (40, 26, 20), (150, 145, 142)) < bare + 4
    assert covered((90, 150, 80), (90, 150, 80), (90, 150, 80)) > 18


def test_black_hair_beside_the_face_takes_nothing_from_its_mouth(person):
    image, marks = person
    framed = image.copy()
    inner = marks[31:60, 0]
    framed[:, : int(inner.min() - 20)] = framed[:, int(inner.max() + 20) :] = (8, 6, 5)
    assert visibility(framed, marks).mouth == pytest.approx(visibility(image, marks).mouth, rel=0.05)


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
