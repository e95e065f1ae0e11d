"""Tests of choosing a guide: pose, expression, quality; a photograph never guides itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gfr_model.restoration.faces import FoundFace
from gfr_model.restoration.guides import Guide, Guides, choose, detail_of, guide_files, read_guides
from gfr_model.restoration.head import Head, head_of
from manifests import DataError
from manifests.crops import CropGeometry

FRONT = np.array([(100.0, 100), (140, 100), (120, 123), (102, 141), (138, 141)])
TURNED = FRONT + np.array([(0, 0), (0, 0), (12, 0), (0, 0), (0, 0)])  # to the picture's right
FACE = CropGeometry(80.0, 80.0, 90.0, 90.0)
CALM = Head(0, 0, 0, 0.9)


def guide(name="a", head=CALM, side=256.0, detail=0.5):
    return Guide(Path(name), name, np.zeros((256, 256, 3), np.uint8), head, side, detail)


def chosen(guides, keypoints=FRONT, photo="photo"):
    return choose(Guides(Path("guides"), tuple(guides), ()), FoundFace(FACE, 1.0, keypoints), photo)


def test_the_guide_turned_like_the_photograph_is_chosen():
    left, front, right = (
        guide(name, Head(yaw, 0, 0, 0.9)) for name, yaw in (("left", -28), ("front", 0), ("right", 28))
    )
    assert chosen([left, front, right], TURNED).guide is right
    assert chosen([left, front, right], FRONT).guide is front
    assert chosen([left, front, right], (TURNED * [-1, 1] + [240, 0])[[1, 0, 2, 4, 3]]).guide is left


def test_of_guides_equally_far_in_pose_the_more_frontal_is_chosen():
    half = (FRONT + TURNED) / 2
    further, front = guide("a", Head(2 * head_of(half).yaw, 0, 0, 0.9)), guide("front")
    assert chosen([further, front], half).guide is front


def test_the_expression_decides_between_equal_poses():
    smile, calm = guide("a smile", Head(0, 0, 0, 1.2)), guide("calm", Head(0, 0, 0, 0.9))
    assert chosen([smile, calm]).guide is calm


@pytest.mark.parametrize("worse", [{"side": 60.0}, {"detail": 0.1}, {"head": None}])
def test_a_poorer_photograph_loses_between_equal_poses(worse):
    poor, good = replace(guide("a poor"), **worse), guide("good")
    assert chosen([poor, good]).guide is good


def test_without_keypoints_the_frontal_guide_is_chosen():
    turned, front = guide("a", Head(20, 0, 0, 0.9)), guide("front")
    assert chosen([turned, front], None).guide is front


def test_a_photograph_never_guides_itself():
    own, other = guide("own"), guide("other", Head(50, 0, 0, 0.9))
    assert chosen([own, other], photo="own").guide is other
    with pytest.raises(DataError, match="only the photograph itself"):
        chosen([own], photo="own")


@pytest.mark.parametrize(
    ("second", "lack"),
    [
        ({"head": Head(30, 0, 0, 0.9)}, "is turned further away"),
        ({"head": Head(0, 0, 0, 1.4)}, "has another expression"),
        ({"detail": 0.1}, "is smaller or less sharp"),
        ({"side": 60.0}, "is smaller or less sharp"),
        ({}, "would do as well"),
    ],
)
def test_the_reason_is_a_sentence_that_says_what_the_next_best_lacks(second, lack):
    why = chosen([guide("a.jpg"), replace(guide("b.jpg"), **second)]).why
    assert why.startswith("fits best of 2: its head is held almost as in the photograph (2 degrees apart)")
    assert "its face is large and sharp" in why
    assert f"b.jpg{' ' if lack.startswith('would') else ', '}{lack}" in why
    assert chosen([guide("a.jpg")]).why == "the only one that can serve"


def test_the_reason_says_what_the_chosen_one_lacks_itself():
    poor = [
        replace(guide(name, Head(30, 0, 0, 1.2), side=100.0), detail=detail)
        for name, detail in (("a", 0.3), ("b", 0.1))
    ]
    why = chosen(poor).why
    assert "held otherwise (30 degrees apart)" in why
    assert "it smiles more" in why
    assert "small but sharp" in why
    assert "seen from the front" in chosen([guide("a"), guide("b")], None).why


def test_equal_guides_are_chosen_by_name():
    assert chosen([guide("b"), guide("a")]).guide.path == Path("a")


def test_blurring_lowers_the_detail():
    noise = np.random.default_rng(0).normal(0, 1, (256, 256)).cumsum(axis=0).cumsum(axis=1)
    levels = 255 * (noise - noise.min()) / np.ptp(noise)
    image = Image.fromarray(np.repeat(levels[..., None], 3, axis=2).astype(np.uint8))
    image = Image.blend(image, Image.effect_noise((256, 256), 60).convert("RGB"), 0.3)
    details = [detail_of(np.asarray(image.filter(ImageFilter.GaussianBlur(sigma)))) for sigma in (0, 1, 2, 4)]
    assert details == sorted(details, reverse=True)
    assert details[0] > 1.5 * details[1]
    assert detail_of(np.full((64, 64, 3), 9, np.uint8)) == 0


class Eyes:
    """A vision whose faces depend on the picture's width."""

    def __init__(self, faces):
        self.faces = faces

    def read(self, path):
        try:
            return np.asarray(Image.open(path).convert("RGB"))
        except Exception as error:
            raise DataError(f"{path} cannot be read: damaged") from error

    def find(self, image):
        return self.faces.get(image.shape[1], [])

    def cut(self, image, square, size):
        return np.asarray(Image.fromarray(image).resize((size, size)))


def test_files_that_cannot_serve_are_told_apart(tmp_path):
    profile = FRONT + np.array([(0, 0), (0, 0), (40, 0), (0, 0), (0, 0)])
    for name, width in (("good.png", 300), ("none.png", 310), ("profile.png", 320)):
        Image.new("RGB", (width, 200)).save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no photograph")
    eyes = Eyes({300: [FoundFace(FACE, 1.0, FRONT)], 320: [FoundFace(FACE, 1.0, profile)]})
    found = read_guides(tmp_path, eyes, 64)
    assert [one.path.name for one in found.usable] == ["good.png"]
    assert found.usable[0].image.shape == (64, 64, 3)
    assert np.allclose(found.usable[0].keypoints, (FRONT - 80 + 0.5) * 64 / 90 - 0.5)
    lines = "\n".join(found.problems)
    assert len(found.problems) == 4
    assert "notes.txt is no photograph by its name" in found.problems[-1]
    assert "broken.jpg cannot be read" in lines
    assert "none.png shows no face" in lines
    assert "profile.png shows a profile" in lines


def test_of_several_faces_in_a_guide_the_largest_counts(tmp_path):
    Image.new("RGB", (300, 200)).save(tmp_path / "two.png")
    small = FoundFace(CropGeometry(0.0, 0.0, 40.0, 40.0), 1.0, FRONT)
    found = read_guides(tmp_path, Eyes({300: [small, FoundFace(FACE, 1.0, FRONT)]}), 64)
    assert found.usable[0].side == FACE.width


def test_a_missing_or_empty_folder_of_guides_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no usable guide: .* does not exist"):
        guide_files(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no usable guide: .* holds no photograph"):
        guide_files(tmp_path)
