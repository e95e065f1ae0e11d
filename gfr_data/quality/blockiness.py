"""JPEG artifacts: edges that repeat on a grid, wherever it begins and however the picture was resized since."""

import numpy as np

PERIODS = np.arange(4.0, 24.0, 0.1)  # px between block edges that are looked for; JPEG's is 8, resized 0.5 to 3 times
_MOST = 12.0  # grey levels: a step that is larger belongs to the picture
_SAMPLES = 8192  # of the spectrum of a profile


def blockiness(grey: np.ndarray) -> float:
    """How regular the steps in `grey` (H, W) float grey levels are, 0 to about 1.2.

    Second differences are averaged along the columns and along the rows; the profiles of a picture compressed in
    blocks have a comb. Its strongest period, fundamental and two harmonics, in both directions at once, against the
    mean second difference.
    """
    combs = [_comb(values) for values in (grey, grey.T)]
    return float(np.sqrt(combs[0] * combs[1]).max())


def _comb(values: np.ndarray) -> np.ndarray:
    """Strength of each of PERIODS along the rows of `values`."""
    steps = np.minimum(np.abs(np.diff(values, 2, axis=1)), _MOST)
    profile = steps.mean(axis=0)
    if len(profile) < 4 * PERIODS[0]:
        return np.zeros(len(PERIODS))
    around = np.convolve(np.pad(profile, 4, mode="edge"), np.full(9, 1 / 9), mode="valid")
    count = len(profile)
    spectrum = np.abs(np.fft.rfft((profile - around) * np.hanning(count), max(_SAMPLES, count))) * 2 / count
    places = np.arange(len(spectrum)) / max(_SAMPLES, count)
    strength = sum(np.interp(k / PERIODS, places, spectrum, right=0.0) for k in (1, 2, 3))
    return np.asarray(strength / (steps.mean() + 0.5))
