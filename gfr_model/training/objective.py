"""What training minimises: eq. 12, or what a baseline's own paper has. Every part has its name and weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.config import TrainConfig
from gfr_model.device import at_precision
from gfr_model.landmarks import face_masks
from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.warp import to_pixels
from gfr_model.training import losses
from gfr_model.training.adversarial import adversarial_parts
from gfr_model.training.batches import Inputs
from gfr_model.training.parts import Parts, total, values_of


@dataclass(frozen=True)
class Judges:
    """Networks of others that the losses ask; they are not trained."""

    perceptual: nn.Module | None = None  # VGG-Face's features
    # Images (B, 3, S, S) in [0, 1] and their landmarks (B, 68, 2) to embeddings (B, D).
    identity: Callable[[Tensor, Tensor], Tensor] | None = None
    vgg19: nn.Module | None = None  # VGG19's features, which other papers compare


@dataclass(frozen=True)
class Losses:
    """The losses of one batch by name, and what to descend on."""

    network: Tensor  # eq. 12
    critics: Tensor | None  # eq. 7 of all discriminators; None where they have turns of their own
    values: dict[str, Tensor]  # each loss, without its weight and its graph


def objective(
    found: Restoration,
    inputs: Inputs,
    critics: nn.ModuleDict,
    judges: Judges,
    config: TrainConfig,
    seen: Inputs | None = None,  # the window of `inputs` that was restored, None for all of it
) -> Losses:
    """The losses of a restored batch: eq. 12 is eq. 6, eq. 11 and eq. 8 together, each where the model has it."""
    seen = seen or inputs
    parts = reconstruction_parts(found, seen, judges, config)
    if found.flow is not None and config.made_of.has_flow_losses:
        parts |= flow_parts(found.flow, inputs, config)
    against_critics, of_critics = adversarial_parts(found.restored, seen, critics, config)
    parts |= against_critics
    if not of_critics or config.made_of.objective.game.turns:
        return Losses(total(parts), None, values_of(parts))
    return Losses(total(parts), total(of_critics), values_of(parts | of_critics))


def reconstruction_parts(found: Restoration, inputs: Inputs, judges: Judges, config: TrainConfig) -> Parts:
    """eq. 6: closeness to the truth in pixels, in VGG-Face's features, a baseline's in VGG19's; in face and identity.

    Of a network that only finds landmarks: how far off they are.
    """
    if "points" in config.made_of.objective.losses:
        return points_parts(found, inputs, config)
    restored = found.restored.to(inputs.target.dtype)
    parts: Parts = {"l2": (config.lambda_l2, losses.l2_loss(restored, inputs.target))}
    if found.further:  # all results weigh alike
        count = 1 + len(found.further)
        parts["l2"] = config.lambda_l2 / count, parts["l2"][1]
        parts["l2_further"] = config.lambda_l2 / count, _further_loss(found.further, inputs.target)
    if config.lambda_face > 0:
        parts["face"] = config.lambda_face, losses.face_loss(restored, inputs.target, faces_of(inputs))
    if judges.perceptual is not None and config.lambda_perceptual > 0:
        loss = losses.perceptual_loss(*_judged(judges.perceptual, restored, inputs, config))
        parts["perceptual"] = config.lambda_perceptual, loss
    if judges.vgg19 is not None and config.lambda_vgg19 > 0:
        loss = losses.perceptual_loss(*_judged(judges.vgg19, restored, inputs, config))
        parts["vgg19"] = config.lambda_vgg19, loss
    if judges.identity is not None and config.lambda_identity > 0:
        loss = losses.identity_loss(*_judged(judges.identity, restored, inputs, config, inputs.target_points))
        parts["identity"] = config.lambda_identity, loss
    return parts


def _further_loss(results: Sequence[Tensor], target: Tensor) -> Tensor:
    """The sum of the squared errors of further results, each against the truth reduced to its size by areas."""
    errors = (losses.l2_loss(one.to(target.dtype), F.adaptive_avg_pool2d(target, one.shape[-1])) for one in results)
    return torch.stack(list(errors)).sum()


def faces_of(inputs: Inputs) -> Tensor:
    """1 inside the hull of the targets' landmarks, else 0: (B, 1, S, S)."""
    size = inputs.target.shape[-1]
    return face_masks(to_pixels(inputs.target_points, size), size)[:, None].to(inputs.target.dtype)


def _judged(
    judge: Callable[..., Tensor], restored: Tensor, inputs: Inputs, config: TrainConfig, *also: Tensor
) -> tuple[Tensor, Tensor]:
    """What a network of others makes of the restored images and of the truth."""
    with at_precision(config.precision, restored.device):
        with torch.no_grad():
            wanted = judge(inputs.target, *also)
        found = judge(restored, *also)
    return found.to(restored.dtype), wanted.to(restored.dtype)


def flow_parts(flow: Tensor, inputs: Inputs, config: TrainConfig) -> Parts:
    """eq. 11: the flow meets the guide's landmarks, and is smooth."""
    flow = flow.to(inputs.target.dtype)
    points, reduction = (inputs.target_points, inputs.guide_points), config.flow_reduction
    return {
        "landmark": (config.lambda_landmark, losses.landmark_loss(flow, *points, reduction=reduction)),
        "tv": (config.lambda_tv, losses.tv_loss(flow, literal=config.tv_of == "position", reduction=reduction)),
    }


def points_parts(found: Restoration, inputs: Inputs, config: TrainConfig) -> Parts:
    """What trains the network of landmarks: it finds those of the observation, and those of the guide."""
    assert found.target_landmarks is not None
    assert found.guide_landmarks is not None
    pairs = zip(found.target_landmarks, found.guide_landmarks, strict=True)
    points, spread = (torch.cat(both).to(inputs.target.dtype) for both in pairs)
    wanted = torch.cat((inputs.target_points, inputs.guide_points))
    return {
        "points": (config.lambda_points, losses.points_loss(points, wanted)),
        "spread": (config.lambda_spread, losses.spread_loss(points, spread, wanted)),
    }
