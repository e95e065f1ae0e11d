"""Effective resolution: how many cycles across a face the photograph shows, in the direction where it shows fewest."""

from functools import lru_cache

import numpy as np

FACE = 128  # px of the picture of the face that is measured: 64 cycles are the most that it can show
SHARE = 0.9  # of the whitened energy that lies below the bandwidth
NOISE_FROM = 56  # cycles per face, from which on a photograph's power is taken for noise's
OVER_NOISE = 2.0  # times its power: less does not stand out of it
DIRECTIONS = 8  # sectors of the spectrum that are looked at one by one; motion blurs in one of them only


def bandwidth(face: np.ndarray) -> float:
    """Cycles per face below which nearly all detail of `face` (FACE, FACE) float grey levels lies.

    The power of natural pictures falls with the square of the frequency. Weighted by that square the spectrum of a
    sharp one is level up to its end, that of a blurred or enlarged one stops early: the bandwidth is where SHARE of
    the sum has been reached, in the direction where that comes first.
    """
    window, frequency, rings, sectors = _geometry()
    white = np.abs(np.fft.fft2((face - face.mean()) * window)) ** 2 * frequency**2
    energy = [np.bincount(rings[sector], white[sector], minlength=FACE // 2 + 1) for sector in sectors]
    sums = np.cumsum(energy, axis=1)
    return min(float(np.interp(SHARE * s[-1], s, np.arange(len(s)))) if s[-1] > 0 else 0.0 for s in sums)


def detail(face: np.ndarray) -> float:
    """Cycles across a face that `face` (FACE, FACE) float grey levels shows, where `bandwidth` counts noise as well.

    Noise has the same power at all frequencies, that of the highest ones. In each direction counts what lies above it,
    up to where the picture no longer stands out of it.
    """
    window, frequency, rings, sectors = _geometry()
    power = np.abs(np.fft.fft2((face - face.mean()) * window)) ** 2
    noise = power[frequency >= NOISE_FROM].mean()
    return min(_end_of_signal(power[sector], noise, frequency[sector], rings[sector]) for sector in sectors)


def _end_of_signal(power: np.ndarray, noise: float, frequency: np.ndarray, rings: np.ndarray) -> float:
    places = np.arange(FACE // 2 + 1)
    mean = np.bincount(rings, power, len(places)) / np.maximum(np.bincount(rings, minlength=len(places)), 1)
    smooth = np.convolve(np.pad(mean, 1, mode="edge"), np.full(3, 1 / 3), "valid")
    drowned = np.flatnonzero((smooth < OVER_NOISE * noise) & (places > 2))
    energy = np.bincount(rings, (power - noise) * frequency**2, len(places))
    energy[drowned[0] if len(drowned) else len(places) :] = 0
    sums = np.maximum.accumulate(energy.cumsum())
    return float(np.interp(SHARE * sums[-1], sums, places)) if sums[-1] > 0 else 0.0


@lru_cache(maxsize=1)
def _geometry() -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Window, frequencies in cycles per face, their rings, and the places of each sector."""
    x = np.fft.fftfreq(FACE) * FACE
    frequency = np.hypot(x[:, None], x)
    rings = np.rint(frequency).astype(int)
    angle = np.arctan2(x[:, None], x)
    away = [
        np.abs((angle - turn + np.pi / 2) % np.pi - np.pi / 2) for turn in np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    ]
    # Sectors overlap by half, so that a direction between two of them is in the middle of neither's edge.
    sectors = [(each < np.pi / DIRECTIONS) & (rings <= FACE // 2) for each in away]
    return np.hanning(FACE)[:, None] * np.hanning(FACE), frequency, rings, sectors
