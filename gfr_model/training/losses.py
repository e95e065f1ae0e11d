"""The losses (§3.3), each a pure function of tensors that returns one scalar.

They are computed in float32 at least, whatever type the networks work in. Positions are in [-1, 1] (see `warp`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.device import full_precision
from gfr_model.networks.warp import identity_flow, in_frame, sample_flow


def l2_loss(restored: Tensor, target: Tensor) -> Tensor:
    """eq. 6, first term: squared distance of two batches (B, 3, H, W), mean over all values.

    The paper writes a norm and leaves open whether it is a sum or a mean; the mean is a decision.
    """
    return (full_precision(restored) - full_precision(target)).square().mean()


def face_loss(restored: Tensor, target: Tensor, face: Tensor) -> Tensor:
    """Squared distance of two batches (B, 3, H, W) where `face` (B, 1, H, W) is 1, mean over those values of all."""
    square = (full_precision(restored) - full_precision(target)).square().mean(dim=1, keepdim=True)
    return (square * face).sum() / face.sum().clamp_min(1)


def identity_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of two faces' embeddings (B, D), mean over the batch."""
    return 1 - F.cosine_similarity(full_precision(found).flatten(1), full_precision(wanted).flatten(1)).mean()


def perceptual_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """eq. 5: squared distance of two feature maps (B, C, H, W) over C H W, mean over the batch."""
    return (full_precision(found) - full_precision(wanted)).square().mean()


def discriminator_loss(real: Tensor, fake: Tensor, *, real_label: float = 0.9, fake_label: float = 0.0) -> Tensor:
    """eq. 7 as the discriminator sees it, with smoothed labels; logits of real and of restored images."""
    return _cross_entropy(real, real_label) + _cross_entropy(fake, fake_label)


def generator_loss(fake: Tensor, label: float = 0.9) -> Tensor:
    """eq. 7 as the restoring network sees it: the discriminator's logits of its images should say `label`.

    Like pix2pix it maximises log D instead of minimising log(1 - D), whose gradient vanishes when it loses.
    """
    return _cross_entropy(fake, label)


def wasserstein_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What a Wasserstein critic minimises: how much higher it values restored images than real ones, means."""
    return full_precision(fake).mean() - full_precision(real).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Gulrajani et al. (2017), eq. 3, without its weight: (|gradient of the critic's value| - 1)^2, mean over images.

    Taken between images (B, 3, H, W), at `share` (B, 1, 1, 1) of the real one. The value of an image is the mean over
    its patches, its gradient's norm one over all of its pixels.
    """
    between = (share * full_precision(real) + (1 - share) * full_precision(fake)).detach().requires_grad_()
    values = full_precision(critic(between)).flatten(1).mean(dim=1)
    (gradient,) = torch.autograd.grad(values.sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def landmark_loss(flow: Tensor, target_points: Tensor, guide_points: Tensor, *, reduction: str = "sum") -> Tensor:
    """eq. 9: at the target's landmarks the flow should look at the guide's.

    Flow (B, 2, H, W), points (B, 68, 2); sum or mean over points and coordinates, mean over the batch. A point outside
    either crop stays out: the flow is not defined there, and no flow should be drawn beyond the guide.
    """
    known = (in_frame(target_points) & in_frame(guide_points))[..., None]
    target_points, guide_points = (torch.where(known, points, 0) for points in (target_points, guide_points))
    missed = (sample_flow(flow, target_points) - full_precision(guide_points)).square() * known
    if reduction == "mean":
        return missed.sum() / (2 * known.sum()).clamp_min(1)
    return missed.sum() / len(flow)


def tv_loss(flow: Tensor, *, literal: bool = False, reduction: str = "sum") -> Tensor:
    """eq. 10: squared forward differences of the flow's displacement, flow minus identity (B, 2, H, W).

    Sum or mean over the map, mean over the batch. The paper leaves open whether its flow is a position or a
    displacement. Minimised over a free flow, eq. 11 with positions pulls the whole guide together until a face fills
    the crop, and misses the landmarks all the same; with displacements it moves faces as one would by hand, and the
    identity costs nothing. `literal` takes positions. It leaves the reduction open, too: the authors' trainer of 2018
    took means over the map; with the same weight, the sum smooths more, and that was all that two runs differed in
    (tests/benchmarks/guidance.md): it is what the preset `paper` takes.
    """
    flow = full_precision(flow)
    moved = flow if literal else flow - identity_flow(flow.shape[-2], flow.shape[-1], flow.device, flow.dtype)
    along_x, along_y = moved.diff(dim=-1).square(), moved.diff(dim=-2).square()
    if reduction == "mean":
        return along_x.mean() + along_y.mean()
    return (along_x.sum() + along_y.sum()) / len(flow)


def points_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean Euclidean distance of found landmarks from the annotated ones, both (B, N, 2)."""
    return (full_precision(found) - full_precision(wanted)).norm(dim=-1).mean()


def spread_loss(found: Tensor, spread: Tensor, wanted: Tensor) -> Tensor:
    """Negative log likelihood of the distances under a Laplace law of scale `spread` (B, N), without its constant.

    Found and wanted landmarks (B, N, 2); mean. It is lowest where a point's spread is half of its distance on average:
    the spread then says how far off a point will be. Without it heatmaps stay as broad as they began.
    """
    distance = (full_precision(found) - full_precision(wanted)).norm(dim=-1)
    return (distance / spread + 2 * spread.log()).mean()


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    logits = full_precision(logits)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
