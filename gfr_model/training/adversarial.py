"""The adversarial losses: the network against its discriminators, and what these minimise, by the rules of its game.

GFRNet's are eq. 8 and 7; a baseline plays as its own paper does (`Game` in models.py).
"""

from functools import partial

import torch
from torch import Tensor, nn

from gfr_model.config import TrainConfig
from gfr_model.device import at_full_precision, at_precision
from gfr_model.networks.discriminators import crop_boxes, landmark_boxes
from gfr_model.training import losses
from gfr_model.training.batches import Inputs
from gfr_model.training.parts import Parts


def adversarial_parts(
    restored: Tensor, inputs: Inputs, critics: nn.ModuleDict, config: TrainConfig
) -> tuple[Parts, Parts]:
    """eq. 8, the network against the discriminators; and eq. 7, what these minimise themselves.

    A discriminator looks at the restored image once: both losses share that forward pass.
    """
    network, own = {}, {}
    weights = {"global": config.lambda_adv_global, "local": config.lambda_adv_local}
    for name, critic in critics.items():
        given, real, fake = seen_by(name, restored, inputs, config)
        with at_precision(config.precision, restored.device):
            on_real, on_fake = critic(*given, real), critic(*given, fake)
        on_real, on_fake = on_real.to(inputs.target.dtype), on_fake.to(inputs.target.dtype)
        against, of_critic = _played(on_real, on_fake, config)
        network[f"adversarial_{name}"] = weights[name], against
        own[f"critic_{name}"] = 1.0, of_critic
    return network, own


def critic_parts(restored: Tensor, inputs: Inputs, critics: nn.ModuleDict, config: TrainConfig, share: Tensor) -> Parts:
    """What the discriminators minimise in a turn of their own, the restored images held still.

    `share` (B, 1, 1, 1) of the truth is in the images at which a gradient is penalised, where the game has a penalty.
    """
    restored = restored.detach()
    _, parts = adversarial_parts(restored, inputs, critics, config)
    if penalty := config.made_of.objective.game.penalty:
        for name, critic in critics.items():
            given, real, fake = seen_by(name, restored, inputs, config)
            with at_full_precision(restored.device):
                parts[f"penalty_{name}"] = penalty, losses.gradient_penalty(partial(critic, *given), real, fake, share)
    return parts


def seen_by(
    name: str, restored: Tensor, inputs: Inputs, config: TrainConfig
) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    """What a discriminator sees beside the image that it judges, the real one, and the restored one."""
    degraded, guide, real, fake = view(name, restored, inputs)
    if config.made_of.objective.game.conditional:
        return (degraded, guide), real, fake
    return (), 2 * real - 1, 2 * fake.to(real.dtype) - 1


def view(name: str, restored: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What a discriminator may see of (degraded, guide, real, restored): the local one only the face.

    The paper does not say where the local one looks in the guide; here at the guide's own face.
    """
    if name == "global":
        return inputs.degraded, inputs.guide, inputs.target, restored
    size = restored.shape[-1] // 2
    face, guide_face = landmark_boxes(inputs.target_points), landmark_boxes(inputs.guide_points)
    degraded, real, fake = (crop_boxes(image, face, size) for image in (inputs.degraded, inputs.target, restored))
    return degraded, crop_boxes(inputs.guide, guide_face, size), real, fake


def draw_share(inputs: Inputs) -> Tensor:
    """Draw the share of `critic_parts`, (B, 1, 1, 1) in [0, 1)."""
    return torch.rand(len(inputs.target), 1, 1, 1, device=inputs.target.device, dtype=inputs.target.dtype)


def _played(on_real: Tensor, on_fake: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """The losses of network and discriminator: of Wasserstein's game or, with labels, of cross-entropy."""
    if config.made_of.objective.game.penalty:
        return -on_fake.mean(), losses.wasserstein_loss(on_real, on_fake)
    labels = {"real_label": config.label_real, "fake_label": config.label_fake}
    against = losses.generator_loss(on_fake, label=config.label_real)
    return against, losses.discriminator_loss(on_real, on_fake, **labels)
