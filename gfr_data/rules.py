"""The rules of a build as `--set` names them: thresholds of quality, what is selected, who counts as whom."""

from collections.abc import Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass as settings

from gfr_data.pairs.guide import SelectionRules
from gfr_data.quality.judge import Thresholds
from gfr_data.quality.persons import PersonRules
from manifests.settings import FORBID, change, listed, parse_assignments


@settings(frozen=True, config=FORBID)
class _Rules:
    quality: Thresholds = field(default_factory=Thresholds)
    selection: SelectionRules = field(default_factory=SelectionRules)
    persons: PersonRules = field(default_factory=PersonRules)


def read_rules(assignments: Sequence[str]) -> tuple[Thresholds, SelectionRules, PersonRules]:
    """The defaults with `quality.NAME=VALUE`, `selection.NAME=VALUE` and `persons.NAME=VALUE` put in.

    Raises ConfigError as `change` does.
    """
    values, problems = parse_assignments(assignments)
    rules = change(_Rules(), values, problems=problems)
    return rules.quality, rules.selection, rules.persons


def list_rules() -> str:
    """Every setting that `read_rules` takes, a line each, with its default and its meaning."""
    sections = (Thresholds(), "quality."), (SelectionRules(), "selection."), (PersonRules(), "persons.")
    return "\n".join(listed(*section) for section in sections)
