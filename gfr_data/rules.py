"""The rules of a build as `--set` names them: thresholds of quality, and what is selected."""

from collections.abc import Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass as settings

from gfr_data.pairs.guide import SelectionRules
from gfr_data.quality.judge import Thresholds
from manifests.settings import FORBID, change, listed, parse_assignments


@settings(frozen=True, config=FORBID)
class _Rules:
    quality: Thresholds = field(default_factory=Thresholds)
    selection: SelectionRules = field(default_factory=SelectionRules)


def read_rules(assignments: Sequence[str]) -> tuple[Thresholds, SelectionRules]:
    """The defaults with `quality.NAME=VALUE` and `selection.NAME=VALUE` put in. Raises ConfigError as `change` does."""
    values, problems = parse_assignments(assignments)
    rules = change(_Rules(), values, problems=problems)
    return rules.quality, rules.selection


def list_rules() -> str:
    """Every setting that `read_rules` takes, a line each, with its default and its meaning."""
    return "\n".join([listed(Thresholds(), "quality."), listed(SelectionRules(), "selection.")])
