"""What is rejected and why: on real photographs, their defects, and defects that are made here."""

import csv
import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfr_data.quality.judge import Measures, Thresholds, judge, measure_crop, measure_landmarks, overall
from manifests.folders import json_changes

GOOD = Measures(200.0, 48.0, 0.05, 0.5, 0.5, occlusion=0.4, yaw=0.0, pitch=0.0, roll=0.0)
BAD = {
    "low_resolution": {"face_size": 40.0},
    "blurred": {"bandwidth": 12.0},
    "artifacts": {"blockiness": 0.8},
    "bad_exposure": {"exposure": 0.05},
    "cartoon": {"cartoon": 1.5},
    "occluded": {"occlusion": 3.0},
    "extreme_pose": {"yaw": -80.0},
}


@pytest.fixture(scope="module")
def judged(real_faces):
    """Of each file of the labelled defects the label and what was found: 'accept' or the reason."""
    from gfr_data.faces.crop import crop, square_around
    from gfr_data.faces.decode import Unreadable, read_image
    from gfr_data.faces.mtcnn import Mtcnn
    from gfr_data.faces.pose import head_pose
    from gfr_data.faces.subject import find_subject

    with (real_faces / "landmarks68.csv").open() as file:
        points = {row[0]: np.array(row[1:], float).reshape(68, 2) for row in list(csv.reader(file))[1:]}
    with (real_faces / "defects" / "labels.csv").open() as file:
        labels = [(f"defects/{row['file']}", row["expected"]) for row in csv.DictReader(file)]
    photographs = [(name, "photograph") for name in points if not name.startswith("defects")]
    detector = Mtcnn()

    def look(name):
        try:
            image = read_image(real_faces / name)
        except Unreadable:
            return "unreadable"
        subject = find_subject(detector([image])[0], *image.shape[:2])
        if subject.reason:
            return subject.reason
        geometry = square_around(subject.face.box)
        marks = geometry.to_crop(points[name])
        measures = measure_crop(image, subject.face.box)
        measures = measure_landmarks(measures, crop(image, geometry), marks, head_pose(marks))
        return judge(measures, Thresholds()) or "accept"

    return {name: (label, look(name)) for name, label in [*labels, *photographs]}


def test_good_and_unusual_files_are_accepted(judged):
    assert [name for name, (label, found) in judged.items() if label == "accept" != found] == []


def test_hardly_a_real_photograph_is_rejected(judged):
    rejected = [name for name, (label, found) in judged.items() if label == "photograph" and found != "accept"]
    assert sum(label == "photograph" for label, _ in judged.values()) == 34
    assert len(rejected) <= 1, rejected


def test_defects_are_rejected_with_their_reason(judged):
    kinds = {"low_resolution", "artifacts", "occluded", "blurred", "cartoon"}
    defects = [(label, found) for label, found in judged.values() if label in kinds]
    soft = {"low_resolution", "blurred"}
    right = [label == found or {label, found} <= soft for label, found in defects]
    assert len(defects) == 30
    assert sum(found != "accept" for _, found in defects) >= 27
    assert sum(right) >= 25


@pytest.mark.parametrize(
    ("reason", "ways", "least"),
    [
        ("bad_exposure", ("Pillow's brightness 0.2", "-4 stops", "gamma 0.15", "+3 stops"), 20),
        ("cartoon", ("posterised to 8 levels", "8 colours", "16 levels, mode filter", "12 colours, Sobel's edges"), 21),
    ],
)
def test_exposure_and_drawings_of_other_makes_get_their_reason(real_faces, reason, ways, least):
    """24 pictures each; a build before called the dark and bright ones occluded, cartoons, or found no face."""
    from gfr_data.faces.decode import read_image
    from gfr_data.faces.mtcnn import Mtcnn
    from tests.benchmarks.reasons import WAYS, examine

    with (real_faces / "landmarks68.csv").open() as file:
        points = {row[0]: np.array(row[1:], float).reshape(68, 2) for row in list(csv.reader(file))[1:]}
    make = {way: of for kind in WAYS.values() for way, of in kind.items()}
    detector, found = Mtcnn(), []
    for name in (f"defects/good_{number}.jpg" for number in range(6)):
        image = read_image(real_faces / name)
        found += [examine(detector, np.ascontiguousarray(make[way](image)), points[name]) for way in ways]
    assert found.count(reason) >= least, found
    assert "accept" not in found or reason == "cartoon"


def test_broken_files_missing_faces_and_companies_are_rejected(judged):
    hopeless = {"unreadable", "no_face", "multiple_faces"}
    assert [name for name, (label, found) in judged.items() if label in hopeless and found != label] == []


@pytest.mark.parametrize("reason", BAD)
def test_each_reason_has_its_measure(reason):
    assert judge(GOOD, Thresholds()) is None
    assert judge(replace(GOOD, **BAD[reason]), Thresholds()) == reason


@given(st.sets(st.sampled_from(list(BAD)), min_size=1))
def test_the_first_of_several_reasons_is_told(reasons):
    changes = {name: value for reason in reasons for name, value in BAD[reason].items()}
    assert judge(replace(GOOD, **changes), Thresholds()) == next(reason for reason in BAD if reason in reasons)


def test_without_landmarks_only_the_cheap_measures_judge():
    unknown = replace(GOOD, occlusion=None, yaw=None, pitch=None, roll=None)
    assert judge(unknown, Thresholds()) is None
    assert judge(replace(unknown, cartoon=2.0), Thresholds()) == "cartoon"


def test_every_threshold_bounds_a_measure():
    assert {field.name for field in fields(Thresholds)} == {field.name for field in fields(Measures)}


@given(st.sampled_from(["face_size", "bandwidth", "blockiness", "exposure"]), st.floats(0, 1))
def test_overall_quality_is_a_grade_that_grows_with_each_measure(name, share):
    worst = {"face_size": 0.0, "bandwidth": 0.0, "blockiness": 2.0, "exposure": 0.0}
    value = getattr(GOOD, name)
    worse = replace(GOOD, **{name: value + share * (worst[name] - value)})
    assert 0 <= overall(worse) <= overall(GOOD) <= 1


def test_a_build_notices_that_other_measures_made_it(monkeypatch, tmp_path):
    from gfr_data import config
    from gfr_data.sources.source import Source

    build = config.BuildConfig((Source("folder", str(tmp_path), "mine"),), tmp_path / "out")
    before, made = (build.made_by(), build.result_settings()), config.MEASURES_VERSION
    monkeypatch.setattr(config, "MEASURES_VERSION", 99)
    assert build.made_by().config_hash != before[0].config_hash
    assert json_changes(json.dumps(before[1]), json.dumps(build.result_settings())) == [f"measures: {made}, now 99"]
