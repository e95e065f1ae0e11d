"""How many pairs each split gets under a recipe that has numbers, and the lists of them."""

import csv
import io
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from gfr_data.pairs.choose import Choice
from gfr_data.pairs.splits import hashed
from manifests import PAIRS, PAIRS_FILE, read_table, write_bytes
from manifests.paper import PAPER_PAIRS

LISTS = "lists"  # folder of a build: a table of each split's pairs, to compare with another laboratory's
LISTED = ("pair_id", "target_source_path", "target_hash", "guide_source_path", "guide_hash")


def dealt(choice: Choice, seed: int) -> Choice:
    """The choice without the pairs that a split has beyond the paper's count (§4.1).

    Which go is decided by a keyed hash of each pair's photographs alone: two builds of the same photographs agree, and
    so, nearly, do two that lack different ones.
    """
    targets = choice.faces.entries(np.array([pair.target for pair in choice.pairs], np.int64))
    guides = choice.faces.entries(np.array([pair.guide for pair in choice.pairs], np.int64))
    drawn: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, (pair, *both) in enumerate(zip(choice.pairs, targets, guides, strict=True)):
        entries = [(one.dataset, one.subset, one.face.key) for one in both]
        drawn[pair.split].append((hashed(seed, "recipe", repr(entries)), place))
    kept = {place for split, draws in drawn.items() for _, place in sorted(draws)[: PAPER_PAIRS.get(split)]}
    return replace(choice, pairs=tuple(pair for place, pair in enumerate(choice.pairs) if place in kept))


def write_lists(out: Path) -> None:
    """Write `lists/SPLIT.csv` of a build's pairs: what each is made of, with the hashes of its crops."""
    pairs = read_table(out / PAIRS_FILE, PAIRS, ["split", *LISTED])
    splits = pairs["split"].to_pylist()
    rows = list(zip(*(pairs[name].to_pylist() for name in LISTED), strict=True))
    for split in dict.fromkeys(splits):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(
            [LISTED, *(r for r, s in zip(rows, splits, strict=True) if s == split)]
        )
        write_bytes(out / LISTS / f"{split}.csv", text.getvalue().encode())
