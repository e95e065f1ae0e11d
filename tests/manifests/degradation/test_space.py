"""Tests of the parameter space and the draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from manifests import ConfigError
from manifests.degradation.draws import Degradation, draw, draw_many, pair_keys, stack
from manifests.degradation.resampling import low_size
from manifests.degradation.space import (
    PAPER_SETS,
    PAPER_SPACE,
    PARAMETERS,
    DegradationSpace,
    describe,
    parse_space,
    parse_values,
)

KEYS = pair_keys(7, [f"pair-{number}" for number in range(20_000)])


def test_the_paper_has_22_blurs_71_scales_8_noises_and_32_qualities():
    assert {name: len(values) for name, values in PAPER_SETS.items()} == {
        "blur_sigma": 22,
        "scale": 71,
        "noise_sigma": 8,
        "jpeg_quality": 32,
    }
    assert PAPER_SETS["blur_sigma"][:3] == (0, 1, 1.1)
    assert PAPER_SETS["blur_sigma"][-1] == 3
    assert PAPER_SETS["scale"][:3] == (1, 1.1, 1.2)
    assert PAPER_SETS["scale"][-1] == 8
    assert PAPER_SETS["jpeg_quality"][:3] == (0, 10, 11)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_is_drawn_uniformly(name):
    drawn = np.concatenate([getattr(draw_many(PAPER_SPACE, KEYS, copy), name) for copy in range(3)])
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == sorted(PAPER_SETS[name])
    assert stats.chisquare(counts).pvalue > 1e-4


def test_parameters_copies_and_seeds_are_independent():
    first, second = draw_many(PAPER_SPACE, KEYS, 0), draw_many(PAPER_SPACE, KEYS, 1)
    other = draw_many(PAPER_SPACE, pair_keys(8, [f"pair-{number}" for number in range(20_000)]), 0)
    columns = [getattr(draws, name) for draws in (first, second, other) for name in PARAMETERS]
    columns += [draws.noise_key.astype(float) for draws in (first, second, other)]
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5 / np.sqrt(len(KEYS))
    for name in PARAMETERS[:3]:
        joint = np.unique(np.stack([getattr(first, name), first.noise_sigma, first.jpeg_quality % 4]), axis=1)
        assert joint.shape[1] == len(PAPER_SETS[name]) * (1 if name == "noise_sigma" else 8) * 4
    assert len(set(first.noise_key.tolist())) == len(KEYS)


@given(st.permutations(range(12)), st.integers(0, 100), st.integers(-(2**62), 2**62))
def test_a_draw_depends_on_its_key_alone(order, copy, seed):
    names = [f"p{number}" for number in range(12)]
    together = draw_many(PAPER_SPACE, pair_keys(seed, [names[number] for number in order]), copy)
    for place, number in enumerate(order):
        assert together.at(place) == draw(PAPER_SPACE, seed, names[number], copy)


def test_copies_may_differ_within_a_batch():
    draws = draw_many(PAPER_SPACE, KEYS[:5], np.array([3, 0, 2, 2, 9]))
    for place, copy in enumerate((3, 0, 2, 2, 9)):
        assert draws.at(place) == draw_many(PAPER_SPACE, KEYS[:5], copy).at(place)


def test_draws_never_change_from_version_to_version():
    assert draw(PAPER_SPACE, 0, "vggface2/n000001/0001_01+0002_01", 0) == Degradation(
        2.7, 2.9, 7, 31, 4757216211191134963
    )


def test_draws_stack_slice_and_come_apart():
    draws = draw_many(PAPER_SPACE, KEYS[:9], 0)
    singles = [draws.at(number) for number in range(9)]
    again = stack(singles)
    assert [again.at(number) for number in range(9)] == singles
    assert [draws[3:6].at(number) for number in range(3)] == singles[3:6]
    assert [draws[np.array([8, 0])].at(number) for number in range(2)] == [singles[8], singles[0]]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4", (4,)),
        ("4,8", (4, 8)),
        ("8, 4,4", (4, 8)),
        ("1:0.1:1.3", (1, 1.1, 1.2, 1.3)),
        ("0,10:5:20", (0, 10, 15, 20)),
        ("1:0.4:2", (1, 1.4, 1.8)),
        ("0:2", (0, 1, 2)),
        ("2.5:3.5", (3,)),
    ],
)
def test_values_are_read_as_one_a_range_or_a_list(text, values):
    assert parse_values(text, members=range(10)) == values


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_paper_writes_what_is_read_as_its_sets(name):
    text = {
        "blur_sigma": "0,1:0.1:3",
        "scale": "1:0.1:8",
        "noise_sigma": "0:1:7",
        "jpeg_quality": "0,10:1:40",
    }[name]
    assert describe(PAPER_SETS[name]) == text
    assert parse_values(text) == PAPER_SETS[name]


@given(st.sets(st.sampled_from(PAPER_SETS["scale"]), min_size=1))
def test_what_describes_values_reads_back_as_them(values):
    assert parse_values(describe(sorted(values))) == tuple(sorted(values))


@pytest.mark.parametrize("text", ["", "x", "1:2:3:4", "1:0:3", "3:1:1", "nan", "1:1e-9:3", "4,,8", "1:2", "inf"])
def test_what_is_no_value_is_refused_with_its_text(text):
    with pytest.raises(ConfigError, match=text or "''"):
        parse_values(text)


def test_all_bad_parameters_are_told_at_once():
    with pytest.raises(ConfigError, match=r"scale cannot be 9; choose from 1:0.1:8; jpeg_quality: 'x'.*no number"):
        parse_space(scale="9", jpeg_quality="x")
    with pytest.raises(ConfigError, match=r"blur_sigma cannot be 0.5; .*noise_sigma has a value twice"):
        DegradationSpace(blur_sigma=(0.5,), noise_sigma=(1, 1))
    with pytest.raises(ConfigError, match="jpeg_quality cannot be 5"):
        Degradation(jpeg_quality=5)
    with pytest.raises(ConfigError, match="scale has no value"):
        DegradationSpace(scale=())


def test_a_space_is_the_papers_where_nothing_is_said():
    assert parse_space() == PAPER_SPACE
    space = parse_space(scale="4", jpeg_quality="10:40")
    assert space.scale == (4,)
    assert space.jpeg_quality == tuple(range(10, 41))
    assert space.blur_sigma == PAPER_SPACE.blur_sigma


def test_low_sizes_are_rounded():
    assert [low_size(scale) for scale in (1, 1.1, 3, 4, 7, 8)] == [256, 233, 85, 64, 37, 32]
    assert low_size(8, 64) == 8
