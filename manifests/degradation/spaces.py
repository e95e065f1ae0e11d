"""Spaces of degradations by name: `paper`, `wide`, or a TOML file that changes the latter; and draws from any."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from manifests.degradation.chains import ChainDraws, draw_chains
from manifests.degradation.draws import Degradation, Draws, draw_many, pair_keys
from manifests.degradation.passes import WIDE, Chain, ChainSpace, differences_from_wide, values_of
from manifests.degradation.space import PARAMETERS, DegradationSpace, describe, parse_space
from manifests.errors import ConfigError
from manifests.settings import as_toml, change, nearest, read_toml

PAPER_NAME, WIDE_NAME = "paper", "wide"
Space = DegradationSpace | ChainSpace
AnyDraws = Draws | ChainDraws
AnyDraw = Degradation | Chain


def find_space(name: str = PAPER_NAME, **values: str | None) -> Space:
    """The space called `name`; `values` are eq. 4's parameters where they are others, as `parse_values` reads them.

    name: 'paper'; 'wide'; a TOML file with the settings of ChainSpace that are not those of `wide`; or the text that
    `written` made of such a file. Of passes, `values` are those of the last one.
    Raises ConfigError with every problem in one message, DataError for a file that cannot be read.
    """
    if name == PAPER_NAME:
        return parse_space(**values)
    space = WIDE if name == WIDE_NAME else _changed(name)
    given = {parameter: text for parameter, text in values.items() if text is not None}
    return space.with_last(**given) if given else space


def written(name: str) -> str:
    """`name` without the need of a file: what `find_space` reads to the same space. Raises as it does."""
    if name in (PAPER_NAME, WIDE_NAME):
        return name
    changes = differences_from_wide(_changed(name))
    return "\n".join(f"{key} = {as_toml(value)}" for key, value in changes.items()) or WIDE_NAME


def settings_of_space(space: Space) -> dict[str, Any]:
    """A space as JSON values: eq. 4's parameters, of passes the last one's; and `space`, all that passes have."""
    if isinstance(space, DegradationSpace):
        return {name: describe(getattr(space, name)) for name in PARAMETERS}
    return {name: getattr(space.last, name) for name in PARAMETERS} | {"space": asdict(space)}


def scales_of(space: Space) -> tuple[float, ...]:
    """The values of s: of passes, of the last one."""
    return space.scale if isinstance(space, DegradationSpace) else values_of("scale", space.last.scale)


def with_scales(space: Space, scales: tuple[float, ...]) -> Space:
    """The same space with other values of s."""
    if isinstance(space, DegradationSpace):
        return replace(space, scale=scales)
    return space.with_last(scale=describe(scales))


def draw_from(space: Space, keys: np.ndarray, copy: int | np.ndarray) -> AnyDraws:
    """`draw_many`, or `draw_chains`: for each of `keys` the observation number `copy`."""
    return draw_many(space, keys, copy) if isinstance(space, DegradationSpace) else draw_chains(space, keys, copy)


def draw_one(space: Space, seed: int, pair_id: str, copy: int) -> AnyDraw:
    """The draw of one observation; what `draw_from` gives for its key."""
    return draw_from(space, pair_keys(seed, [pair_id]), copy).at(0)


def _changed(name: str) -> ChainSpace:
    """`wide` with what a file, or the text of one, changes."""
    if name.endswith(".toml"):
        values: Mapping[str, Any] = read_toml(Path(name))
    elif "=" in name:
        try:
            values = tomllib.loads(name)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"the space {name!r} is no TOML: {error}") from error
    else:
        near = nearest(name, (PAPER_NAME, WIDE_NAME))
        raise ConfigError(f"space must be {PAPER_NAME}, {WIDE_NAME} or a FILE.toml, but is {name!r}{near}")
    try:
        return change(WIDE, values)
    except ConfigError as error:
        raise ConfigError(f"space {name}: {error}" if name.endswith(".toml") else f"space: {error}") from error
