"""NIQE beside the definition, value by value, on a model of its own."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from gfr_model.scoring.niqe import BLOCK, FEATURES, Model, load_niqe, niqe
from manifests import DataError


def photograph(seed=0, height=2 * BLOCK + 10, width=2 * BLOCK):
    """Edges, shades and grain, grey levels."""
    generator = np.random.default_rng(seed)
    shapes = gaussian_filter(zoom(generator.normal(size=(9, 9)), (height / 9, width / 9), order=0), 1.2)
    return np.clip(128 + 40 * shapes + generator.normal(0, 3, shapes.shape), 0, 255)


def model(seed=1):
    root = np.random.default_rng(seed).normal(size=(2 * FEATURES, 2 * FEATURES))
    return Model(np.random.default_rng(seed).normal(size=2 * FEATURES), root @ root.T / 9)


def by_definition(grey, of_good):
    """NIQE in loops over pixels, offsets and shapes."""
    height, width = (side // BLOCK * BLOCK for side in grey.shape)
    image, found = grey[:height, :width].round(), []
    for block in (BLOCK, BLOCK // 2):
        window = np.array(
            [[math.exp(-(i * i + j * j) / (2 * (7 / 6) ** 2)) for i in range(-3, 4)] for j in range(-3, 4)]
        )
        padded = np.pad(image, 3, mode="edge")
        near = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
        mean = (near * window).sum((2, 3)) / window.sum()
        deviation = np.sqrt(np.abs((near**2 * window).sum((2, 3)) / window.sum() - mean**2))
        normal = (image - mean) / (deviation + 1)
        parts = [
            normal[y : y + block, x : x + block]
            for y in range(0, image.shape[0], block)
            for x in range(0, image.shape[1], block)
        ]
        found.append([features(part) for part in parts])
        image = halved(halved(image).T).T
    blocks = np.hstack(found)
    off = of_good.mean - blocks.mean(0)
    return math.sqrt(off @ np.linalg.pinv((of_good.covariance + np.cov(blocks.T)) / 2) @ off)


def features(part):
    out = []
    for dy, dx in (None, None), (0, 1), (1, 0), (1, 1), (1, -1):
        values = part if dy is None else part * np.roll(np.roll(part, dy, 0), dx, 1)
        left, right = (math.sqrt((values[side] ** 2).mean()) for side in (values < 0, values > 0))
        moments = abs(values).mean() ** 2 / (values**2).mean()
        ratio = left / right
        wanted = moments * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
        shape = min(
            (n / 1000 for n in range(200, 10001)),
            key=lambda a: abs(math.gamma(2 / a) ** 2 / math.gamma(1 / a) / math.gamma(3 / a) - wanted),
        )
        scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
        left, right = left * scale, right * scale
        if dy is None:
            out += [shape, (left + right) / 2]
        else:
            out += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
    return out


def halved(image):
    """Bicubic with a = -0.5 over eight pixels, along the first axis; those outside the image don't count."""
    rows = []
    for row in range(len(image) // 2):
        weights = {}
        for place in range(2 * row - 3, 2 * row + 5):
            x = abs(place - (2 * row + 0.5)) / 2
            weight = 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
            if 0 <= place < len(image):
                weights[place] = weight
        rows.append(sum(weight * image[place] for place, weight in weights.items()) / sum(weights.values()))
    return np.array(rows)


def test_niqe_is_what_its_definition_says():
    grey = photograph()
    assert niqe(grey, model()) == pytest.approx(by_definition(grey, model()), rel=1e-6)


def test_a_photograph_like_the_good_ones_is_nearer_than_the_same_one_blurred():
    good = [photograph(seed, 6 * BLOCK, 6 * BLOCK) for seed in range(2)]
    from gfr_model.scoring.niqe import _features
    from manifests.degradation.resampling import bicubic

    shrink = bicubic(6 * BLOCK, 3 * BLOCK)
    blocks = np.vstack([np.hstack([_features(g, BLOCK), _features(shrink @ g @ shrink.T, BLOCK // 2)]) for g in good])
    of_good = Model(blocks.mean(0), np.cov(blocks.T))
    grey = photograph(7)
    assert niqe(grey, of_good) < niqe(gaussian_filter(grey, 2), of_good)


def test_an_even_image_has_no_niqe_and_a_small_one_is_refused():
    assert math.isnan(niqe(np.full((256, 256), 90.0), model()))
    with pytest.raises(ValueError, match="two blocks of 96 px, but the image is 120x100 px"):
        niqe(np.zeros((100, 120)), model())


def test_a_file_that_is_not_the_model_is_refused(tmp_path):
    good, of_good = tmp_path / "good.npz", model()
    np.savez(good, mu_pris_param=of_good.mean[None], cov_pris_param=of_good.covariance)
    assert np.array_equal(load_niqe(good).mean, of_good.mean)
    np.savez(tmp_path / "small.npz", mu_pris_param=np.ones(3), cov_pris_param=np.eye(3))
    np.savez(tmp_path / "other.npz", a=1)
    np.savez(tmp_path / "code.npz", mu_pris_param=np.array([object()]), cov_pris_param=1)
    (tmp_path / "junk.npz").write_bytes(b"junk")
    for name in ("small", "other", "code", "junk"):
        with pytest.raises(DataError, match=f"{name}.npz is not NIQE's model"):
            load_niqe(tmp_path / f"{name}.npz")
