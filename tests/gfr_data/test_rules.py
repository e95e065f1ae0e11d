"""A threshold from the command line is taken, and a misspelt one is not silently ignored."""

import pytest

from gfr_data.pairs.guide import SelectionRules
from gfr_data.rules import read_rules
from manifests import ConfigError


def test_settings_replace_defaults_with_their_type() -> None:
    _, rules, _ = read_rules(["selection.most=3", "selection.guide_yaw=10"])
    assert (rules.most, rules.guide_yaw, rules.guide_roll) == (3, 10.0, SelectionRules().guide_roll)
    assert isinstance(rules.most, int)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        read_rules(["selection.mots=3", "quality", "selection.most=many"])
    assert all(name in str(error.value) for name in ("mots", "'quality'", "many"))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-nan"])
def test_a_threshold_that_is_no_finite_number_is_refused(value: str) -> None:
    """Nothing is below `nan`: it would let every face pass without a word."""
    with pytest.raises(ConfigError, match=r"quality\.bandwidth must be a finite number"):
        read_rules([f"quality.bandwidth={value}"])
