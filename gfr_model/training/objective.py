"""What training minimises: eq. 12 for the network, eq. 7 for the discriminators. Every part has its name and weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.config import TrainConfig
from gfr_model.device import at_precision
from gfr_model.landmarks import face_masks
from gfr_model.networks.discriminators import crop_boxes, landmark_boxes
from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.warp import to_pixels
from gfr_model.training import losses
from gfr_model.training.batches import Inputs

Parts = dict[str, tuple[float, Tensor]]  # name -> (weight, loss)


@dataclass(frozen=True)
class Judges:
    """Networks of others that the losses ask; they are not trained."""

    perceptual: nn.Module | None = None  # VGG-Face's features
    # Images (B, 3, S, S) in [0, 1] and their landmarks (B, 68, 2) to embeddings (B, D).
    identity: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Objective:
    """The losses of one batch by name, and what to descend on."""

    network: Tensor  # eq. 12
    critics: Tensor | None  # eq. 7 of all discriminators
    values: dict[str, Tensor]  # each loss, without its weight and its graph


def objective(
    found: Restoration,
    inputs: Inputs,
    critics: nn.ModuleDict,
    judges: Judges,
    config: TrainConfig,
    seen: Inputs | None = None,  # the window of `inputs` that was restored, None for all of it
) -> Objective:
    """The losses of a restored batch: eq. 12 is eq. 6, eq. 11 and eq. 8 together, each where the model has it."""
    seen = seen or inputs
    parts = reconstruction_parts(found, seen, judges, config)
    if found.flow is not None and config.made_of.has_flow_losses:
        parts |= flow_parts(found.flow, inputs, config)
    against_critics, of_critics = adversarial_parts(found.restored, seen, critics, config)
    parts |= against_critics
    against = total(of_critics) if of_critics else None
    return Objective(total(parts), against, values_of(parts | of_critics))


def reconstruction_parts(found: Restoration, inputs: Inputs, judges: Judges, config: TrainConfig) -> Parts:
    """eq. 6: closeness to the truth in pixels, and in VGG-Face's features; beyond the paper in the face and identity.

    Of a network that only finds landmarks: how far off they are.
    """
    if "points" in config.made_of.losses:
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


def adversarial_parts(
    restored: Tensor, inputs: Inputs, critics: nn.ModuleDict, config: TrainConfig
) -> tuple[Parts, Parts]:
    """eq. 8, the network against the discriminators; and eq. 7, what these minimise themselves.

    A discriminator looks at the restored image once: both losses share that forward pass.
    """
    network, own = {}, {}
    weights = {"global": config.lambda_adv_global, "local": config.lambda_adv_local}
    for name, critic in critics.items():
        degraded, guide, real, fake = view(name, restored, inputs)
        with at_precision(config.precision, restored.device):
            on_real, on_fake = critic(degraded, guide, real), critic(degraded, guide, fake)
        on_real, on_fake = on_real.to(inputs.target.dtype), on_fake.to(inputs.target.dtype)
        labels = {"real_label": config.label_real, "fake_label": config.label_fake}
        network[f"adversarial_{name}"] = weights[name], losses.generator_loss(on_fake, label=config.label_real)
        own[f"critic_{name}"] = 1.0, losses.discriminator_loss(on_real, on_fake, **labels)
    return network, own


def view(name: str, restored: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What a discriminator sees of (degraded, guide, real, restored): the local one only the face.

    The paper does not say where the local one looks in the guide; here at the guide's own face.
    """
    if name == "global":
        return inputs.degraded, inputs.guide, inputs.target, restored
    size = restored.shape[-1] // 2
    face, guide_face = landmark_boxes(inputs.target_points), landmark_boxes(inputs.guide_points)
    degraded, real, fake = (crop_boxes(image, face, size) for image in (inputs.degraded, inputs.target, restored))
    return degraded, crop_boxes(inputs.guide, guide_face, size), real, fake


def total(parts: Parts) -> Tensor:
    """The weighted sum of at least one part."""
    first, *others = (weight * loss for weight, loss in parts.values())
    return sum(others, start=first)


def values_of(parts: Parts) -> dict[str, Tensor]:
    """Each loss without its weight and its graph."""
    return {name: loss.detach() for name, (_, loss) in parts.items()}
