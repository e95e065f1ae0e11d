"""Pairs of pictures that may be alike among millions: those on one side of many random planes (Charikar 2002).

Each of TABLES tables cuts the space of pictures by BITS planes through its middle; only pictures in one cell of a table
are a pair. Two that correlate by 0.96 lie in one cell of some table with a probability near 1, others hardly ever do.
The space is that of the pictures' largest variations, those that vary most held back, so that cells are about equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Of 115 pairs of copies among 6,512 photographs of real people all share a cell, of all pairs 0.18%.
BITS, TABLES = 20, 32
VARIATIONS = 24
LEAST = 0.03  # of the largest variation; what varies less is not made more of
SAMPLED = 20_000  # pictures that the variations are found from
_SLICE = 1 << 14  # pictures that are worked on together


@dataclass(frozen=True)
class Cells:
    """Pictures among their variations."""

    places: np.ndarray  # (N, VARIATIONS) float32
    scale: np.ndarray  # (VARIATIONS,) float32: `places` times this are parts of the pictures of length 1

    def pairs(self, block: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of about `block` index pairs (i < j) that share a cell; a pair may come more than once."""
        rng = np.random.default_rng(0)
        weights = 1 << np.arange(BITS, dtype=np.int32)
        for _ in range(TABLES):
            planes = rng.standard_normal((VARIATIONS, BITS)).astype(np.float32)
            parts = (self.places[at : at + _SLICE] for at in range(0, len(self.places), _SLICE))
            cells = np.concatenate([(part @ planes > 0) @ weights for part in parts])
            order = np.argsort(cells, kind="stable").astype(np.int32)
            for first, second in _within(cells[order], block):
                # Equal cells keep their order, so the first index is the smaller one.
                yield order[first], order[second]

    def distance(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Squared distances of pairs of pictures of length 1, by their variations alone: none is larger in truth."""
        return np.asarray((((self.places[first] - self.places[second]) * self.scale) ** 2).sum(axis=1))


def cells_of(flat: np.ndarray, rows: np.ndarray) -> Cells:
    """The places of pictures: `rows` (N,) of `flat` (M, D) uint8, in their order."""
    sample = unit(flat[rows[:: max(1, len(rows) // SAMPLED)]])
    middle = sample.mean(axis=0)
    sizes, axes = np.linalg.eigh(np.cov((sample - middle).T))
    sizes, axes = sizes[-VARIATIONS:], axes[:, -VARIATIONS:]
    axes = axes * np.sign(
        axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    )  # which way is a library's choice
    # The square root of a variation's spread remains: equal weights would make much of what a copy loses first.
    scale = (np.maximum(sizes, LEAST * sizes[-1] + 1e-9) ** 0.25).astype(np.float32)
    axes = (axes / scale).astype(np.float32)
    places = np.empty((len(rows), axes.shape[1]), np.float32)
    for at in range(0, len(rows), _SLICE):
        places[at : at + _SLICE] = (unit(flat[rows[at : at + _SLICE]]) - middle) @ axes
    return Cells(places, scale)


def _within(cells: np.ndarray, block: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of pairs of places (p < q) in sorted `cells` (N,) that hold the same value."""
    places = np.arange(len(cells))
    ends = np.searchsorted(cells, cells, side="right")
    yield from expand(places, places + 1, ends - places - 1, block)


def expand(
    order: np.ndarray, start: np.ndarray, counts: np.ndarray, block: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs (i, order[start[i] + k]), k < counts[i], whose second index is larger, in blocks of about `block`."""
    ends = np.cumsum(counts)
    low = 0
    while low < len(counts):
        base = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, base + block, side="right")))
        size = counts[low:high]
        first = np.repeat(np.arange(low, high), size)
        inside = np.arange(len(first)) - np.repeat(ends[low:high] - size - base, size)
        second = order[np.repeat(start[low:high], size) + inside]
        ahead = first < second
        if ahead.any():
            yield first[ahead], second[ahead]
        low = high


def unit(flat: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and length 1, float32; a flat picture is all 0 and correlates with nothing."""
    grey = flat.astype(np.float32)
    grey -= grey.mean(axis=1, keepdims=True)
    return grey / np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-6)
