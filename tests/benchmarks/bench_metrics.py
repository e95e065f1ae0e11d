"""How fast PSNR and SSIM are, beside scikit-image and, where they are installed, torchmetrics and piqa.

    python tests/benchmarks/bench_metrics.py [IMAGES] [--device cuda] [--threads N]

All see the same 256x256 RGB images in 8 bits, and are timed in turn. `difference` is the largest one from scikit-image.
"""

import argparse
import importlib
import os
import platform
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from gfr_model.scoring import metrics

ROUNDS = 7
Measure = Callable[[], np.ndarray]


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    waves = [128 + 90 * np.sin(x / (5 + n)) * np.cos(y / (9 + n)) + rng.normal(0, 9, (256, 256)) for n in range(3)]
    truth = np.stack([np.roll(np.stack(waves, -1), 7 * n, 0) for n in range(count)]).clip(0, 255).astype(np.uint8)
    image = (truth + rng.normal(0, 12, truth.shape)).clip(0, 255).astype(np.uint8)
    return image, truth


def scikit_ssim(image: np.ndarray, truth: np.ndarray) -> float:
    return structural_similarity(
        image, truth, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, data_range=255
    )


def scikit_all(image: np.ndarray, truth: np.ndarray) -> list[float]:
    luma = [rgb2ycbcr(part)[..., :1] for part in (image, truth)]
    return [
        peak_signal_noise_ratio(truth, image, data_range=255),
        scikit_ssim(image, truth),
        peak_signal_noise_ratio(luma[1], luma[0], data_range=255),
        scikit_ssim(*luma),
    ]


def our_all(image: Tensor, truth: Tensor) -> Tensor:
    luma = metrics.luma(image), metrics.luma(truth)
    columns = [metrics.psnr(image, truth), metrics.ssim(image, truth), metrics.psnr(*luma), metrics.ssim(*luma)]
    return torch.stack(columns, 1)


def peers(image: Tensor, truth: Tensor) -> dict[str, Measure]:
    """SSIM of other libraries, in float64 too."""
    found: dict[str, Measure] = {}
    one, other = image.double() / 255, truth.double() / 255
    for name in ("torchmetrics", "piqa"):
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"(without {name}: it is not installed)")
    try:
        from torchmetrics.functional.image import structural_similarity_index_measure as theirs

        found["torchmetrics"] = lambda: theirs(one, other, data_range=1.0, reduction="none").cpu().numpy()
    except ImportError:
        pass
    try:
        from piqa.ssim import SSIM

        judge = SSIM(reduction="none").to(one.device).double()
        found["piqa"] = lambda: judge(one, other).cpu().numpy()
    except ImportError:
        pass
    return found


def race(title: str, measures: dict[str, Measure], count: int) -> None:
    best = dict.fromkeys(measures, float("inf"))
    results = {}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            start = time.perf_counter()
            results[name] = measure()
            best[name] = min(best[name], time.perf_counter() - start)
    wanted = results["scikit-image"]
    for name, seconds in best.items():
        ratio = best["scikit-image"] / seconds
        difference = float(np.abs(results[name] - wanted).max())
        print(f"{title:<34}{name:<14}{1e3 * seconds / count:>9.2f}{ratio:>8.1f}{difference:>12.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=int, nargs="?", default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{options.threads} threads"
    print(f"{platform.machine()}, {os.cpu_count()} cores; torch {torch.__version__} on {where}; best of {ROUNDS}")
    print(f"{'what':<34}{'who':<14}{'ms/image':>9}{'ratio':>8}{'difference':>12}")
    image, truth = pictures(options.images)
    tensors = [torch.from_numpy(part).permute(0, 3, 1, 2).contiguous().to(options.device) for part in (image, truth)]
    both = list(zip(image, truth, strict=True))
    ssim: dict[str, Measure] = {
        "scikit-image": lambda: np.array([scikit_ssim(a, b) for a, b in both]),
        "ours": lambda: metrics.ssim(*tensors).cpu().numpy(),
    }
    race("SSIM, RGB", ssim | peers(*tensors), options.images)
    everything: dict[str, Measure] = {
        "scikit-image": lambda: np.array([scikit_all(a, b) for a, b in both]),
        "ours": lambda: our_all(*tensors).cpu().numpy(),
    }
    race("PSNR and SSIM, RGB and Y", everything, options.images)


if __name__ == "__main__":
    main()
