"""Tests of spaces beyond eq. 4: their settings, their names, and draws from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from manifests import ConfigError, DataError
from manifests.degradation.chains import FIRST, PASS, ChainDraws, draw_chains, stack_chains
from manifests.degradation.draws import draw_many, pair_keys
from manifests.degradation.passes import BOUNDS, CODECS, OFF, WIDE, Chain, ChainSpace, Pass, values_of
from manifests.degradation.space import PAPER_SPACE, PARAMETERS, describe, parse_space
from manifests.degradation.spaces import draw_from, draw_one, find_space, scales_of, with_scales, written
from manifests.settings import change

KEYS = pair_keys(7, [f"pair-{number}" for number in range(20_000)])


@pytest.fixture(scope="module")
def draws() -> ChainDraws:
    return draw_chains(WIDE, KEYS, 0)


@pytest.mark.parametrize("section", ["first", "last"])
def test_what_is_drawn_is_of_the_space_and_as_often_as_it_says(draws, section):
    space = getattr(WIDE, section)
    passes = getattr(draws, section)[draws.twice] if section == "first" else draws.last
    for name, off in OFF.items():
        values = [value for value in values_of(name, getattr(space, name)) if value != off]
        found = passes[name][passes[name] != off]
        assert set(found.tolist()) <= set(values), name
        share = getattr(space, f"{name}_share", None)
        if share is not None and off not in values_of(name, getattr(space, name)):
            about = share * (share_of_blurs(space) if name == "blur_ratio" else 1)
            assert len(found) / len(passes) == pytest.approx(about, abs=4 * np.sqrt(0.25 / len(passes))), name
        if len(values) > 1:
            assert stats.chisquare(np.unique(found, return_counts=True)[1]).pvalue > 1e-4, name
    assert draws.twice.mean() == pytest.approx(0.5, abs=0.02)


def share_of_blurs(space) -> float:
    return space.blur_sigma_share


def test_where_there_is_no_first_pass_it_does_nothing(draws):
    without = draws.first[~draws.twice]
    for name, off in OFF.items():
        assert (without[name] == off).all()
    columns = draws[:50].columns()
    for name in OFF:
        assert [value is None for value in columns[FIRST + name]] == (~draws.twice[:50]).tolist()


def test_parameters_of_both_passes_are_independent_of_each_other_and_of_the_next_copy(draws):
    columns = [part[name].astype(float) for part in (draws.last, draws.first[: len(KEYS)]) for name in PASS.names]
    columns += [draw_chains(WIDE, KEYS, 1).last[name].astype(float) for name in ("blur_sigma", "codec", "noise_key")]
    both = np.array(columns)[:, draws.twice]
    names = [f"{part}{name}" for part in ("", FIRST) for name in PASS.names] + ["next", "next codec", "next key"]
    related = np.abs(np.corrcoef(both) - np.eye(len(both)))
    for part in ("", FIRST):  # a blur that is off has no axes, and a round one no angle
        members = [names.index(part + name) for name in ("blur_sigma", "blur_ratio", "blur_angle")]
        related[np.ix_(members, members)] = 0
        members = [names.index(part + name) for name in ("motion_length", "motion_angle")]
        related[np.ix_(members, members)] = 0
    assert related.max() < 5 / np.sqrt(draws.twice.sum())


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(12)), st.integers(0, 100), st.integers(-(2**62), 2**62))
def test_a_draw_depends_on_its_key_alone(order, copy, seed):
    names = [f"p{number}" for number in range(12)]
    together = draw_from(WIDE, pair_keys(seed, [names[number] for number in order]), copy)
    for place, number in enumerate(order):
        assert together.at(place) == draw_one(WIDE, seed, names[number], copy)


def test_copies_may_differ_within_a_batch():
    found = draw_chains(WIDE, KEYS[:5], np.array([3, 0, 2, 2, 9]))
    for place, copy in enumerate((3, 0, 2, 2, 9)):
        assert found.at(place) == draw_chains(WIDE, KEYS[:5], copy).at(place)


def test_draws_never_change_from_version_to_version():
    last = Pass(4.3, 1, 0, 9, 45, scale=2.9, noise_sigma=18, jpeg_quality=79, noise_key=4757216211191134963)
    first = Pass(0.9, 0.2, 65, 0, 0, scale=5.7, noise_sigma=0, jpeg_quality=88, noise_key=4393587179142202784)
    assert draw_one(WIDE, 0, "vggface2/n000001/0001_01+0002_01", 0) == Chain(last, first)


def test_what_eq_4_draws_too_is_drawn_from_the_same_hashes():
    texts = {name: describe(getattr(PAPER_SPACE, name)) for name in PARAMETERS}
    same = WIDE.with_last(**texts)
    beyond, paper = draw_chains(same, KEYS, 3), draw_many(PAPER_SPACE, KEYS, 3)
    for name in (*PARAMETERS, "noise_key"):
        np.testing.assert_array_equal(beyond.last[name], getattr(paper, name))


def test_draws_stack_slice_and_come_apart(draws):
    singles = [draws.at(number) for number in range(9)]
    again = stack_chains(singles)
    assert [again.at(number) for number in range(9)] == singles
    assert [draws[3:6].at(number) for number in range(3)] == singles[3:6]
    assert draws[np.array([8, 0])].at(0) == singles[8]
    doubled = draws[:9].with_scale(np.full(9, 2.0))
    assert [doubled.at(n) for n in range(9)] == [replace(one, last=replace(one.last, scale=2.0)) for one in singles]


def test_files_are_named_by_what_codes_them():
    passes = [Pass(), Pass(jpeg_quality=5), Pass(jpeg_quality=5, codec="webp"), Pass(codec="webp")]
    assert stack_chains([Chain(one) for one in passes]).extensions() == [".png", ".jpg", ".webp", ".png"]


def test_a_name_is_the_paper_wide_or_a_file(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('first_share = 0\n[last]\nnoise_sigma = "0,30"\ncodec = "webp"\ncodec_share = 1\n')
    assert find_space("paper", scale="4") == parse_space(scale="4")
    assert find_space("wide") == WIDE == ChainSpace()
    mine = find_space(str(file), jpeg_quality="50")
    assert (mine.first_share, mine.last.noise_sigma, mine.last.jpeg_quality) == (0, "0,30", "50")
    assert mine.makes_webp
    assert not WIDE.makes_webp
    assert set(draw_chains(mine, KEYS[:200], 0).last["noise_sigma"]) == {0, 30}
    text = written(str(file))
    file.unlink()
    assert find_space(text, jpeg_quality="50") == mine
    assert (written("paper"), written("wide")) == ("paper", "wide")


def test_values_that_a_user_gives_are_always_drawn():
    space = change(WIDE, {"last": {"scale_share": 0.1}}).with_last(scale="4,8")
    assert set(draw_chains(space, KEYS[:500], 0).scale) == {4, 8}
    assert scales_of(space) == (4, 8)
    assert scales_of(with_scales(space, (8,))) == (8,)
    assert scales_of(with_scales(PAPER_SPACE, (8.0,))) == (8,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[last]\nblur_sgima = 3", "unknown setting 'last.blur_sgima', did you mean 'blur_sigma'"),
        ("[frist]\nscale = 3", "unknown setting 'frist.*did you mean 'first'"),
        ("[last]\nnoise_sigma = 51", "noise_sigma cannot be 51; it is from 0 to 50"),
        ("[last]\nnoise_sigma = 1.5", "noise_sigma must be whole numbers"),
        ("[first]\nscale = 0.5", "scale cannot be 0.5; it is from 1 to 32"),
        ('[first]\nscale = "x"', "scale: 'x' has 'x', which is no number"),
        ('[last]\ncodec = "webq"', "codec must be of jpeg420, jpeg444, webp, but has 'webq', did you mean 'webp'"),
        ("first_share = 1.5", "first_share must be less than or equal to 1"),
        ("[last]\nblur_ratio = 0\nmotion_length = 90", "blur_ratio cannot be 0.*motion_length cannot be 90"),
        ("= 3", "is no TOML"),
    ],
)
def test_a_bad_key_of_a_file_is_named(tmp_path: Path, text, message):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"mine\.toml.*{message}"):
        find_space(str(tmp_path / "mine.toml"))


def test_a_name_that_is_none_and_a_file_that_is_not_there_are_named(tmp_path: Path):
    with pytest.raises(
        ConfigError, match=r"space must be paper, wide or a FILE.toml, but is 'wid', did you mean 'wide'"
    ):
        find_space("wid")
    with pytest.raises(DataError, match=r"cannot read the settings .*none\.toml"):
        find_space(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="scale cannot be 99"):
        find_space("wide", scale="99")


def test_a_pass_refuses_what_is_out_of_bounds():
    with pytest.raises(ConfigError, match=r"blur_ratio cannot be 2.*codec 'gif' is none of jpeg420"):
        Pass(blur_ratio=2, codec="gif")
    for name, (least, most) in BOUNDS.items():
        for value in (least, most):
            Pass(**{name: value})
    assert {Pass(codec=codec).codec for codec in CODECS} == set(CODECS)
