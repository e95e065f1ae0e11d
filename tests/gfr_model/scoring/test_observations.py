import dataclasses

import pytest
import torch

from gfr_model.scoring.observations import (
    guides_of,
    load,
    own_guide,
    pose_difference,
    random_guides,
    read_folder,
)


def rows(count, split="test"):
    """Four observations of each person, and two guides."""
    return [
        {
            "pair_id": f"{split}{n}",
            "split": split,
            "person": f"person {n // 4}",
            "guide_path": f"{split}-{n // 2}.png",
            "guide_hash": "",
            "guide_landmarks": [0.0] * 136,
            "guide_yaw": float(n),
            "guide_pitch": 0.0,
            "guide_roll": 0.0,
        }
        for n in range(count)
    ]


def test_a_random_guide_is_of_another_person_of_the_same_split():
    both = rows(40) + rows(40, "other")
    guides = random_guides(both, guides_of(both), seed=3)
    for row, guide in zip(both, guides, strict=True):
        assert guide.person != row["person"]
        assert guide.path.startswith(row["split"])
    assert len({guide.path for guide in guides}) > 20


def test_a_random_guide_depends_on_seed_and_pair_not_on_order_or_on_what_else_is_scored():
    guides = guides_of(rows(40))
    straight = random_guides(rows(40), guides, seed=3)
    turned = random_guides(rows(40)[::-1], guides_of(rows(40)[::-1]), seed=3)[::-1]
    assert [guide.path for guide in straight] == [guide.path for guide in turned]
    few = random_guides(rows(5), guides, seed=3)
    assert [guide.path for guide in straight[:5]] == [guide.path for guide in few]
    other = random_guides(rows(40), guides, seed=4)
    assert [guide.path for guide in straight] != [guide.path for guide in other]


def test_where_there_is_one_person_there_is_no_random_guide():
    assert random_guides(rows(4), guides_of(rows(4)), seed=0) == [None] * 4


def test_pose_difference_is_the_angle_of_the_turn():
    assert pose_difference((10, 5, 3), (10, 5, 3)) == pytest.approx(0, abs=1e-5)
    for axis in range(3):
        turned = [0.0, 0.0, 0.0]
        turned[axis] = -35.0
        assert pose_difference((0, 0, 0), tuple(turned)) == pytest.approx(35)
    assert pose_difference((-20, 0, 0), (30, 0, 0)) == pytest.approx(50)
    first, second = (12.0, -7.0, 20.0), (-40.0, 15.0, -3.0)
    assert pose_difference(first, second) == pytest.approx(pose_difference(second, first))
    assert pose_difference((90, 0, 0), (-90, 0, 0)) == pytest.approx(180)


def test_a_batch_holds_what_can_be_read_and_names_the_rest(evaluation, tmp_path):
    folder = read_folder(evaluation.at4, (), None)
    guides = [own_guide(row) for row in folder.rows]
    lost = dataclasses.replace(guides[1], path="crops/lost.png")
    batch, errors = load(folder, folder.rows, [guides[0], lost, None, *guides[3:]], torch.device("cpu"))
    assert batch.places == (0, 3, 4, 5, 6)
    assert batch.degraded.shape == batch.guide.shape == batch.truth.shape == (5, 3, 256, 256)
    assert 0 <= batch.degraded.min() <= batch.degraded.max() <= 1
    assert "lost.png" in errors[1]
    assert "no guide of another person" in errors[2]
    none, errors = load(folder, folder.rows[:1], [None], torch.device("cpu"))
    assert none is None
    assert list(errors) == [0]


def test_limit_and_splits_choose_rows(evaluation):
    found = read_folder(evaluation.at4, (), 2)
    assert [row["split"] for row in found.rows] == ["test-vggface2"] * 2 + ["test-webface"] * 2
    assert {split: len(guides) for split, guides in found.guides.items()} == {"test-vggface2": 4, "test-webface": 3}
    found = read_folder(evaluation.at4, ("test-webface",), None)
    assert len(found.rows) == 3
