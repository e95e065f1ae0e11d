"""Eq. 4's noise n_sigma as a function of (key, place): the same integers in NumPy and in torch, on every device.

Noise is added to 8-bit pixels and rounded, so all that counts is the rounded Gaussian: an integer k with probability
Phi((k + 1/2) / sigma) - Phi((k - 1/2) / sigma). 16 bits of a hash of (key, channel, row, column) look it up in a table
that holds each k as often as it is due; what is rarer than 2^-17, beyond 4.2 sigma, never comes.
"""

import functools
import math

import numpy as np

TABLE_BITS = 16
# Odd constants that mix well when xor-shifts stand between them (the last two: C. Wellons' search for low bias).
MULTIPLIERS = (0x9E3779B1, 0x21F0AAAD, 0x735A2D97)


@functools.lru_cache(maxsize=64)
def noise_table(sigma: int) -> np.ndarray:
    """The rounded Gaussian of standard deviation `sigma` grey levels, (65536,) int16, sorted."""
    if sigma == 0:
        table = np.zeros(1 << TABLE_BITS, np.int16)
    else:
        reach = 5 * sigma
        counts = 2.0**TABLE_BITS
        edges = [round(counts * 0.5 * math.erfc(-(k + 0.5) / (sigma * math.sqrt(2)))) for k in range(-reach - 1, reach)]
        edges[0], edges[-1] = 0, 1 << TABLE_BITS
        table = np.repeat(np.arange(-reach, reach, dtype=np.int16), np.diff(edges))
    table.setflags(write=False)
    return table


def noise(sigma: int, key: int, height: int, width: int) -> np.ndarray:
    """Noise of an image, (3, height, width) int16 grey levels. `key`: 64 bits."""
    places = np.arange(3 * height * width, dtype=np.uint32)
    low, high = np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)
    first, second, third = (np.uint32(multiplier) for multiplier in MULTIPLIERS)
    bits = places * first + low
    bits ^= bits >> np.uint32(16)
    bits *= second
    bits ^= high
    bits ^= bits >> np.uint32(16)
    bits *= second
    bits ^= bits >> np.uint32(15)
    bits *= third
    return noise_table(sigma)[bits >> np.uint32(32 - TABLE_BITS)].reshape(3, height, width)
