"""A build that calls itself the paper's is refused when it is not."""

from pathlib import Path

import pytest

from gfr_data.config import BuildConfig, check
from gfr_data.pairs.guide import SelectionRules
from gfr_data.pairs.recipe import departures
from gfr_data.sources.source import Source
from manifests import ConfigError

PAPER = (Source("vggface2", "/v", "vggface2"), Source("casia-webface", "/c", "casia-webface"))
LFW = Source("lfw", "/l", "lfw")


def test_the_paper_recipe_is_what_the_defaults_build() -> None:
    assert departures("paper", PAPER, None, SelectionRules()) == []
    assert departures("paper", PAPER[::-1], None, SelectionRules()) == []
    check(BuildConfig(sources=PAPER, out=Path("out"), recipe="paper"))
    assert SelectionRules().most == 5  # §4.1


@pytest.mark.parametrize(
    ("sources", "limit", "rules", "said"),
    [
        (PAPER[:1], None, SelectionRules(), "given are: vggface2"),
        ((*PAPER, LFW), None, SelectionRules(), "lfw"),
        (PAPER, 10, SelectionRules(), "--limit"),
        (PAPER, None, SelectionRules(most=6), "selection"),
    ],
)
def test_each_departure_is_named(
    sources: tuple[Source, ...], limit: int | None, rules: SelectionRules, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check(BuildConfig(sources=sources, out=Path("out"), limit=limit, rules=rules, recipe="paper"))


def test_an_unknown_recipe_names_those_there_are() -> None:
    assert departures("papr", PAPER, None, SelectionRules()) == ["--recipe 'papr' is not known; choose one of paper"]
