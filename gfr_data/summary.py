"""What a build came to, in numbers: beside the paper's where it names them (§4.1)."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from manifests import DataError

SUMMARY_FILE = "summary.json"
PAPER_PAIRS = {"train": 20273, "test-vggface2": 1005, "test-webface": 1455, "val": 200}  # §4.1


@dataclass(frozen=True)
class BuildSummary:
    photographs: int  # examined; the sum of `statuses`
    identities: int  # with at least one photograph
    statuses: dict[str, int]  # photographs by status
    reasons: dict[str, int]  # photographs that fell out, by reason
    pairs: dict[str, int]  # by split
    persons: dict[str, int]  # by split
    without_pair: dict[str, int]  # identities that gave no pair, by reason
    changed: bool = True  # False: the build was finished before

    def text(self) -> str:
        """The summary as lines for a person."""
        lines = [f"{self.photographs} photographs of {self.identities} identities"]
        lines += [f"  {count:>8} {status}" for status, count in self.statuses.items()]
        lines += ["fell out:"] * bool(self.reasons)
        lines += [f"  {count:>8} {reason}" for reason, count in self.reasons.items()]
        lines += ["identities without a pair:"] * bool(self.without_pair)
        lines += [f"  {count:>8} {reason}" for reason, count in self.without_pair.items()]
        lines += [f"{'pairs':<16}{'here':>8}{'paper':>8}{'persons':>9}"]
        for split in sorted({*PAPER_PAIRS, *self.pairs}, key=_split_order):
            paper = PAPER_PAIRS.get(split)
            lines.append(
                f"  {split:<14}{self.pairs.get(split, 0):>8}{paper if paper else '-':>8}{self.persons.get(split, 0):>9}"
            )
        return "\n".join(lines)


def read_summary(folder: Path) -> BuildSummary:
    """The summary that a finished build left in `folder`. Raises DataError when there is none."""
    path = folder / SUMMARY_FILE
    try:
        return BuildSummary(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is no finished build's summary ({error}); run gfr-data build-pairs again") from error


def summarise(faces: pa.Table, pairs: pa.Table, without_pair: Counter[str]) -> BuildSummary:
    """Count what the two tables of a build hold."""
    whose = zip(*(faces[name].to_pylist() for name in ("dataset", "subset", "identity")), strict=True)
    statuses = Counter(faces["status"].to_pylist())
    splits = pairs["split"].to_pylist()
    persons = Counter(split for split, _ in set(zip(splits, pairs["person"].to_pylist(), strict=True)))
    fell = Counter(reason for reason in faces["reason"].to_pylist() if reason is not None)
    identities = set(whose)
    few = len(identities) - len(set(zip(*(pairs[n].to_pylist() for n in ("dataset", "identity")), strict=True)))
    known = Counter(without_pair)
    # Identities without any acceptable face were not even candidates.
    known["too_few_faces"] += max(0, few - sum(known.values()))
    return BuildSummary(
        photographs=faces.num_rows,
        identities=len(identities),
        statuses={name: statuses.get(name, 0) for name in ("selected", "spare", "rejected", "unreadable")},
        reasons=dict(fell.most_common()),
        pairs=dict(sorted(Counter(splits).items(), key=lambda item: _split_order(item[0]))),
        persons=dict(sorted(persons.items(), key=lambda item: _split_order(item[0]))),
        without_pair=dict((+known).most_common()),
    )


def _split_order(split: str) -> tuple[int, str]:
    return {"train": 0, "val": 1}.get(split, 2), split
