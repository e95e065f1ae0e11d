"""What a person decided about single photographs: a CSV of path, decision, why, which overrules the measures."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gfr_data.examination.index import Photograph, read_photographs
from gfr_data.examination.work import Work
from gfr_data.sources.addresses import path_key
from gfr_data.sources.source import Source
from manifests import DataError

KEEP, REJECT, GUIDE = VERDICTS = ("keep", "reject", "guide")
COLUMNS = ["path", "decision", "why"]
DECIDED = "decided"  # the reason of a face that was rejected so
# What `keep` and `guide` overrule; without a face or its landmarks there is nothing to keep, and splits stay apart.
OVERRULED = (
    "multiple_faces",
    "low_resolution",
    "blurred",
    "artifacts",
    "occluded",
    "cartoon",
    "bad_exposure",
    "extreme_pose",
    "wrong_person",
    "mixed_identity",
    "same_person",
    "duplicate",
)
_SHOWN = 3


@dataclass(frozen=True)
class Decision:
    verdict: str  # one of VERDICTS
    why: str


Decided = Mapping[int, Mapping[int, Decision]]  # shard -> row in it -> decision


def read_decisions(path: Path) -> dict[str, Decision]:
    """Decisions by path as the file writes it.

    Raises DataError naming the line that is wrong, or two that differ about one photograph.
    """
    found: dict[str, Decision] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if missing := [name for name in COLUMNS[:2] if name not in (rows.fieldnames or ())]:
                raise DataError(f"{path} lacks the column {missing[0]!r}; its first line must be {','.join(COLUMNS)}")
            for row in rows:
                name, verdict = (row["path"] or "").strip(), (row["decision"] or "").strip()
                if not name or verdict not in VERDICTS:
                    raise DataError(
                        f"{path}, line {rows.line_num}: {verdict!r} for {name!r} is none of {', '.join(VERDICTS)}"
                    )
                decision = Decision(verdict, (row.get("why") or "").strip())
                if found.setdefault(name, decision).verdict != verdict:
                    raise DataError(f"{path}, line {rows.line_num}: {name} has another decision above; leave one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read the decisions {path}: {getattr(error, 'strerror', None) or error}") from error
    return found


def find_decided(work: Work, sources: Sequence[Source], path: Path) -> Decided:
    """The decisions of the file at `path`, by shard and row.

    Its paths are absolute, addresses, or relative to the folder that holds it, as those of a file of landmarks.
    Raises DataError as `read_decisions` does, and for paths that are no photograph of the sources.
    """
    decisions = read_decisions(path)
    keys = {path_key(str(path.parent), name): name for name in decisions}
    decided: dict[int, dict[int, Decision]] = {}
    unknown = set(decisions)
    for number in range(work.count() if keys else 0):
        for photograph in read_photographs(work, number, sources):
            if (name := keys.get(_key(photograph)) or keys.get(_key(photograph, as_text=True))) is not None:
                decided.setdefault(number, {})[photograph.row] = decisions[name]
                unknown.discard(name)
    if unknown:
        raise DataError(
            f"{path} decides about {len(unknown)} that are no photographs of the sources: "
            f"{', '.join(sorted(unknown)[:_SHOWN])}; their paths must be absolute or relative to its folder"
        )
    return decided


def _key(photograph: Photograph, as_text: bool = False) -> int:
    """By its name, or by what the tables call it."""
    return path_key(photograph.source.root, photograph.source_path if as_text else photograph.name)
