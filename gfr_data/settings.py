"""Thresholds from the command line: `quality.NAME=VALUE` and `selection.NAME=VALUE`."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from gfr_data.pairs.guide import SelectionRules
from gfr_data.quality.judge import Thresholds
from manifests import ConfigError

Rules = TypeVar("Rules", Thresholds, SelectionRules)


def read_rules(settings: Sequence[str]) -> tuple[Thresholds, SelectionRules]:
    """The defaults with `settings` put in. Raises ConfigError naming everything that is no setting or no number."""
    problems: list[str] = []
    values: dict[str, dict[str, str]] = {"quality": {}, "selection": {}}
    for text in settings:
        name, equals, value = text.partition("=")
        section, _, key = name.partition(".")
        if not equals or section not in values:
            problems.append(f"--set {text!r}: expected quality.NAME=VALUE or selection.NAME=VALUE")
        else:
            values[section][key] = value
    thresholds = _changed("quality", Thresholds(), values["quality"], problems)
    rules = _changed("selection", SelectionRules(), values["selection"], problems)
    if problems:
        raise ConfigError("; ".join(problems))
    return thresholds, rules


def _changed(section: str, rules: Rules, values: dict[str, str], problems: list[str]) -> Rules:
    known = {item.name: getattr(rules, item.name) for item in fields(rules)}
    numbers: dict[str, Any] = {}
    for name, text in values.items():
        if name not in known or not isinstance(known[name], int | float):
            problems.append(f"--set: no {section}.{name}; choose one of {', '.join(known)}")
            continue
        try:
            numbers[name] = type(known[name])(text)
        except ValueError:
            problems.append(f"--set {section}.{name}: {text!r} is no number")
    return replace(rules, **numbers)
