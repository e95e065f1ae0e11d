"""How the search for copies grows with the number of faces, beside comparing all with all.

    python tests/benchmarks/bench_copies.py [FACES ...]

The hashes are as alike as those of real faces framed alike: 64 bits, of which those of a common face are set in most.
"""

import os
import platform
import resource
import sys
import time

import numpy as np

from gfr_data.quality.copies import HASH_BITS, PICTURE, find_copies

ALIKE = 0.70  # how often a bit is that of the common face; 34 real photographs are 27 bits apart on average
COPIES = 0.02  # share of faces that copy an earlier one
FULL = 20_000  # faces that all with all is tried with


def faces(count: int) -> tuple[np.ndarray, list[bytes]]:
    rng = np.random.default_rng(0)
    bits = rng.random((count, 64)) < np.where(rng.random(64) < 0.5, ALIKE, 1 - ALIKE)
    pictures = rng.integers(0, 256, (count, PICTURE * PICTURE), dtype=np.uint8)
    for copy in rng.choice(np.arange(1, count), int(COPIES * count), replace=False):
        original = rng.integers(0, copy)
        bits[copy] = bits[original]
        bits[copy, rng.choice(64, 4, replace=False)] ^= True
        pictures[copy] = pictures[original]
    return np.packbits(bits, axis=1).view(np.uint64).ravel(), [picture.tobytes() for picture in pictures]


def all_with_all(words: np.ndarray) -> int:
    """The pairs of near hashes, as a simple program finds them."""
    table = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)
    found = 0
    for row, word in enumerate(words[:-1]):
        distance = table[(words[row + 1 :] ^ word).view(np.uint16).reshape(-1, 4)].sum(axis=1)
        found += int((distance <= HASH_BITS).sum())
    return found


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    print(f"{'what':<24}{'faces':>9}{'seconds':>9}{'us/face':>9}{'found':>8}{'MB':>7}")
    for count in [int(text) for text in sys.argv[1:]] or [10_000, 20_000, 50_000, 100_000, 220_000]:
        words, pictures = faces(count)
        start = time.perf_counter()
        found = int((find_copies(words, pictures) >= 0).sum())
        _print("ours", count, time.perf_counter() - start, found)
        if count <= FULL:
            start = time.perf_counter()
            found = all_with_all(words)
            _print("all with all (hashes)", count, time.perf_counter() - start, found)


def _print(what: str, count: int, seconds: float, found: int) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<24}{count:>9,}{seconds:>9.1f}{1e6 * seconds / count:>9.0f}{found:>8,}{memory:>7.0f}")


if __name__ == "__main__":
    main()
