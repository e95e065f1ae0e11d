"""A threshold from the command line is taken, and a misspelt one is not silently ignored."""

import pytest

from gfr_data.pairs.guide import SelectionRules
from gfr_data.rules import read_rules
from manifests import ConfigError


def test_settings_replace_defaults_with_their_type() -> None:
    _, rules = read_rules(["selection.most=3", "selection.guide_yaw=10"])
    assert (rules.most, rules.guide_yaw, rules.guide_roll) == (3, 10.0, SelectionRules().guide_roll)
    assert isinstance(rules.most, int)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        read_rules(["selection.mots=3", "quality", "selection.most=many"])
    assert all(name in str(error.value) for name in ("mots", "'quality'", "many"))
