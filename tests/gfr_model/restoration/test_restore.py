"""Tests of restoring one photograph: which face, what the network is shown, where its change goes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gfr_data.faces.crop import crop
from gfr_model.config import TrainConfig
from gfr_model.inference import TrainedModel, load_model
from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.points import Landmarks
from gfr_model.restoration import restore
from gfr_model.restoration.faces import FoundFace, Quality
from gfr_model.restoration.guides import Guide, Guides
from gfr_model.restoration.head import Head
from gfr_model.restoration.restore import Options, comparison, restore_photograph, run_network, to_image
from manifests import ConfigError, DataError
from manifests.crops import CropGeometry

SIZE = 64
FRONT = np.array([(-20.0, -20), (20, -20), (0, 3), (-18, 21), (18, 21)])


class Eyes:
    def __init__(self, *squares, detail=5.0):
        self.squares, self.detail = squares, detail

    def read(self, path):
        raise AssertionError("nothing is read here")

    def find(self, image):
        return [
            FoundFace(CropGeometry(x, y, side, side), 0.99, FRONT * side / 100 + [x + side / 2, y + side / 2])
            for x, y, side in self.squares
        ]

    def cut(self, image, square, size):
        return crop(image, square, size)

    def measure(self, image, square):
        return Quality(self.detail)


class Network(nn.Module):
    """Calls a function of (degraded, best guide), and remembers what it was shown."""

    guided = True

    def __init__(self, function, find=lambda image: None, takes_several=False):
        super().__init__()
        self.function, self.find, self.shown, self.takes_several = function, find, [], takes_several
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, degraded, guide):
        self.shown.append((degraded, guide))
        best, *others = guide.unbind(1) if guide.ndim == 5 else (guide,)
        further = tuple(found for found in map(self.find, others) if found is not None)
        return Restoration(self.function(degraded, best), best, None, self.find(degraded), self.find(best), further)


def model(function, recnet="unet", **options):
    return TrainedModel(Network(function, **options), TrainConfig(image_size=SIZE, recnet=recnet), "0" * 32, "net")


def guides(**named):
    head = Head(0.0, 0.0, 0.0, 0.9)
    members = (
        Guide(Path(name), name, np.full((SIZE, SIZE, 3), level, np.uint8), head, 256.0, 0.5)
        for name, level in named.items()
    )
    return Guides(Path("guides"), tuple(members), ())


def photograph(height=200, width=300):
    """Noise on red and blue stripes."""
    image = np.random.default_rng(0).integers(60, 120, (height, width, 3), dtype=np.uint8)
    red = np.arange(width) // 50 % 2 == 0
    image[:, red, 0] += 80
    image[:, ~red, 2] += 80
    return image


def brighter(degraded, guide):
    return (degraded + 40 / 255).clamp(0, 1)


def changed(before, after):
    """The centre column and row of what changed."""
    where = np.argwhere((before != after).any(axis=2))
    return where.mean(axis=0)[::-1]


def test_the_network_sees_the_crop_that_training_made_and_the_guide():
    image, net = photograph(), model(brighter)
    restore_photograph(image, "photo", guides(a=200), net, Eyes((50.0, 40.0, 100.0)), Options())
    degraded, guide = net.network.shown[0]
    wanted = crop(image, CropGeometry(50.0, 40.0, 100.0, 100.0), SIZE)
    assert np.array_equal((degraded[0].permute(1, 2, 0) * 255).round().numpy(), wanted)
    assert (guide * 255 == 200).all()


@pytest.mark.parametrize(
    ("which", "centres"),
    [("largest", [(220, 100)]), ("1", [(60, 80)]), ("2", [(220, 100)]), ("all", [(60, 80), (220, 100)])],
)
def test_the_faces_that_were_asked_for_change(which, centres):
    image = photograph()
    eyes = Eyes((160.0, 40.0, 120.0), (30.0, 50.0, 60.0))
    made = restore_photograph(image, "photo", guides(a=9), model(brighter), eyes, Options(face=which))
    assert len(made.faces) == len(centres)
    for x, y in centres:
        assert (made.image[y, x].astype(int) - image[y, x] == 40).all()
    if len(centres) == 1:
        assert np.abs(changed(image, made.image) - centres[0]).max() < 2
        assert "2 faces" in made.notes[0]
    else:
        assert "one person" in made.notes[0]


def test_a_face_that_is_not_there_is_an_error():
    eyes = Eyes((0.0, 0.0, 50.0), (100.0, 0.0, 50.0))
    with pytest.raises(DataError, match="--face 3, but there are only 2 faces"):
        restore_photograph(photograph(), "p", guides(a=9), model(brighter), eyes, Options(face="3"))
    with pytest.raises(DataError, match="no face was found"):
        restore_photograph(photograph(), "p", guides(a=9), model(brighter), Eyes(), Options())


def test_a_small_square_without_a_face_is_restored_whole_and_that_is_said():
    image = photograph(200, 200)
    made = restore_photograph(image, "p", guides(a=9), model(brighter), Eyes(), Options())
    assert (made.image.astype(int) - image == 40).all()
    assert "taken for a crop of a face" in made.notes[0]


def test_overlapping_faces_do_not_change_twice():
    image = np.full((200, 300, 3), 100, np.uint8)
    eyes = Eyes((20.0, 20.0, 150.0), (60.0, 30.0, 150.0))
    to_150 = model(lambda degraded, guide: torch.full_like(degraded, 150 / 255))
    made = restore_photograph(image, "p", guides(a=9), to_150, eyes, Options(face="all"))
    assert made.image.max() <= 152


@pytest.mark.parametrize("factor", [2, 3])
def test_an_enlarged_result_changes_at_the_same_place(factor):
    image = photograph(100, 150)
    made = restore_photograph(
        image, "p", guides(a=9), model(brighter), Eyes((30.0, 20.0, 60.0)), Options(enlarge=factor)
    )
    assert made.image.shape == (100 * factor, 150 * factor, 3)
    kept = restore_photograph(
        image, "p", guides(a=9), model(lambda d, g: d), Eyes((30.0, 20.0, 60.0)), Options(enlarge=factor)
    )
    assert np.abs(changed(kept.image, made.image) - [60 * factor, 50 * factor]).max() < 2
    assert (made.image[50 * factor, 60 * factor].astype(int) - kept.image[50 * factor, 60 * factor] == 40).all()


@pytest.mark.parametrize(
    ("side", "factor", "strength", "advised"),
    [(20.0, 1, None, 4), (20.0, 2, None, 0), (31.0, 1, None, 3), (33.0, 1, None, 0), (20.0, 1, 0.0, 0), (5.0, 4, 1, 8)],
)
def test_where_a_small_face_could_show_more_enlarging_is_advised(side, factor, strength, advised):
    options = Options(enlarge=factor, strength=strength)
    made = restore_photograph(photograph(), "p", guides(a=9), model(brighter), Eyes((50.0, 40.0, side)), options)
    said = [note for note in made.faces[0].notes if "px wide" in note]
    assert [f"(--enlarge {advised})" in note for note in said] == [True] * bool(advised)


def test_a_result_too_large_is_refused_before_work():
    with pytest.raises(DataError, match="megapixels"):
        restore_photograph(
            np.zeros((4000, 5000, 3), np.uint8), "p", None, model(brighter), Eyes((9.0, 9.0, 60.0)), Options(enlarge=8)
        )


def test_values_that_are_no_numbers_never_become_a_photograph():
    broken = model(lambda degraded, guide: degraded * float("nan"))
    with pytest.raises(DataError, match="not finite"):
        restore_photograph(photograph(), "p", guides(a=9), broken, Eyes((30.0, 20.0, 60.0)), Options())


def test_the_comparison_shows_input_guide_warped_guide_and_output():
    image = photograph()
    made = restore_photograph(image, "p", guides(a=200), model(brighter), Eyes((50.0, 40.0, 100.0)), Options())
    page = comparison(made.faces)
    face = made.faces[0]
    columns = [page[-SIZE - 2 : -2, left : left + SIZE] for left in range(0, 4 * (SIZE + 2), SIZE + 2)]
    for column, wanted in zip(columns, (face.seen, face.choice.guide.image, face.warped, face.restored), strict=True):
        assert np.array_equal(column, wanted)
    assert (page[:16] < 128).any()  # titles


def unsure_of(*levels):
    """Landmarks of a face, unsure where an image is of one of these grey levels."""

    def find(image):
        spread = 0.5 if round(float(image.mean() * 255)) in levels else 0.03
        points = torch.linspace(-0.5, 0.5, 136).reshape(1, 68, 2).sin()
        return Landmarks(points, torch.full((1, 68), spread))

    return find


def test_a_guide_in_which_the_network_finds_no_face_gives_way_to_the_next_and_that_is_said():
    net = model(brighter, "attentive", find=unsure_of(200))
    eyes = Eyes((50.0, 40.0, 100.0))
    face = restore_photograph(photograph(), "p", guides(a=200, b=90), net, eyes, Options()).faces[0]
    assert face.guide.path == Path("b")
    assert "a shows no face" in face.choice.why
    assert "left aside" in face.choice.why


def levels_shown(net):
    """Of each guide that the network was shown last, its grey level."""
    return [round(float(guide.mean() * 255)) for guide in net.network.shown[-1][1].unbind(1)]


def test_several_guides_serve_at_once_and_those_in_which_no_face_is_found_give_way_to_others():
    net = model(brighter, "attentive", find=unsure_of(200, 201), takes_several=True)
    members = {"a": 90, "b": 200, "c": 91, "d": 201, "e": 92, "f": 93}
    eyes = Eyes((50.0, 40.0, 100.0))
    face = restore_photograph(photograph(), "p", guides(**members), net, eyes, Options(most_guides=3)).faces[0]
    assert levels_shown(net) == [90, 91, 92]
    assert face.guide.path == Path("a")
    assert [guide.path.name for guide in face.choice.guides] == ["a", "c", "e"]
    assert "c, e serve beside it" in face.choice.why
    assert face.choice.why.count("left aside") == 2
    assert (face.warped == 90).all()


def test_a_network_that_takes_one_guide_is_shown_one_and_nothing_is_said_of_others():
    net = model(brighter)
    made = restore_photograph(photograph(), "p", guides(a=90, b=91), net, Eyes((50.0, 40.0, 100.0)), Options())
    assert net.network.shown[-1][1].shape == (1, 3, SIZE, SIZE)
    assert "beside" not in made.faces[0].choice.why


def test_no_number_of_guides_is_below_one():
    with pytest.raises(ConfigError, match="most_guides is 0"):
        Options(most_guides=0)


@pytest.mark.parametrize("members", [{"a": 200, "b": 201}, {"p": 90}])
def test_without_a_guide_that_can_serve_the_face_is_restored_without_and_that_is_said(members):
    net = model(lambda degraded, guide: guide, "attentive", find=unsure_of(200, 201))
    made = restore_photograph(photograph(), "p", guides(**members), net, Eyes((50.0, 40.0, 100.0)), Options())
    face = made.faces[0]
    assert face.guide is None
    assert face.warped is None
    assert "no usable guide" in face.choice.why
    assert (net.network.shown[-1][1] * 255 == 128).all()
    assert comparison(made.faces).shape[1] == 2 * (SIZE + 2) - 2  # input and output


def test_a_network_that_needs_a_guide_restores_nothing_without():
    net = model(brighter, find=unsure_of(200))
    with pytest.raises(DataError, match="no usable guide in guides: none can serve; a shows no face"):
        restore_photograph(photograph(), "p", guides(a=200), net, Eyes((50.0, 40.0, 100.0)), Options())


def test_a_face_whose_points_only_the_network_finds_gets_the_guide_turned_like_it():
    def find(image):
        found = unsure_of()(image)
        found.points[0, 36:48] = torch.tensor([[-0.2, -0.2], [0.2, -0.2]]).repeat_interleave(6, 0)
        found.points[0, [30, 48, 54]] = torch.tensor([[0.12, 0.03], [-0.18, 0.21], [0.18, 0.21]])
        return found

    both = guides(a=90, b=91)
    turned = replace(both.usable[1], head=Head(28.0, 0.0, 0.0, 0.9))
    both = replace(both, usable=(both.usable[0], turned))
    made = restore_photograph(photograph(200, 200), "p", both, model(brighter, find=find), Eyes(), Options())
    assert made.faces[0].guide.path == Path("b")


def test_a_black_and_white_photograph_stays_so_and_a_coloured_one_does_not():
    reddish = model(lambda degraded, guide: (degraded + torch.tensor([0.3, 0.0, -0.1]).view(3, 1, 1)).clamp(0, 1))
    smooth = np.linspace(60, 180, 300)[None, :, None] * np.linspace(0.7, 1, 200)[:, None, None]
    grey = np.repeat(smooth, 3, axis=2).astype(np.uint8)
    coloured = grey.copy()
    coloured[:, :150, 0] += 30
    for image, stays in ((grey, True), (coloured, False)):
        made = restore_photograph(image, "p", guides(a=9), reddish, Eyes((90.0, 40.0, 120.0)), Options())
        chroma = made.image[100, 150].astype(int) - made.image[100, 150, 1]
        assert (np.abs(chroma).max() == 0) == stays
        assert made.image[100, 150].mean() > image[100, 150].mean() + 10


@pytest.mark.parametrize(
    ("detail", "asked", "change", "said"),
    [
        (5.0, None, 40, "little detail: all of the change"),
        (14.0, None, 20, "partly sharp: 50% of the change"),
        (40.0, None, 0, "stays as it is"),
        (40.0, 1.0, 40, "100% of the change is applied, as asked"),
        (5.0, 0.25, 10, "25% of the change is applied, as asked"),
        (5.0, 0.0, 0, "0% of the change is applied, as asked"),
    ],
)
def test_the_change_is_what_the_face_needs_or_what_was_asked_for_and_that_is_said(detail, asked, change, said):
    image, eyes = photograph(), Eyes((50.0, 40.0, 100.0), detail=detail)
    made = restore_photograph(image, "p", guides(a=9), model(brighter), eyes, Options(strength=asked))
    assert made.image[90, 100].astype(int).tolist() == (image[90, 100].astype(int) + change).tolist()
    face = made.faces[0]
    assert said in face.notes[-1]
    assert face.change == pytest.approx(change, abs=0.01)
    assert (face.strength == asked) if asked is not None else (face.strength == face.need)


class Alike:
    """Finds two pictures as similar as it is told."""

    def __init__(self, similarity):
        self.turn, self.asked = np.array([similarity, np.sqrt(1 - similarity**2)]), []

    def embed(self, image, keypoints):
        self.asked.append(keypoints)
        return np.array([1.0, 0.0]) if len(self.asked) == 1 else self.turn


@pytest.mark.parametrize(
    ("similarity", "detail", "warns"), [(0.2, 20.0, True), (0.3, 20.0, False), (0.2, 12.0, False), (0.0, 5.0, False)]
)
def test_a_guide_of_another_person_is_warned_of_where_the_face_shows_enough(similarity, detail, warns):
    shown, persons = guides(a=9), Alike(similarity)
    shown = replace(shown, usable=(replace(shown.usable[0], keypoints=FRONT / 2 + 32),))
    eyes = Eyes((50.0, 40.0, 100.0), detail=detail)
    made = restore_photograph(photograph(), "p", shown, model(brighter), eyes, Options(), persons)
    assert ("another person" in made.faces[0].notes[0]) == warns
    assert not persons.asked or np.abs(persons.asked[0].mean(axis=0) - SIZE / 2).max() < 2  # points of the crop


def test_each_guide_that_serves_and_seems_to_be_another_person_is_named():
    shown = guides(a=9, b=10, c=11)
    shown = replace(shown, usable=tuple(replace(one, keypoints=FRONT / 2 + 32) for one in shown.usable))
    net, eyes = model(brighter, takes_several=True), Eyes((50.0, 40.0, 100.0), detail=20.0)
    made = restore_photograph(photograph(), "p", shown, net, eyes, Options(most_guides=2), Alike(0.2))
    warned = [note for note in made.faces[0].notes if "another person" in note]
    assert [note.split()[1] for note in warned] == ["a", "b"]


@pytest.fixture(scope="module")
def rendered():
    """A crop of a rendered face, badly reduced, and one of another."""
    folder = Path(__file__).parents[2] / "gfr_data" / "faces" / "data"
    first, second = (np.asarray(Image.open(path).resize((256, 256))) for path in sorted(folder.glob("*.jpg"))[:2])
    low = Image.fromarray(first).resize((64, 64), Image.Resampling.BICUBIC)
    return np.asarray(low.resize((256, 256), Image.Resampling.BICUBIC)), second


@pytest.mark.parametrize(
    ("changes", "shortened"), [({}, True), ({"precision": "float32"}, False), ({"recnet": "unet", "window": 0}, False)]
)
def test_what_was_trained_in_bfloat16_restores_in_it_where_the_processor_can(rendered, monkeypatch, changes, shortened):
    model = load_model("default")
    model = replace(model, config=replace(model.config, **changes))
    made = []
    for can in (False, True):
        monkeypatch.setattr(restore, "multiplies_bfloat16", lambda device, can=can: can)
        made.append(run_network(model, *rendered))
    assert made[1].restored.dtype == torch.float32
    assert bool((made[0].restored != made[1].restored).any()) == shortened
    first, second = (to_image(one.restored).astype(int) for one in made)
    assert np.abs(first - second).max() <= 2
    assert np.abs(first - second).mean() < 0.1
    assert np.abs(first - rendered[0]).mean() > 1  # it does change something
