"""How far what a method makes of many images lies from their truths as a set: KID and Fréchet distance."""

from typing import NamedTuple

import numpy as np
import pandas as pd

SETS = ("kid", "kid_spread", "frechet")  # columns of a table's results
SUBSETS, LARGEST = 100, 1000  # of KID, and images in each at most (Bińkowski et al., ICLR 2018)
LEAST = 20  # images below which a set says nothing


class Kid(NamedTuple):
    """KID and how much it differs between subsets."""

    mean: float
    spread: float  # standard deviation


def kid(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Kid:
    """Kernel inception distance of two sets of features (N, D), (M, D): unbiased MMD^2, kernel (x.y/D + 1)^3.

    Over SUBSETS of half the smaller set, LARGEST images at most, drawn without replacement from each by `seed`.
    Bińkowski et al., "Demystifying MMD GANs", ICLR 2018. Raises ValueError for fewer than four images.
    """
    size = min(LARGEST, min(len(first), len(second)) // 2)
    if size < 2:
        raise ValueError(f"KID needs four images of each set, but there are {len(first)} and {len(second)}")
    generator = np.random.default_rng(seed)
    values = [
        mmd(*(features[generator.choice(len(features), size, replace=False)] for features in (first, second)))
        for _ in range(SUBSETS)
    ]
    return Kid(float(np.mean(values)), float(np.std(values, ddof=1)))


def mmd(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased MMD^2 of two sets of features (N, D), (M, D), kernel (x.y/D + 1)^3; it may be below zero."""
    within = 0.0
    for features in (first, second):
        kernel = _kernel(features, features)
        within += (kernel.sum() - kernel.trace()) / (len(features) * (len(features) - 1))
    return float(within - 2 * _kernel(first, second).mean())


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians of two sets of features (N, D), (M, D); of Inception's it is FID.

    |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)), Heusel et al., NeurIPS 2017. The last trace is the sum of the singular
    values of A1 A2^T where C = A^T A, so that covariances without an inverse need no care.
    """
    means: list[np.ndarray] = []
    roots: list[np.ndarray] = []
    for features in (first, second):
        means.append(features.mean(0))
        roots.append(np.asarray(np.linalg.qr((features - means[-1]) / np.sqrt(len(features) - 1), mode="r")))
    variances = sum(np.square(root).sum() for root in roots)
    mixed = np.linalg.norm(roots[0] @ roots[1].T, "nuc")
    return float(np.square(means[0] - means[1]).sum() + variances - 2 * mixed)


def distances(rows: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    """SETS of a method's rows of one split and scale, mean over its runs; NaN where there are too few features."""
    found = []
    for _, run in rows.groupby("seed"):
        known = run.dropna(subset=["features", "truth_features"])
        if len(known) >= LEAST:
            restored, truth = (_stacked(known[name]) for name in ("features", "truth_features"))
            found.append((*kid(restored, truth, seed), frechet(restored, truth)))
    values = np.mean(found, axis=0) if found else np.full(len(SETS), np.nan)
    return dict(zip(SETS, values.tolist(), strict=True))


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    kernel: np.ndarray = (first @ second.T / first.shape[1] + 1) ** 3
    return kernel


def _stacked(features: pd.Series) -> np.ndarray:
    """The bytes of each row as a row of float64, (N, D)."""
    return np.stack([np.frombuffer(one, "<f4") for one in features]).astype(np.float64)
