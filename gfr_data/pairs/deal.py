"""How many pairs each split gets under a recipe that has numbers, and the lists of them."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from gfr_data.pairs.choose import Pair
from gfr_data.pairs.splits import hashed
from manifests import write_bytes
from manifests.paper import PAPER_PAIRS

LISTS = "lists"  # folder of a build: a table of each split's pairs, to compare with another laboratory's
LISTED = ("pair_id", "target_source_path", "target_hash", "guide_source_path", "guide_hash")


def dealt(pairs: Sequence[Pair], seed: int) -> tuple[Pair, ...]:
    """The pairs without those that a split has beyond the paper's count (§4.1), in their order.

    Which go is decided by a keyed hash of each pair's photographs alone: two builds of the same photographs agree, and
    so, nearly, do two that lack different ones.
    """
    drawn: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        entries = [(one.dataset, one.subset, one.face.key) for one in (pair.target, pair.guide)]
        drawn[pair.split].append((hashed(seed, "recipe", repr(entries)), place))
    kept = {place for split, draws in drawn.items() for _, place in sorted(draws)[: PAPER_PAIRS.get(split)]}
    return tuple(pair for place, pair in enumerate(pairs) if place in kept)


def write_lists(out: Path, pairs: pa.Table) -> None:
    """Write `lists/SPLIT.csv` of a table of pairs: what each is made of, with the hashes of its crops."""
    splits = pairs["split"].to_pylist()
    rows = list(zip(*(pairs[name].to_pylist() for name in LISTED), strict=True))
    for split in dict.fromkeys(splits):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(
            [LISTED, *(r for r, s in zip(rows, splits, strict=True) if s == split)]
        )
        write_bytes(out / LISTS / f"{split}.csv", text.getvalue().encode())
