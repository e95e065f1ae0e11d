"""How sure a mean is: bootstrap intervals and paired comparisons. What is drawn is persons, not images.

Images of one person are alike, so that resampling images would promise more than the data hold.
"""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 5000
LEVEL = 0.95
EXACT = 12  # persons up to which all sign flips are counted: 4096


@dataclass(frozen=True)
class Interval:
    """A mean and the interval that holds LEVEL of its bootstrap means."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """What a paired comparison of A and B found."""

    difference: Interval  # of A - B
    p_value: float  # of the hypothesis that A and B are alike: sign flips of whole persons, two-sided
    wins: float  # share of the observations in which A is above B; a tie is half a win
    count: int  # observations
    persons: int


def bootstrap(values: np.ndarray, persons: np.ndarray, seed: int = 0) -> Interval:
    """The mean of `values` (N,) with its interval; `persons` (N,) says of whom each is.

    Percentiles of the means of RESAMPLES draws of as many persons as there are, with replacement. One person gives no
    interval: both ends are NaN.
    """
    sums, counts = _by_person(values, persons)
    mean = float(values.mean())
    if len(sums) < 2:
        return Interval(mean, float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean, float(low), float(high))


def compare(first: np.ndarray, second: np.ndarray, persons: np.ndarray, seed: int = 0) -> Comparison:
    """Compare two methods on the same observations, values (N,) each."""
    difference = first - second
    sums, _ = _by_person(difference, persons)
    wins = (np.sign(difference) + 1).mean() / 2
    interval = bootstrap(difference, persons, seed)
    return Comparison(interval, _sign_flips(sums, seed), float(wins), len(difference), len(sums))


def _sign_flips(sums: np.ndarray, seed: int) -> float:
    """How often flipping the signs of whole persons gives a sum as far from 0 as the real one."""
    if len(sums) <= EXACT:
        flips = 1 - 2 * ((np.arange(1 << len(sums))[:, None] >> np.arange(len(sums))) & 1)
        extra = 0
    else:
        flips = np.random.default_rng(seed).choice(np.array([-1, 1]), (RESAMPLES, len(sums)))
        extra = 1  # the real one counts as one of the draws
    found = np.abs(flips @ sums)
    real = abs(sums.sum())
    reached = int((found >= real - 1e-9 * max(real, 1e-300)).sum())
    return (reached + extra) / (len(flips) + extra)


def _by_person(values: np.ndarray, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of each person's values."""
    _, which = np.unique(persons, return_inverse=True)
    which = which.reshape(-1)
    return np.bincount(which, weights=values), np.bincount(which).astype(np.float64)
