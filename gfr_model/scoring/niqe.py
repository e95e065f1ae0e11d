"""NIQE (Mittal, Soundararajan and Bovik, "Making a completely blind image quality analyzer", SPL 2013).

How far the statistics of an image's blocks lie from those of good photographs; the truth is not asked. As the authors'
release takes it, on luma (BT.601, 16 to 235, rounded). A crop of 256 px has four blocks of 96 px, few for a covariance:
compare means of many images only.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import convolve1d
from scipy.special import gamma
from torch import Tensor

from gfr_model.learned_metrics import LearnedMetric
from gfr_model.scoring.metrics import luma
from manifests import DataError, hash_file
from manifests.degradation.resampling import bicubic
from manifests.weights import require

NIQE = "niqe"  # name of its model among the weights
BLOCK = 96  # px of the larger scale
SHAPES = np.arange(0.2, 10.001, 0.001)  # of the distributions that are tried
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))  # (E|x|)^2 / E x^2 of each
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # to a pixel's neighbours
FEATURES = 2 + 4 * len(SHIFTS)  # of a block at one scale


@dataclass(frozen=True)
class Model:
    """What good photographs are like."""

    mean: np.ndarray  # (36,)
    covariance: np.ndarray  # (36, 36)


def open_niqe(given: Path | str, _device: torch.device, _trusted: bool) -> LearnedMetric:
    """NIQE of the first of two batches (B, 3, H, W), RGB in [0, 1]: by the model called `niqe`, or its file.

    Raises DataError when it is missing or something else.
    """
    path = require("--niqe-weights", given, NIQE)
    model = load_niqe(path)

    def measure(images: Tensor, _truth: Tensor, _points: Tensor) -> Tensor:
        lumas = luma(255 * images.double()).cpu().numpy()
        return torch.tensor([niqe(one[0], model) for one in lumas], dtype=torch.float64)

    return LearnedMetric(measure, NIQE if str(given) == NIQE else hash_file(path)[:12])


def load_niqe(path: Path) -> Model:
    """Read BasicSR's `niqe_pris_params.npz`, the authors' model. Raises DataError for anything else."""
    try:
        with np.load(path, allow_pickle=False) as found:
            model = Model(found["mu_pris_param"].reshape(-1), found["cov_pris_param"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not NIQE's model ({error}); get niqe_pris_params.npz again") from error
    if (model.mean.shape, model.covariance.shape) != ((2 * FEATURES,), (2 * FEATURES,) * 2):
        raise DataError(f"{path} is not NIQE's model, whose blocks have {2 * FEATURES} features each")
    return model


def niqe(grey: np.ndarray, model: Model) -> float:
    """NIQE of luma `grey` (H, W), grey levels: eq. 10; less is better, NaN where no two blocks have any contrast.

    Raises ValueError for an image that has not two blocks of BLOCK px.
    """
    height, width = (side // BLOCK * BLOCK for side in grey.shape)
    if height * width < 2 * BLOCK**2:
        raise ValueError(f"NIQE needs two blocks of {BLOCK} px, but the image is {grey.shape[1]}x{grey.shape[0]} px")
    image = grey[:height, :width].astype(np.float64).round()
    half = bicubic(height, height // 2) @ image @ bicubic(width, width // 2).T
    blocks = np.hstack([_features(image, BLOCK), _features(half, BLOCK // 2)])
    whole = blocks[~np.isnan(blocks).any(axis=1)]
    if len(whole) < 2:
        return float("nan")
    off = model.mean - np.nanmean(blocks, axis=0)
    inverse = np.linalg.pinv((model.covariance + np.cov(whole, rowvar=False)) / 2)
    return float(np.sqrt(off @ inverse @ off))


def _features(image: np.ndarray, block: int) -> np.ndarray:
    """Eq. 1's normalised luma, of each block the parameters of its values and of products of neighbours: (N, 18)."""
    mean = _blurred(image)
    normalised = (image - mean) / (np.sqrt(np.abs(_blurred(image**2) - mean**2)) + 1)
    rows, columns = (side // block for side in image.shape)
    parts = normalised.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(-1, block, block)
    return np.array([_of_block(part) for part in parts])


def _of_block(block: np.ndarray) -> list[float]:
    shape, left, right = _asymmetric(block)
    found = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = _asymmetric(block * np.roll(block, shift, axis=(0, 1)))
        found += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return found


def _asymmetric(values: np.ndarray) -> tuple[float, float, float]:
    """Shape and the two scales of the asymmetric generalised Gaussian with the moments of `values`; NaN of one sign."""
    below, above = values[values < 0], values[values > 0]
    if not len(below) or not len(above):
        return (float("nan"),) * 3
    left, right = np.sqrt(np.square(below).mean()), np.sqrt(np.square(above).mean())
    ratio = left / right
    wanted = np.abs(values).mean() ** 2 / np.square(values).mean()
    wanted *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = SHAPES[np.argmin((RATIOS - wanted) ** 2)]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return float(shape), float(left * scale), float(right * scale)


def _blurred(image: np.ndarray) -> np.ndarray:
    """7x7 Gaussian of 7/6 px, borders replicated."""
    window = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    window /= window.sum()
    for axis in (0, 1):
        image = convolve1d(image, window, axis, mode="nearest")
    return image
