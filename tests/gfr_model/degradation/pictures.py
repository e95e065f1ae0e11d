"""Pictures that tests degrade, and what they demand of both batched forms."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gfr_model.degradation.batch import degrade_batch
from manifests.degradation.chains import ChainDraws
from manifests.degradation.draws import Draws


def tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def shapes(count: int, size: int = 256) -> np.ndarray:
    """Discs, edges and ramps: (count, size, size, 3) uint8, where rounding is at its hardest."""
    y, x = np.mgrid[:size, :size] / size
    images = []
    for seed in range(count):
        generator = np.random.default_rng(seed)
        image = generator.uniform(0, 255, 3) + (x[..., None] * generator.uniform(-99, 99, 3)).round()
        for _ in range(30):
            centre, radius = generator.uniform(0, 1, 2), generator.uniform(0.01, 0.2)
            image[np.hypot(x - centre[0], y - centre[1]) < radius] = generator.integers(0, 256, 3)
        images.append(image.clip(0, 255))
    return np.stack(images).astype(np.uint8)


def photographs(folder: Path, count: int) -> np.ndarray:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))[:count]
    pictures = [Image.open(file).convert("RGB").resize((256, 256), Image.Resampling.BICUBIC) for file in files]
    return np.stack([np.asarray(picture) for picture in pictures])


def demand_no_waiting(images: torch.Tensor, draws: Draws | ChainDraws) -> None:
    """Degrading on a CUDA device never makes the host wait for it, once it is warm."""
    on_device = images.cuda()
    degrade_batch(on_device, draws)
    torch.cuda.set_sync_debug_mode("error")
    try:
        degrade_batch(on_device, draws)
    finally:
        torch.cuda.set_sync_debug_mode("default")
