"""Copies are found, whatever was done to the file, and the search finds just what comparing all with all would."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gfr_data.quality import copies
from gfr_data.quality.buckets import _within
from gfr_data.quality.copies import PICTURE, face_picture, find_copies, hash_picture, near_pairs, small_picture

KEYPOINTS = np.array([[110.0, 120.0], [170.0, 118.0], [140.0, 155.0], [118.0, 185.0], [165.0, 183.0]])


def photograph(seed: int) -> np.ndarray:
    """A smooth random picture with detail, (300, 280, 3) uint8, in place of a face."""
    rng = np.random.default_rng(seed)
    layers = [rng.normal(size=(side, side, 3)) for side in (4, 8, 16, 40)]
    sized = [
        np.stack(
            [np.asarray(Image.fromarray(layer[..., c].astype(np.float32)).resize((280, 300), 2)) for c in range(3)], -1
        )
        for layer in layers
    ]
    total = sum(weight * layer for weight, layer in zip((1.0, 0.7, 0.4, 0.2), sized, strict=True))
    return np.clip(128 + 45 * total, 0, 255).astype(np.uint8)


def described(image: np.ndarray, keypoints: np.ndarray) -> tuple[int, bytes]:
    picture = face_picture(image, keypoints)
    return hash_picture(picture), small_picture(picture)


def changed(image: np.ndarray, keypoints: np.ndarray, change: str) -> tuple[np.ndarray, np.ndarray]:
    if change == "encoded again":
        content = io.BytesIO()
        Image.fromarray(image).save(content, "JPEG", quality=45)
        return np.asarray(Image.open(content)), keypoints
    if change == "half the size":
        small = Image.fromarray(image).resize((140, 150), Image.Resampling.BICUBIC)
        return np.asarray(small), (keypoints + 0.5) / 2 - 0.5
    if change == "double the size":
        large = Image.fromarray(image).resize((560, 600), Image.Resampling.BICUBIC)
        return np.asarray(large), (keypoints + 0.5) * 2 - 0.5
    if change == "cropped":
        return image[20:-25, 15:-20], keypoints - [15, 20]
    return np.clip(image * 0.9 + 10, 0, 255).astype(np.uint8), keypoints  # "lighter"


@pytest.mark.parametrize("change", ["encoded again", "half the size", "double the size", "cropped", "lighter"])
def test_copy_is_found_though_the_detector_is_not_exact(change: str) -> None:
    image = photograph(0)
    shaken = KEYPOINTS + np.random.default_rng(1).normal(0, 0.6, KEYPOINTS.shape)  # px: 1% of the eye distance
    one, other = described(image, KEYPOINTS), described(*changed(image, shaken, change))
    assert find_copies([one[0], other[0]], [one[1], other[1]]).tolist() == [-1, 0]


def test_different_photographs_are_no_copies() -> None:
    found = [described(photograph(seed), KEYPOINTS) for seed in range(30)]
    assert set(find_copies([code for code, _ in found], [picture for _, picture in found]).tolist()) == {-1}


def test_same_hash_with_another_picture_is_no_copy() -> None:
    pictures = [described(photograph(seed), KEYPOINTS)[1] for seed in range(2)]
    assert find_copies([7, 7], pictures).tolist() == [-1, -1]


def test_what_copies_only_a_copy_is_kept() -> None:
    ramp = np.linspace(0, 255, PICTURE * PICTURE).astype(np.uint8).tobytes()
    words = [0, (1 << 10) - 1, (1 << 20) - 1]  # 10 bits from one to the next, 20 from the first to the last
    assert find_copies(words, [ramp] * 3).tolist() == [-1, 0, -1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 3, 7, 8, 11, 12]))
def test_near_pairs_are_those_of_the_full_comparison_each_once(seed: int, radius: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**64, 6, dtype=np.uint64)
    words = rng.choice(centres, 60)
    for _ in range(radius):
        words = words ^ np.where(
            rng.random(60) < 0.7, np.uint64(1) << rng.integers(0, 64, 60).astype(np.uint64), np.uint64(0)
        )
    expected = {
        (i, j) for i in range(60) for j in range(i + 1, 60) if (int(words[i]) ^ int(words[j])).bit_count() <= radius
    }
    found = [
        pair
        for first, second in near_pairs(words, radius)
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_flat_pictures_copy_nothing() -> None:
    flat = bytes([90]) * PICTURE * PICTURE
    assert find_copies([0, 0], [flat, flat]).tolist() == [-1, -1]


def test_of_many_faces_the_copies_are_found_in_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces of a few lights, each a little apart from the others: cells find what looking at all pairs finds."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(12, PICTURE * PICTURE)).cumsum(axis=1)
    mixed = rng.normal(size=(600, 12)) @ base
    mixed[300:] = mixed[:300] + 0.05 * np.abs(mixed).mean() * rng.normal(size=(300, PICTURE * PICTURE))  # copies
    pictures = np.clip(128 + 40 * mixed / np.abs(mixed).max(axis=1, keepdims=True), 0, 255).astype(np.uint8)
    words = rng.integers(0, 2**64, 300, dtype=np.uint64)
    hashes = np.concatenate([words, words ^ (np.uint64(1) << rng.integers(0, 64, 300).astype(np.uint64))])
    wanted = find_copies(hashes, pictures)
    assert (wanted[300:] == np.arange(300)).mean() > 0.9
    monkeypatch.setattr(copies, "MANY", 100)
    found = find_copies(hashes, pictures)
    assert (found != wanted).sum() <= 1  # two in a thousand are missed
    assert (found >= 0).sum() >= 270
    shuffled = rng.permutation(600)
    places = np.argsort(shuffled)
    assert (find_copies(hashes, pictures[shuffled], places) == found).all()


def test_pairs_of_a_cell_are_those_of_equal_numbers() -> None:
    cells = np.sort(np.random.default_rng(0).integers(0, 9, 50))
    wanted = {(p, q) for q in range(50) for p in range(q) if cells[p] == cells[q]}
    for block in (1, 7, 10_000):
        blocks = list(_within(cells, block))
        pairs = [(p, q) for first, second in blocks for p, q in zip(first.tolist(), second.tolist(), strict=True)]
        assert sorted(pairs) == sorted(wanted)
        assert max(len(first) for first, _ in blocks) <= max(block, 49)


def test_the_picture_of_a_large_photograph_is_that_of_all_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is blurred widely is made smaller before that: a matter of less than a grey level, and of no bit."""
    large = np.asarray(Image.fromarray(photograph(3)).resize((8 * 280, 8 * 300), Image.Resampling.BICUBIC))
    large = np.clip(large + np.random.default_rng(4).normal(0, 12, large.shape), 0, 255).astype(np.uint8)
    points = (KEYPOINTS + 0.5) * 8 - 0.5
    found = face_picture(large, points)
    smaller = []
    monkeypatch.setattr(copies, "_shrunk", lambda part, turn, factor: smaller.append(factor) or (part, turn))
    monkeypatch.setattr(copies, "_rest_of_blur", lambda sigma, factor: sigma)
    whole = face_picture(large, points)
    assert smaller[0] > 2
    assert np.abs(found.astype(int) - whole).mean() < 1
    assert (hash_picture(found) ^ hash_picture(whole)).bit_count() <= 1
