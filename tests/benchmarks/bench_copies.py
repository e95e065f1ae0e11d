"""How the search for copies grows with the number of faces, beside comparing all with all.

    python tests/benchmarks/bench_copies.py [FACES ...]

Pictures and hashes vary as those of 6,518 photographs of real people: the hashes are 28 bits apart on average and 0.01%
of pairs at most ten, the pictures correlate by 0.16.
"""

import os
import platform
import resource
import sys
import time

import numpy as np

from gfr_data.quality.copies import HASH_BITS, MANY, PICTURE, find_copies

COPIES = 0.02  # share of faces that copy an earlier one
FULL = 20_000  # faces that all with all is tried with
FREQUENCIES = 8  # along each axis
_PART = 1 << 16  # faces made at a time


def faces(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and pictures of `count` faces: their low frequencies vary about those of a common face."""
    rng = np.random.default_rng(0)
    order = np.add.outer(np.arange(FREQUENCIES), np.arange(FREQUENCIES)).ravel()
    spread = np.where(order > 0, (1.0 + order) ** -1.3, 0)
    common = 0.45 * spread * rng.choice([-1, 1], len(spread))
    places = (np.arange(PICTURE) + 0.5) * np.pi / PICTURE
    waves = np.cos(np.arange(FREQUENCIES)[:, None] * places)
    basis = np.einsum("ay,bx->abyx", waves, waves).reshape(len(spread), -1).astype(np.float32)
    words, pictures = np.empty(count, np.uint64), np.empty((count, PICTURE * PICTURE), np.uint8)
    for at in range(0, count, _PART):
        part = common + spread * rng.standard_normal((min(_PART, count - at), len(spread)))
        bits = part > np.median(part[:, 1:], axis=1, keepdims=True)
        words[at : at + _PART] = np.packbits(bits, axis=1).view(np.uint64).ravel()
        pictures[at : at + _PART] = np.clip(128 + 60 * (part.astype(np.float32) @ basis), 0, 255)
    for copy in rng.choice(np.arange(1, count), int(COPIES * count), replace=False):
        original = rng.integers(0, copy)
        words[copy] = words[original] ^ np.bitwise_or.reduce(np.uint64(1) << rng.choice(64, 4).astype(np.uint64))
        noise = rng.integers(-6, 7, PICTURE * PICTURE)
        pictures[copy] = np.clip(pictures[original] + noise, 0, 255)
    return words, pictures


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
    print(f"{'what':<24}{'faces':>9}{'CPU s':>9}{'us/face':>9}{'found':>8}{'MB':>7}")
    for count in [int(text) for text in sys.argv[1:]] or [10_000, 20_000, 50_000, 100_000, 220_000]:
        words, pictures = faces(count)
        start = time.process_time()
        found = int((find_copies(words, pictures) >= 0).sum())
        _print("ours, all near pairs" if count <= MANY else "ours, by cells", count, time.process_time() - start, found)
        if count <= FULL:
            start = time.process_time()
            found = all_with_all(words)
            _print("all with all (hashes)", count, time.process_time() - start, found)


def _print(what: str, count: int, seconds: float, found: int) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<24}{count:>9,}{seconds:>9.1f}{1e6 * seconds / count:>9.0f}{found:>8,}{memory:>7.0f}")


if __name__ == "__main__":
    main()
