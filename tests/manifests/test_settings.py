"""Settings are read in one way from TOML, from KEY=VALUE and from a file's values, and say what is wrong with them."""

import tomllib
from dataclasses import asdict, field
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass

from manifests import ConfigError, DataError
from manifests.settings import (
    FORBID,
    Count,
    Flag,
    Many,
    Positive,
    Share,
    Text,
    about,
    change,
    from_toml,
    from_values,
    one_of,
    parse_assignments,
    to_toml,
)


@dataclass(frozen=True, config=FORBID)
class Oven:
    heat: Annotated[Positive, about("degrees Celsius")] = 180.0
    trays: Annotated[Count, about("how many")] = 1
    fan: Annotated[Flag, about("whether it turns")] = False
    steam: Annotated[Share, about("of the air")] = 0.0
    name: Annotated[Text, about("on the front")] = ""
    colour: Annotated[str, one_of(("white", "black")), about("of the door")] = "white"
    times: Annotated[Many[Positive], about("minutes")] = (30.0,)


@dataclass(frozen=True, config=FORBID)
class Kitchen:
    oven: Oven = field(default_factory=Oven)


ovens = st.builds(
    Oven,
    heat=st.floats(min_value=1e-300, allow_infinity=False),
    trays=st.integers(1, 2**62),
    fan=st.booleans(),
    steam=st.floats(0, 1, exclude_max=True),
    name=st.text(),
    colour=st.sampled_from(["white", "black"]),
    times=st.lists(st.floats(min_value=1e-9, allow_infinity=False)).map(tuple),
)


@given(ovens)
def test_what_is_written_is_read_back_equal(oven):
    assert from_toml(Oven, to_toml(oven), "x") == oven
    assert from_values(Oven, asdict(oven), "x") == oven


@given(ovens, ovens)
def test_the_last_source_wins(one, other):
    assert change(Oven(), asdict(one), asdict(other)) == other
    assert change(one, {"heat": 7}) == change(one, {}, {"heat": 7.0})


def test_every_setting_has_its_meaning_beside_it():
    assert to_toml(Oven()).splitlines()[0] == "heat = 180.0  # degrees Celsius"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("haet=3", "unknown setting 'haet', did you mean 'heat'"),
        ("heat=0", "heat must be greater than 0, but is 0"),
        ("heat=inf", "heat must be a finite number"),
        ("heat=true", "heat must be a valid number, but is True"),
        ("heat='3'", "heat must be a valid number, but is '3'"),
        ("trays=1.5", "trays must be a valid integer, but is 1.5"),
        ("trays=true", "trays must be a valid integer, but is True"),
        ("fan=1", "fan must be a valid boolean, but is 1"),
        ("steam=1", "steam must be less than 1, but is 1"),
        ("colour=whit", "colour must be one of white, black, but is 'whit', did you mean 'white'"),
        ("times=[1, 0]", "times must be greater than 0, but is 0"),
        ("heat", "'heat' is not KEY=VALUE"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_the_reason(text, said):
    values, problems = parse_assignments([text])
    with pytest.raises(ConfigError) as refused:
        change(Oven(), values, problems=problems)
    assert said in str(refused.value)


def test_numbers_serve_as_texts_and_single_values_as_tuples():
    values, problems = parse_assignments(["name=4", "times=5", "fan=true", "colour=black"])
    assert change(Oven(), values, problems=problems) == Oven(name="4", times=(5.0,), fan=True, colour="black")


def test_sections_are_changed_in_part_and_their_names_are_near():
    values, problems = parse_assignments(["oven.heat=90", "oven.trays=2"])
    assert change(Kitchen(), values, problems=problems).oven == Oven(heat=90, trays=2)
    values, problems = parse_assignments(["oven.haet=90", "ovn.trays=2", "oven.trays=0", "nonsense"])
    with pytest.raises(ConfigError) as refused:
        change(Kitchen(), values, problems=problems)
    for said in ("'oven.haet', did you mean 'heat'", "'ovn', did you mean 'oven'", "oven.trays must be", "'nonsense'"):
        assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("values", [{}, None, 3, {"heat": -1}, {"heat": 1.0, "gas": True}])
def test_a_file_with_anything_else_is_damaged(values):
    with pytest.raises(DataError, match="the file holds no settings of this version"):
        from_values(Oven, values, "the file")


def test_a_file_that_is_no_toml_is_named():
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads("a = = 3")
    with pytest.raises(DataError, match="the file is no TOML"):
        from_toml(Oven, "a = = 3", "the file")
