"""The counts of a build, beside the paper's where it gives them (§4.1)."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from manifests import FACES, FACES_FILE, PAIRS, PAIRS_FILE, REASONS, STATUSES, DataError, read_table
from manifests.notes import read_note, write_note
from manifests.paper import PAPER_PAIRS

SUMMARY_FILE = "summary.json"
INDENT = 2
COUNTED = ("dataset", "subset", "identity", "status", "reason", "decision", "role", "likeness")  # columns of `faces`
PAPER_TESTS = {name for name in PAPER_PAIRS if name.startswith("test-")}


@dataclass(frozen=True)
class BuildSummary:
    photographs: int  # examined; the sum of `statuses`
    identities: int  # with at least one photograph
    statuses: dict[str, int]  # photographs by status
    reasons: dict[str, int]  # photographs that fell out, by reason
    pairs: dict[str, int]  # by split
    persons: dict[str, int]  # by split
    without_pair: dict[str, int]  # identities that gave no pair, by reason
    decisions: dict[str, int] = field(default_factory=dict)  # by what was decided, and those not 'honoured'
    compared: dict[str, int] = field(default_factory=dict)  # faces, by the network that told persons apart
    changed: bool = True  # False: the build was finished before

    def text(self) -> str:
        """The summary as lines for a person."""
        lines = [f"{self.photographs} photographs of {self.identities} identities"]
        lines += [f"  {count:>8} {status}" for status, count in self.statuses.items()]
        lines += ["fell out:"] * bool(self.reasons)
        lines += [f"  {count:>8} {reason}" for reason, count in self.reasons.items()]
        lines += ["decided by a person:"] * bool(self.decisions)
        lines += [f"  {count:>8} {what}" for what, count in self.decisions.items()]
        lines += [
            f"{count} faces compared with others of their identity by {who}" for who, count in self.compared.items()
        ]
        lines += ["identities without a pair:"] * bool(self.without_pair)
        lines += [f"  {count:>8} {reason}" for reason, count in self.without_pair.items()]
        lines += [f"{'pairs':<16}{'here':>8}" + f"{'paper':>8}" * bool(self.paper) + f"{'persons':>9}"]
        for split in sorted({*self.paper, *self.pairs}, key=_split_order):
            paper = f"{self.paper.get(split) or '-':>8}" * bool(self.paper)
            lines.append(f"  {split:<14}{self.pairs.get(split, 0):>8}{paper}{self.persons.get(split, 0):>9}")
        return "\n".join(lines)

    @property
    def paper(self) -> dict[str, int]:
        """The paper's pairs by split; empty where none of its test sets is built, as of an album."""
        return PAPER_PAIRS if PAPER_TESTS & self.pairs.keys() else {}


def read_summary(folder: Path) -> BuildSummary:
    """The summary that a finished build left in `folder`. Raises DataError when there is none, or it is damaged."""
    path = folder / SUMMARY_FILE
    try:
        if (values := read_note(path, INDENT)) is None:
            raise ValueError("it is not as it was written")
        return BuildSummary(**values)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is not the summary of a finished build ({error}); run gfr-data build-pairs again"
        ) from error


def write_summary(folder: Path, summary: BuildSummary) -> None:
    """Write what `read_summary` reads."""
    values = asdict(summary)
    if not summary.compared:
        del values["compared"]  # as if there were no embedders
    write_note(folder / SUMMARY_FILE, values, INDENT)


def summarise(folder: Path, without_pair: Counter[str], embedder: str | None = None) -> BuildSummary:
    """Count what the two tables of a build hold.

    without_pair: identities with candidates that gave no pair. embedder: the network that told persons apart.
    """
    faces = read_table(folder / FACES_FILE, FACES, COUNTED)
    pairs = read_table(folder / PAIRS_FILE, PAIRS, ["split", "dataset", "identity", "person"])
    statuses, reasons = _counts(faces["status"]), _counts(faces["reason"])
    splits = _counts(pairs["split"])
    persons = _counts(pairs.group_by(["split", "person"]).aggregate([])["split"])
    identities = faces.group_by(["dataset", "subset", "identity"]).aggregate([]).num_rows
    paired = pairs.group_by(["dataset", "identity"]).aggregate([]).num_rows
    known = Counter(without_pair)
    # Identities without any acceptable face were not even candidates.
    known["too_few_faces"] += max(0, identities - paired - sum(known.values()))
    return BuildSummary(
        photographs=faces.num_rows,
        identities=identities,
        statuses={name: statuses.get(name, 0) for name in STATUSES},
        reasons={name: reasons[name] for name in REASONS if name in reasons},
        pairs={name: splits[name] for name in sorted(splits, key=_split_order)},
        persons={name: persons[name] for name in sorted(persons, key=_split_order)},
        without_pair={name: known[name] for name in sorted(known) if known[name]},
        decisions=_decisions(faces),
        compared={embedder: len(faces) - faces["likeness"].null_count} if embedder else {},
    )


def _decisions(faces: pa.Table) -> dict[str, int]:
    """How many photographs were decided about, and of how many the decision could not be honoured."""
    names = ("decision", "status", "role")
    rows = list(zip(*(faces.filter(pc.is_valid(faces["decision"]))[name].to_pylist() for name in names), strict=True))
    counts = Counter(decision for decision, _, _ in rows)
    lost = sum(
        {"keep": status in ("rejected", "unreadable"), "guide": role != "guide", "reject": False}[decision]
        for decision, status, role in rows
    )
    return dict(sorted(counts.items())) | ({"not honoured": lost} if lost else {})


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(column.drop_null()).to_pylist()}


def _split_order(split: str) -> tuple[int, str]:
    return {"train": 0, "val": 1}.get(split, 2), split
