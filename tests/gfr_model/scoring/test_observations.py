import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from gfr_model.scoring.observations import (
    UnusableError,
    guides_of,
    load,
    own_guide,
    pose_difference,
    random_guides,
    read_folder,
    read_pixels,
)
from manifests import hash_file


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


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK"])
def test_any_mode_is_read_as_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (256, 256), (51, 51, 51)).convert(mode).save(path)
    found = read_pixels(path, hash_file(path), 256)
    assert found.shape == (256, 256, 3)
    assert np.abs(found.astype(int) - 51).max() <= 1


def test_what_is_no_such_image_says_which_and_why(tmp_path):
    with pytest.raises(UnusableError, match=r"nothing\.png cannot be read"):
        read_pixels(tmp_path / "nothing.png", None)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(UnusableError, match="cannot be read as an image"):
        read_pixels(tmp_path / "text.png", None)
    Image.new("RGB", (64, 32)).save(tmp_path / "wide.png")
    with pytest.raises(UnusableError, match="64x32 px, but must be square"):
        read_pixels(tmp_path / "wide.png", None)
    with pytest.raises(UnusableError, match="other bytes"):
        read_pixels(tmp_path / "wide.png", "0" * 32)
    content = (tmp_path / "wide.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableError, match=r"torn\.png"):
        read_pixels(tmp_path / "torn.png", None)


def test_more_than_8_bits_are_refused_and_not_cut(tmp_path):
    Image.fromarray(np.full((256, 256), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UnusableError, match="not in 8 bits"):
        read_pixels(tmp_path / "deep.png", None)


def test_a_giant_image_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(path)
    with pytest.raises(UnusableError, match=r"bomb\.png"):
        read_pixels(path, None)


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
