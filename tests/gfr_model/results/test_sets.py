"""KID and Fréchet distance beside computations of their own, and what tables say of them."""

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

from gfr_model.results.sets import LEAST, SUBSETS, distances, frechet, kid, mmd
from gfr_model.results.table import tabulate
from manifests import DataError
from tests.gfr_model.results.rows import measured, row, simple


def sets(first=60, second=50, width=12, shift=0.3):
    generator = np.random.default_rng(3)
    return generator.normal(0, 1, (first, width)), generator.normal(shift, 1.5, (second, width))


def test_mmd_is_the_unbiased_estimate_of_gretton_et_al_pair_by_pair():
    x, y = sets(9, 7, 3)

    def k(a, b):
        return (sum(float(u) * float(v) for u, v in zip(a, b, strict=True)) / 3 + 1) ** 3

    within_x = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (9 * 8)
    within_y = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (7 * 6)
    between = sum(k(a, b) for a in x for b in y) / (9 * 7)
    assert mmd(x, y) == pytest.approx(within_x + within_y - 2 * between, rel=1e-12)


def test_kid_is_the_mean_over_subsets_drawn_by_the_seed():
    x, y = sets()
    assert kid(x, y, seed=1) == kid(x, y, seed=1) != kid(x, y, seed=2)
    generator, values = np.random.default_rng(1), []
    for _ in range(SUBSETS):
        one, other = generator.choice(60, 25, replace=False), generator.choice(50, 25, replace=False)
        values.append(mmd(x[one], y[other]))
    assert kid(x, y, seed=1) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert kid(x, y).mean == pytest.approx(mmd(x, y), abs=3 * kid(x, y).spread)
    with pytest.raises(ValueError, match="four images"):
        kid(x[:3], y)


def test_kid_of_two_halves_of_one_set_is_about_zero_which_a_biased_estimate_is_not():
    x = np.random.default_rng(0).normal(size=(400, 8))
    found = kid(x[:200], x[200:])
    assert abs(found.mean) < found.spread


@pytest.mark.parametrize("count", [200, 9])  # of 12 features: with and without an inverse
def test_frechet_distance_is_that_of_the_matrices_square_root(count):
    x, y = sets(count, count + 3)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    wanted = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert frechet(x, y) == pytest.approx(wanted, rel=1e-3 if count < 12 else 1e-9)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


def seen(method, offset, count=LEAST, **changes):
    """Rows whose features are the truth's, moved by `offset`."""
    generator, rows = np.random.default_rng(5), []
    for number in range(count):
        truth = generator.normal(size=6).astype("<f4")
        features = {"features": (truth + np.float32(offset)).tobytes(), "truth_features": truth.tobytes()}
        rows.append(row(method, number, 25.0 + number / 9, **(features | changes)))
    return rows


PROTOCOL = "gfr-1: as always; identity similarity by sface; distance of sets by vgg16-hed"


def test_a_table_has_the_distances_of_each_method_and_says_by_what_and_how(folder):
    rows = seen("bicubic", 1.0, protocol=PROTOCOL) + seen("net", 0.1, protocol=PROTOCOL)
    table = tabulate([folder(rows)], paper=False)
    near, far = measured(table, "net"), measured(table, "bicubic")
    assert near.frechet == pytest.approx(6 * 0.01, rel=1e-3)
    assert far.frechet == pytest.approx(6 * 1.0, rel=1e-3)
    assert near.kid < far.kid
    assert near.kid_spread > 0
    assert any(note.startswith("net, test-webface 4×: KID ") for note in table.notes)
    assert any(note.startswith("Distance of sets by vgg16-hed: KID, the unbiased MMD^2") for note in table.notes)
    assert any(note.startswith("Identity similarity by sface: the cosine") for note in table.notes)


def test_a_table_says_which_measures_are_not_there_and_what_takes_them(folder):
    (absent,) = [note for note in tabulate([folder(simple())]).notes if note.startswith("Not measured here")]
    for option in ("--identity-weights", "--lpips-weights", "--dists-weights", "--niqe-weights", "--set-weights"):
        assert option in absent
    rows = seen("bicubic", 1.0, protocol=PROTOCOL)
    (absent,) = [note for note in tabulate([folder(rows, "asked")]).notes if note.startswith("Not measured here")]
    assert "--lpips-weights" in absent
    assert "--set-weights" not in absent
    assert "--identity-weights" not in absent


def test_few_images_are_no_set(folder):
    table = tabulate([folder(seen("bicubic", 1.0, LEAST - 1, protocol=PROTOCOL))], paper=False)
    assert np.isnan(measured(table, "bicubic").kid)
    assert any("No distance of sets where there are fewer than" in note for note in table.notes)


def test_measures_by_different_weights_are_not_put_side_by_side(folder):
    rows = seen("bicubic", 1.0, protocol=PROTOCOL) + seen("net", 1.0, protocol=PROTOCOL.replace("sface", "other"))
    with pytest.raises(DataError, match="identity similarity was taken by other and by sface"):
        tabulate([folder(rows)])


def test_seeds_of_a_method_are_sets_of_their_own():
    frame = pd.DataFrame(seen("net", 0.1) + seen("net", 1.0)).assign(seed=["1"] * LEAST + ["2"] * LEAST)
    apart = [distances(part)["kid"] for _, part in frame.groupby("seed")]
    assert distances(frame)["kid"] == pytest.approx(np.mean(apart))
