import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gfr_model.training.pairs import _what_fits, load, read_splits, samples_of_step
from manifests import DataError

CPU = torch.device("cpu")


def test_mirrored_batch_moves_image_and_points_together(tiny_pairs):
    pairs = load(read_splits(tiny_pairs, 0.0, 0).train, 64, "host", CPU)
    index = np.array([0, 1])
    plain = pairs.batch(index, np.array([False, False]), CPU)
    mixed = pairs.batch(index, np.array([True, False]), CPU)
    assert torch.equal(mixed.target[0], plain.target[0].flip(-1))
    assert torch.equal(mixed.guide[0], plain.guide[0].flip(-1))
    assert torch.equal(mixed.target[1], plain.target[1])
    assert torch.equal(mixed.guide_points[1], plain.guide_points[1])
    for points, before in ((mixed.target_points, plain.target_points), (mixed.guide_points, plain.guide_points)):
        np.testing.assert_allclose(points[0, 36].numpy(), [63 - before[0, 45, 0], before[0, 45, 1]], rtol=1e-6)


def test_a_batch_does_not_change_what_is_cached(tiny_pairs):
    pairs = load(read_splits(tiny_pairs, 0.0, 0).train, 64, "host", CPU)
    images, points = pairs.crops.images.clone(), pairs.table.target_points.copy()
    pairs.batch(np.arange(4), np.ones(4, dtype=bool), CPU)
    assert torch.equal(pairs.crops.images, images)
    np.testing.assert_array_equal(pairs.table.target_points, points)


def test_disk_and_memory_give_the_same_batch(tiny_pairs):
    table = read_splits(tiny_pairs, 0.0, 0).train
    index, flip = np.array([3, 0, 5]), np.array([True, False, True])
    one = load(table, 64, "host", CPU).batch(index, flip, CPU)
    other = load(table, 64, "disk", CPU).batch(index, flip, CPU)
    assert torch.equal(one.target, other.target)
    assert torch.equal(one.guide, other.guide)


def test_crops_are_the_files_pixels_in_rgb_order(tiny_pairs):
    table = read_splits(tiny_pairs, 0.0, 0).train
    batch = load(table, 64, "auto", CPU).batch(np.array([2]), np.array([False]), CPU)
    wanted = np.array(Image.open(tiny_pairs / "crops/002-guide.png"))
    np.testing.assert_array_equal(batch.guide[0].permute(1, 2, 0).numpy(), wanted)


@given(st.integers(1, 40), st.integers(1, 17), st.integers(0, 2**31))
def test_every_pair_is_seen_once_an_epoch(count, batch, seed):
    steps = -(-3 * count // batch)
    seen = [samples_of_step(step, batch, count, seed) for step in range(steps)]
    epoch, index = (np.concatenate(part) for part in zip(*seen, strict=True))
    for number in range(3):
        assert Counter(index[epoch == number]) == Counter(range(count))


def test_order_differs_between_epochs_and_seeds():
    def order(epoch, seed):
        return list(samples_of_step(epoch, 50, 50, seed)[1])

    assert order(0, 1) != order(1, 1)
    assert order(0, 1) != order(0, 2)
    assert order(3, 1) == order(3, 1)


@pytest.mark.parametrize("storage", ["host", "disk"])
def test_a_missing_crop_names_its_row(make_pairs, storage):
    folder = make_pairs()
    (folder / "crops/004-guide.png").unlink()
    table = read_splits(folder, 0.0, 0).train
    with pytest.raises(DataError, match=r"pairs\.parquet, row 4, guide_path: .*004-guide\.png is missing"):
        load(table, 64, storage, CPU).batch(np.arange(6), np.zeros(6, dtype=bool), CPU)


@pytest.mark.parametrize("storage", ["host", "disk"])
def test_a_crop_that_is_not_what_its_table_says_is_not_trained_on(make_pairs, storage):
    """It is a picture, of the right size: nothing but its hash tells that it is another one."""
    folder = make_pairs()
    shutil.copy(folder / "crops/003-target.png", folder / "crops/004-target.png")
    table = read_splits(folder, 0.0, 0).train
    with pytest.raises(DataError, match=r"row 4, target_path: .*other bytes than its table says: remove it; build the"):
        load(table, 64, storage, CPU).batch(np.arange(6), np.zeros(6, dtype=bool), CPU)


def test_crops_of_another_size_or_kind_are_refused(make_pairs):
    folder = make_pairs()
    with pytest.raises(DataError, match="is 64x64 px, but must be 32x32"):
        load(read_splits(folder, 0.0, 0).train, 32, "host", CPU)
    (folder / "crops/001-target.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="row 1, target_path"):
        load(read_splits(folder, 0.0, 0).train, 64, "host", CPU)


def test_without_val_whole_persons_are_held_out(make_pairs):
    splits = read_splits(make_pairs(train=9, val=0), 0.05, 0)
    assert "validate instead" in splits.note
    persons = [{int(name[1:]) % 3 for name in part.pair_ids} for part in (splits.train, splits.val)]
    assert len(persons[1]) == 1
    assert not persons[0] & persons[1]


def test_nothing_to_train_or_validate_on_is_an_error(make_pairs, tmp_path):
    with pytest.raises(DataError, match="no pairs of split 'train'"):
        read_splits(make_pairs(train=0), 0.05, 0)
    for persons, share in ((1, 0.05), (3, 0.0)):
        with pytest.raises(DataError, match="hold_out"):
            read_splits(make_pairs(train=4, val=0, persons=persons), share, 0)
    shutil.rmtree(tmp_path)
    with pytest.raises(DataError):
        read_splits(tmp_path, 0.05, 0)


@pytest.mark.parametrize("error", [ValueError("unrecognized configuration name"), AttributeError("sysconf")])
def test_where_the_system_does_not_tell_its_memory_a_small_split_still_stays_in_it(monkeypatch, error):
    def unknown(_name):
        raise error

    monkeypatch.setattr("os.sysconf", unknown)
    assert _what_fits(2**20, torch.device("cpu")) == "host"
    assert _what_fits(2**34, torch.device("cpu")) == "disk"


def test_of_many_validation_pairs_some_can_be_taken_evenly(make_pairs):
    folder = make_pairs(train=4, val=9)
    whole = read_splits(folder, 0.0, 0).val.pair_ids
    assert len(whole) == 9
    assert read_splits(folder, 0.0, 0, 3).val.pair_ids == (whole[0], whole[4], whole[8])
    assert read_splits(folder, 0.0, 0, 20).val.pair_ids == whole
