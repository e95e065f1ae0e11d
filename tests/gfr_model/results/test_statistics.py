import itertools

import numpy as np
import pytest

from gfr_model.results.statistics import bootstrap, compare


def test_interval_of_independent_values_is_that_of_the_normal_law():
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = bootstrap(values, np.arange(400))
    assert found.mean == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.high - found.mean == pytest.approx(half, rel=0.1)
    assert found.mean - found.low == pytest.approx(half, rel=0.1)


def test_images_of_one_person_do_not_make_the_mean_surer():
    values = np.random.default_rng(2).normal(0, 1, 30)
    once = bootstrap(values, np.arange(30))
    copied = bootstrap(np.repeat(values, 20), np.repeat(np.arange(30), 20))
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.05)


def test_one_person_gives_no_interval():
    found = bootstrap(np.array([1.0, 2.0]), np.array(["a", "a"]))
    assert found.mean == 1.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_p_value_of_few_persons_counts_every_flip():
    first, second = np.array([3.0, 2.0, 5.0, 4.0, 1.5]), np.array([1.0, 2.5, 3.0, 3.9, 1.0])
    persons = np.array(["a", "b", "c", "d", "d"])
    sums = np.array([2.0, -0.5, 2.0, 0.6])
    flips = [abs(np.dot(signs, sums)) for signs in itertools.product((1, -1), repeat=4)]
    wanted = np.mean([value >= abs(sums.sum()) - 1e-12 for value in flips])
    found = compare(first, second, persons)
    assert found.p_value == pytest.approx(wanted)
    assert (found.count, found.persons, found.wins) == (5, 4, 0.8)


def test_comparison_finds_a_real_difference():
    rng = np.random.default_rng(3)
    base, persons = rng.normal(25, 3, 200), np.repeat(np.arange(50), 4)
    better = compare(base + rng.normal(0.3, 0.5, 200), base, persons)
    assert better.p_value < 0.001
    assert better.difference.low > 0


def test_equal_methods_rarely_seem_different_though_a_person_s_images_are_alike():
    rng = np.random.default_rng(5)
    persons = np.repeat(np.arange(20), 4)
    found = [
        compare(np.repeat(rng.normal(0, 1, 20), 4) + rng.normal(0, 0.1, 80), np.zeros(80), persons, seed)
        for seed in range(120)
    ]
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.1
    assert np.mean([one.difference.low <= 0 <= one.difference.high for one in found]) >= 0.85


def test_comparison_the_other_way_round_is_its_mirror():
    rng = np.random.default_rng(4)
    first, second, persons = rng.normal(0, 1, 60), rng.normal(0.2, 1, 60), np.repeat(np.arange(20), 3)
    there, back = compare(first, second, persons), compare(second, first, persons)
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.wins == pytest.approx(1 - back.wins)


def test_equal_methods_are_not_different():
    found = compare(np.ones(40), np.ones(40), np.arange(40))
    assert found.p_value == 1
    assert found.wins == 0.5
