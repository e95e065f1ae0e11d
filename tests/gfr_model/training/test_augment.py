from dataclasses import replace

import numpy as np
import pytest
import torch

from gfr_model.config import TrainConfig
from gfr_model.training.augment import DRAWS, augment, draws_of, guides_of, jitter
from gfr_model.training.batches import Feed
from gfr_model.training.pairs import Pairs, load, read_splits
from gfr_model.training.processes import World

CPU = torch.device("cpu")


def _dots(points, size=128):
    """A black image with a soft white dot at each point (N, 2) px, (1, 3, S, S) uint8."""
    y, x = np.mgrid[:size, :size]
    distance = np.stack([np.hypot(x - a, y - b) for a, b in points]).min(axis=0)
    return torch.from_numpy((255 * np.exp(-((distance / 2) ** 2))).astype(np.uint8)).expand(1, 3, size, size)


@pytest.mark.parametrize(
    ("scale", "angle", "shift"), [(1.0, 0.3, (0.0, 0.0)), (1.1, 0.0, (0.1, -0.05)), (0.9, -0.2, (-0.1, 0.1))]
)
def test_points_drawn_into_a_picture_move_with_it(scale, angle, shift):
    points = np.array([[40.0, 44.0], [80.0, 40.0], [62.0, 70.0], [50.0, 88.0]])
    image, moved = jitter(
        _dots(points),
        torch.from_numpy(points)[None].float(),
        torch.tensor([scale]),
        torch.tensor([angle]),
        torch.tensor([shift]),
    )
    bright = image[0, 0].double().numpy()
    y, x = np.mgrid[:128, :128]
    for place, before in zip(moved[0].numpy(), points, strict=True):
        near = np.where(np.hypot(x - place[0], y - place[1]) < 6, bright, 0)
        found = np.array([(near * x).sum(), (near * y).sum()]) / near.sum()  # annotated again
        np.testing.assert_allclose(found, place, atol=0.2)
        assert np.hypot(*(place - before)) > 1


def _pairs(count=400):
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8, generator=generator).expand(count, -1, -1, -1)
    points = torch.rand(1, 68, 2, generator=generator).mul(15).expand(count, -1, -1)
    return Pairs(image, image, points, points + 1), draws_of(np.zeros(count, int), np.arange(count), count, 7)


def test_half_of_the_crops_move_and_never_further_than_the_settings_allow():
    pairs, draws = _pairs()
    made = augment(pairs, draws, TrainConfig(jitter=0.1, jitter_angle=0.2), warping=False)
    moves = []
    for points, before in ((made.target_points, pairs.target_points), (made.guide_points, pairs.guide_points)):
        still = (points == before).flatten(1).all(1)
        assert 0.4 < still.double().mean() < 0.6
        a, b = (p - p.mean(1, keepdim=True) for p in (before, points))
        scale = (b.square().sum((1, 2)) / a.square().sum((1, 2))).sqrt().log()
        turn = torch.atan2((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(1), (a * b).sum((1, 2)))
        assert 0.08 < scale.abs().max() < 0.1 + 1e-4
        assert 0.15 < turn.abs().max() < 0.2 + 1e-4
        moves.append(still)
    assert 0.4 < (moves[0] == moves[1]).double().mean() < 0.6  # target and guide move apart from each other


def test_pairs_lose_their_colour_and_half_of_their_guides_keep_it():
    pairs, draws = _pairs()
    made = augment(pairs, draws, TrainConfig(grey=0.4), warping=False)
    grey = [(image == image[:, :1]).flatten(1).all(1).double() for image in (made.target, made.guide)]
    assert grey[0].mean() == pytest.approx(0.4, abs=0.06)
    assert grey[1].mean() == pytest.approx(0.2, abs=0.06)
    assert bool((grey[1] <= grey[0]).all())
    assert torch.equal(made.target_points, pairs.target_points)


def test_a_guide_is_left_out_in_stage_2_alone_and_has_nothing_to_align():
    pairs, draws = _pairs()
    config = TrainConfig(no_guide=0.3)
    first, second = (augment(pairs, draws, config, warping=warping) for warping in (True, False))
    assert torch.equal(first.guide, pairs.guide)
    plain = (second.guide == 128).flatten(1).all(1)
    assert plain.double().mean() == pytest.approx(0.3, abs=0.06)
    assert torch.equal(second.guide_points[plain], pairs.target_points[plain])
    assert torch.equal(second.guide_points[~plain], pairs.guide_points[~plain])


def test_guides_are_of_the_same_person_or_in_stage_1_strangers_and_the_target_itself(make_pairs):
    table = read_splits(make_pairs(train=9), 0.0, 0).train
    index = np.tile(np.arange(9), 100)
    draws = draws_of(np.repeat(np.arange(100), 9), index, 9, 3)
    target, persons = table.target[index], table.crop_persons
    chosen = guides_of(table, index, draws, TrainConfig(), warping=True)
    np.testing.assert_array_equal(chosen, table.guide[index])
    found = guides_of(table, index, draws, TrainConfig(guides="any"), warping=False)
    assert bool((found != target).all())
    assert bool((persons[found] == persons[target]).all())
    assert {tuple(pair) for pair in zip(target, found, strict=True)} == {
        (t, g) for t in table.target for g in range(len(table.paths)) if t != g and persons[t] == persons[g]
    }
    mixed = guides_of(table, index, draws, TrainConfig(strangers=0.5), warping=True)
    assert np.mean(persons[mixed] != persons[target]) == pytest.approx(0.25, abs=0.06)
    assert np.mean(mixed == target) == pytest.approx(0.25, abs=0.06)


def test_a_crop_s_person_and_landmarks_are_the_manifest_s(make_pairs):
    table = read_splits(make_pairs(train=9), 0.0, 0).train
    for pair in range(9):
        same = table.crop_persons[table.target] == table.crop_persons[table.target[pair]]
        np.testing.assert_array_equal(np.flatnonzero(same) % 3, pair % 3)
    assert sum(len(table.crops_of(person)) for person in range(3)) == len(table.paths)


def test_what_a_step_sees_is_a_function_of_the_step_alone(tiny_pairs):
    config = TrainConfig(image_size=64, batch_size=4, jitter=0.1, jitter_angle=0.2, grey=0.5, guides="any")
    config = replace(config, strangers=0.5, no_guide=0.5)
    pairs = load(read_splits(tiny_pairs, 0.0, 0).train, 64, "host", CPU)
    before = pairs.crops.images.clone()
    seen = [Feed(pairs, config, World()) for _ in range(2)]
    for step in (0, 1, 5):
        seen[0].step(step + 3)  # whatever came before
        for warping in (True, False):
            one, other = (vars(feed.step(step, warping)) for feed in seen)
            assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(pairs.crops.images, before)
    first = draws_of(np.array([0, 1, 0]), np.array([2, 2, 2]), 6, 1)
    assert first.shape == (3, DRAWS)
    np.testing.assert_array_equal(first[0], first[2])
    assert not np.any(first[0] == first[1])


@pytest.mark.parametrize("space", ["paper", "wide"])
def test_a_share_of_the_training_samples_is_degraded_hard_and_validation_is_not(tiny_pairs, monkeypatch, space):
    drawn = []

    def note(images, draws):
        drawn.append(draws.scale)
        return images.float() / 255

    monkeypatch.setattr("gfr_model.training.batches.degrade_batch", note)
    pairs = load(read_splits(tiny_pairs, 0.0, 0).train, 64, "host", CPU)
    for share, low, high in ((0.0, 0.6, 0.83), (0.5, 0.78, 0.93), (0.999, 0.98, 1.0)):
        feed = Feed(pairs, TrainConfig(image_size=64, batch_size=64, hard=share, space=space), World())
        drawn.clear()
        for step in range(5):
            feed.step(step)
        # 51 of the set's 71 scales are at least 3 anyway.
        assert low <= np.mean(np.concatenate(drawn) >= 3) <= high
        drawn.clear()
        feed.validation(np.arange(len(feed)))
        np.testing.assert_array_equal(drawn[0], drawn[-1])
        monkeypatch.setattr(feed, "hard", None)  # which validation does not ask
        feed.validation(np.arange(len(feed)))
        np.testing.assert_array_equal(drawn[0], drawn[-1])
