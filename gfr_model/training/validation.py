"""Validation: the whole split, each pair with one degradation that never changes."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gfr_model.config import TrainConfig
from gfr_model.landmarks import INNER
from gfr_model.networks.spline import similarity
from gfr_model.networks.warp import identity_flow, landmark_error, sample_flow, to_pixels
from gfr_model.pictures import flow_picture, grid, to_levels, with_points
from gfr_model.training.batches import Feed, Inputs
from gfr_model.training.losses import tv_loss
from gfr_model.training.processes import World, average
from gfr_model.training.step import Learner

BATCH = 16  # pairs at a time where the training batch is smaller
LARGEST = 64  # and at most


def validate(
    learner: Learner, feed: Feed, world: World, batches: int | None = None, samples: int = 0
) -> tuple[dict[str, float], np.ndarray]:
    """Restore the split, or its first `batches` batches, and say how well; each process does its part.

    Returns means over the pairs, and a picture of the first `samples` pairs, (H, W, 3) uint8:
    reconstruction (eq. 6), psnr and psnr_degraded (dB, mean over images); where there is a flow, landmark_error (px,
    mean over points), landmark_error_inner (the 51 points inside the face), both beside those of the unwarped guide,
    the latter beside the best similarity's, tv (eq. 10), and what `_finish` says; where landmarks are found, their
    error in observation and guide, px.
    """
    with learner.average.applied():
        return _validate(learner, feed, world, batches, samples)


def _validate(
    learner: Learner, feed: Feed, world: World, batches: int | None, samples: int
) -> tuple[dict[str, float], np.ndarray]:
    parts = batches_of(len(feed), learner.config)[:batches]
    sums: dict[str, Tensor] = {}
    for part in parts[world.rank :: world.size]:
        for name, value in _measure(learner, feed.validation(part)).items():
            sums[name] = sums[name] + value.double() if name in sums else value.double()
    count = sum(len(part) for part in parts)
    means = _finish({name: value / count for name, value in _over_processes(sums, world).items()})
    picture = _picture(learner, feed.validation(np.arange(min(samples, len(feed))))) if samples else np.zeros(0)
    return means, picture


def batches_of(count: int, config: TrainConfig) -> list[np.ndarray]:
    """The numbers of `count` pairs in the batches in which they are validated."""
    size = min(max(BATCH, config.batch_size), LARGEST)
    return np.array_split(np.arange(count), max(1, -(-count // size)))


def _over_processes(sums: dict[str, Tensor], world: World) -> dict[str, Tensor]:
    """The sums over all processes, by the names of the first process: another may have had no batch."""
    shapes = [{name: tuple(sums[name].shape) for name in sorted(sums)}]
    if world.size > 1:
        torch.distributed.broadcast_object_list(shapes, src=0, device=world.device)
    zeros = {name: torch.zeros(shape, dtype=torch.float64, device=world.device) for name, shape in shapes[0].items()}
    both = {name: sums.get(name, zero) for name, zero in zeros.items()}
    average(list(both.values()), world)
    return {name: value * world.size for name, value in both.items()}


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
        values |= _of_flow(found.flow, inputs)
    features = learner.bottleneck(found, inputs)
    if features is not None:
        values["_bottleneck"] = features.abs().amax(dim=(2, 3)).sum(dim=0)
    half = (inputs.target.shape[-1] - 1) / 2  # px per unit
    if found.target_landmarks is not None and found.guide_landmarks is not None:
        points = found.target_landmarks.points, found.guide_landmarks.points
        values["points_error_inner"] = _inner(points[0], inputs.target_points) * half
        values["points_error_inner_guide"] = _inner(points[1], inputs.guide_points) * half
    return values


def _of_flow(flow: Tensor, inputs: Inputs) -> dict[str, Tensor]:
    """How near the flow comes to the guide's landmarks, beside no flow and the best similarity; and the flow itself."""
    size = flow.shape[-1]
    half = (size - 1) / 2
    target, guide = inputs.target_points, inputs.guide_points
    in_px = to_pixels(target, size), to_pixels(guide, size)
    still = identity_flow(size, size, flow.device, flow.dtype)
    looked_at = sample_flow(flow, target)
    matrix, shift = similarity(target[:, INNER], guide[:, INNER])
    moved = target @ matrix.transpose(1, 2) + shift[:, None]
    shifts = (flow - still) * half
    return {
        "landmark_error": landmark_error(flow, *in_px, size).nan_to_num().sum(),
        "landmark_error_unwarped": landmark_error(still.expand_as(flow), *in_px, size).nan_to_num().sum(),
        "landmark_error_inner": _inner(looked_at, guide) * half,
        "landmark_error_inner_unwarped": _inner(target, guide) * half,
        "landmark_error_inner_similarity": _inner(moved, guide) * half,
        "tv": tv_loss(flow) * len(flow),
        "_flow": shifts.sum(dim=0),
        "_flow_square": shifts.square().sum(dim=(0, 1)),
    }


def _finish(means: dict[str, Tensor]) -> dict[str, float]:
    """The means as numbers, those of maps (named _...) as what they say of the flow.

    flow_spread: standard deviation of the displacement over the inputs, px, mean over the map; dead_channels: share of
    WarpNet's bottleneck that is 0 for all inputs.
    """
    found = {name: value.item() for name, value in means.items() if not name.startswith("_")}
    if "_flow" in means:
        variance = means["_flow_square"] - means["_flow"].square().sum(dim=0)
        found["flow_spread"] = variance.clamp_min(0).sqrt().mean().item()
    if "_bottleneck" in means:
        found["dead_channels"] = (means["_bottleneck"] == 0).double().mean().item()
    return found


def _psnr(image: Tensor, truth: Tensor) -> Tensor:
    """PSNR of each image, (B,) dB, values not rounded to 8 bits."""
    error = (image.clamp(0, 1) - truth).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp_min(1e-10))


def _inner(points: Tensor, others: Tensor) -> Tensor:
    return (points[:, INNER] - others[:, INNER]).norm(dim=-1).mean(dim=1).sum()


def _picture(learner: Learner, inputs: Inputs) -> np.ndarray:
    """Rows of pairs: what went in and came out, the landmarks found, and the output with no and with a wrong guide."""
    found = learner.restore(inputs)
    columns = {"input": _bytes(inputs.degraded), "guide": _bytes(inputs.guide)}
    for name, landmarks in (("input", found.target_landmarks), ("guide", found.guide_landmarks)):
        if landmarks is not None:
            points = to_pixels(landmarks.points.float(), inputs.target.shape[-1]).cpu().numpy()
            columns[f"points: {name}"] = with_points(columns[name], points)
    if found.warped is not None:
        columns["warped guide"] = _bytes(found.warped)
    columns |= {"output": _bytes(found.restored), "truth": _bytes(inputs.target)}
    if learner.network.guided and len(inputs.guide) > 1:
        others = {"grey guide": torch.full_like(inputs.guide, 0.5), "next row's guide": inputs.guide.roll(-1, 0)}
        for name, guide in others.items():
            columns[name] = _bytes(learner.restore(replace(inputs, guide=guide)).restored)
    if found.flow is not None:
        columns["flow"] = flow_picture(found.flow.float().cpu().numpy())
    return grid(columns)


def _bytes(images: Tensor) -> np.ndarray:
    return to_levels(images).permute(0, 2, 3, 1).cpu().numpy()
