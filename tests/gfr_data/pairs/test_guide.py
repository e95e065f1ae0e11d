"""The guide is frontal with open eyes, five photographs at most, and equals are told apart by variety."""

import random

from hypothesis import given
from hypothesis import strategies as st

from gfr_data.pairs.guide import Candidate, SelectionRules, may_be_target, may_guide, rank_guides, select

RULES = SelectionRules()


def candidate(key: str, quality: float = 0.8, yaw: float = 0.0, eyes: float = 0.3, **more: float) -> Candidate:
    values = {"pitch": 0.0, "roll": 0.0, "mouth_open": 0.0, "mouth_wide": 1.0, "crop_side": 300.0, "crop_inside": 1.0}
    return Candidate(key, quality, yaw, eye_open_left=eyes, eye_open_right=eyes, **(values | more))


candidates = st.lists(
    st.builds(
        candidate,
        key=st.uuids().map(str),
        quality=st.floats(0, 1),
        yaw=st.floats(-60, 60),
        eyes=st.floats(0, 0.5),
        roll=st.floats(-40, 40),
        crop_side=st.floats(60, 600),
        crop_inside=st.floats(0.3, 1),
    ),
    max_size=12,
    unique_by=lambda face: face.key,
)


@given(candidates, st.randoms())
def test_selection_obeys_its_rules_in_any_order(faces: list[Candidate], shuffle: random.Random) -> None:
    chosen = select(faces, RULES)
    mixed = list(faces)
    shuffle.shuffle(mixed)
    assert select(mixed, RULES) == chosen
    if chosen.guide is None:
        assert chosen.targets == ()
        guides = [face for face in faces if may_guide(face, RULES)]
        best = max(guides, key=lambda face: face.quality, default=None)
        assert len(faces) < 2 or not guides or not any(may_be_target(face, RULES) for face in faces if face is not best)
    else:
        assert may_guide(chosen.guide, RULES)
        assert chosen.guide not in chosen.targets
        assert all(may_be_target(face, RULES) for face in chosen.targets)
        assert 1 <= len(chosen.targets) == len(set(chosen.targets)) <= RULES.most - 1
        assert chosen.guide.quality == max(face.quality for face in faces if may_guide(face, RULES))


def test_profile_and_closed_eyes_never_guide() -> None:
    faces = [candidate("profile", 1.0, yaw=50), candidate("asleep", 1.0, eyes=0.02), candidate("plain", 0.2)]
    assert select(faces, RULES).guide == faces[2]


def test_a_face_that_is_cut_off_never_guides_and_a_small_one_is_no_truth() -> None:
    faces = [candidate("cut", 1.0, crop_inside=0.6), candidate("small", 0.9, crop_side=120.0), candidate("plain", 0.2)]
    chosen = select(faces, RULES)
    assert (chosen.guide, chosen.targets) == (faces[1], (faces[0], faces[2])), (
        "small may guide, cut off may be a target"
    )
    assert select([faces[1], candidate("other", 0.95)], RULES).reason == "no_target"


def test_one_face_gives_no_pair() -> None:
    assert select([candidate("a")], RULES).reason == "too_few_faces"


def test_no_frontal_face_gives_no_pair() -> None:
    assert select([candidate("a", yaw=40), candidate("b", yaw=-40)], RULES).reason == "no_guide"


def test_among_equals_the_different_pose_is_chosen() -> None:
    same = [candidate(f"same{number}", 0.82) for number in range(6)]
    turned = [
        candidate("left", 0.80, yaw=25),
        candidate("right", 0.80, yaw=-25),
        candidate("laughing", 0.80, mouth_open=0.6),
    ]
    targets = {face.key for face in select([*same, *turned], RULES).targets}
    assert {"left", "right", "laughing"} <= targets


def test_much_worse_photograph_is_not_chosen_for_its_pose() -> None:
    same = [candidate(f"same{number}", 0.82) for number in range(6)]
    assert "bad" not in {face.key for face in select([*same, candidate("bad", 0.3, yaw=30)], RULES).targets}


@given(candidates.filter(len), st.integers(0, 9))
def test_guides_are_ranked_by_the_faces_alone(faces: list[Candidate], seed: int) -> None:
    target, *others = faces
    ranked = rank_guides(target, others, SelectionRules())
    random.Random(seed).shuffle(others)
    assert rank_guides(target, others, SelectionRules()) == ranked
    assert sorted(face.key for face in ranked) == sorted(face.key for face in others)


def test_the_guide_of_the_targets_pose_is_before_a_better_one_that_is_turned_away() -> None:
    others = [candidate("away", 0.9, yaw=-30), candidate("alike", 0.6, yaw=28), candidate("poor", 0.1, yaw=28)]
    ranked = rank_guides(candidate("target", 0.5, yaw=30), others, RULES)
    assert [face.key for face in ranked] == ["alike", "poor", "away"]
