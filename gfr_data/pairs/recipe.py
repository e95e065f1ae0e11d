"""Named recipes: the settings that a build must have to carry the name."""

from collections import Counter
from collections.abc import Sequence

from gfr_data.pairs.guide import SelectionRules
from gfr_data.sources.source import Source

RECIPES = ("paper",)
PAPER_LAYOUTS = ("vggface2", "casia-webface")  # §4.1


def departures(recipe: str, sources: Sequence[Source], limit: int | None, rules: SelectionRules) -> list[str]:
    """The settings of a build that differ from the recipe's, a sentence each.

    'paper' (§4.1): VGGFace2 train gives `train`, VGGFace2 test and CASIA-WebFace the two test splits, CASIA-WebFace
    also 200 pairs for validation; all identities, at most five photographs of each, the guide among them. The
    thresholds of quality are not part of it: the paper does not give its own.
    """
    if recipe not in RECIPES:
        return [f"--recipe {recipe!r} is not known; choose one of {', '.join(RECIPES)}"]
    problems = []
    layouts = Counter(source.layout for source in sources)
    if layouts != Counter(PAPER_LAYOUTS):
        given = ", ".join(sorted(layouts.elements())) or "none"
        problems.append(f"--recipe paper is made of one vggface2 and one casia-webface source, but given are: {given}")
    if limit is not None:
        problems.append("--recipe paper takes all identities; leave out --limit")
    if rules != SelectionRules():
        problems.append("--recipe paper chooses five photographs as it does; leave out --set selection...")
    return problems
