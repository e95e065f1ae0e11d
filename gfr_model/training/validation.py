"""Validation: the whole split, each pair with one degradation that never changes."""

import numpy as np
import torch
from torch import Tensor

from gfr_model.networks.warp import sample_flow
from gfr_model.pictures import flow_picture, grid, to_levels
from gfr_model.training.batches import Feed, Inputs
from gfr_model.training.processes import World, average
from gfr_model.training.step import Learner

BATCH = 16  # pairs at a time where the training batch is smaller
LARGEST = 64  # and at most


def validate(
    learner: Learner, feed: Feed, world: World, batches: int | None = None, samples: int = 0
) -> tuple[dict[str, float], np.ndarray]:
    """Restore the split, or its first `batches` batches, and say how well; each process does its part.

    Returns means over the pairs, and a picture of the first `samples` pairs, (H, W, 3) uint8:
    reconstruction (eq. 6), psnr and psnr_degraded (dB, mean over images), and where there is a WarpNet landmark_error
    and landmark_error_unwarped (px, mean over points).
    """
    size = min(max(BATCH, learner.config.batch_size), LARGEST)
    parts = np.array_split(np.arange(len(feed)), max(1, -(-len(feed) // size)))[:batches]
    sums: dict[str, Tensor] = {}
    for part in parts[world.rank :: world.size]:
        for name, value in _measure(learner, feed.validation(part)).items():
            sums[name] = sums.get(name, 0.0) + value
    names = [sorted(sums)]
    if world.size > 1:  # of the first process: another may have had no batch
        torch.distributed.broadcast_object_list(names, src=0, device=world.device)
    total = torch.stack([torch.as_tensor(sums.get(name, 0.0), device=world.device).double() for name in names[0]])
    average([total], world)
    count = sum(len(part) for part in parts)
    means = {name: value * world.size / count for name, value in zip(names[0], total.tolist(), strict=True)}
    picture = _picture(learner, feed.validation(np.arange(min(samples, len(feed))))) if samples else np.zeros(0)
    return means, picture


def _measure(learner: Learner, inputs: Inputs) -> dict[str, Tensor]:
    """Sums over a batch."""
    found = learner.restore(inputs)
    count = len(inputs.target)
    values = {
        "reconstruction": learner.reconstruction(found, inputs) * count,
        "psnr": _psnr(found.restored, inputs.target).sum(),
        "psnr_degraded": _psnr(inputs.degraded, inputs.target).sum(),
    }
    if found.flow is not None:
        half = (inputs.target.shape[-1] - 1) / 2  # px per unit
        looked_at = sample_flow(found.flow, inputs.target_points)
        values["landmark_error"] = _distance(looked_at, inputs.guide_points).sum() * half
        values["landmark_error_unwarped"] = _distance(inputs.target_points, inputs.guide_points).sum() * half
    return values


def _psnr(image: Tensor, truth: Tensor) -> Tensor:
    """PSNR of each image, (B,) dB, values not rounded to 8 bits."""
    error = (image.clamp(0, 1) - truth).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp_min(1e-10))


def _distance(points: Tensor, others: Tensor) -> Tensor:
    return (points - others).norm(dim=-1).mean(dim=1)


def _picture(learner: Learner, inputs: Inputs) -> np.ndarray:
    found = learner.restore(inputs)
    columns = {"input": _bytes(inputs.degraded), "guide": _bytes(inputs.guide)}
    if found.warped is not None:
        columns["warped guide"] = _bytes(found.warped)
    columns |= {"output": _bytes(found.restored), "truth": _bytes(inputs.target)}
    if found.flow is not None:
        columns["flow"] = flow_picture(found.flow.float().cpu().numpy())
    return grid(columns)


def _bytes(images: Tensor) -> np.ndarray:
    return to_levels(images).permute(0, 2, 3, 1).cpu().numpy()
