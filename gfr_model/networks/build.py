"""The networks of a configuration: the model that `models.py` describes, and its discriminators. All are called alike.

A new network gets its line here and in `models.py`.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from gfr_model.config import TrainConfig
from gfr_model.models import GFRNET, LAYERS, POINTS, Model
from gfr_model.networks.attentive import Shape
from gfr_model.networks.baselines.arcnn import ArCnn
from gfr_model.networks.baselines.critics import DeepDeblurCritic, SrganCritic
from gfr_model.networks.baselines.deblurgan import DeblurGan
from gfr_model.networks.baselines.deepdeblur import DeepDeblur
from gfr_model.networks.baselines.dncnn import DnCnn
from gfr_model.networks.baselines.memnet import MemNet
from gfr_model.networks.baselines.srcnn import Srcnn
from gfr_model.networks.baselines.srgan import Srgan
from gfr_model.networks.baselines.vdsr import Vdsr
from gfr_model.networks.discriminators import PatchDiscriminator
from gfr_model.networks.gfrnet import Alignment, GfrNet, Restoration
from gfr_model.networks.layered import Layered
from gfr_model.networks.layers import Norm
from gfr_model.networks.points import Landmarks, PointsNet

# The networks of other papers from what `models.py` says; `norm` is of interest to those with batch norm.
BASELINES: dict[str, Callable[[Model, Norm], nn.Module]] = {
    "srcnn": lambda model, norm: Srcnn(),
    "vdsr": lambda model, norm: Vdsr(),
    "srgan": lambda model, norm: Srgan(guided=model.guided, norm=norm),
    "deblurgan": lambda model, norm: DeblurGan(guided=model.guided),
    "deepdeblur": lambda model, norm: DeepDeblur(),
    "dncnn": lambda model, norm: DnCnn(guided=model.guided, norm=norm),
    "memnet": lambda model, norm: MemNet(norm),
    "arcnn": lambda model, norm: ArCnn(guided=model.guided),
}

# The discriminators that a Game names, from the configured width; those of other papers see the image alone.
CRITICS: dict[str, Callable[[int, Norm], nn.Module]] = {
    "patches of all": lambda width, norm: PatchDiscriminator(width),
    "patches": lambda width, norm: PatchDiscriminator(width, images=1),
    "srgan": SrganCritic,
    "deepdeblur": lambda width, norm: DeepDeblurCritic(max(1, width // 2)),
}


class Baseline(nn.Module):
    """A network of another paper, called like GFRNet. What it makes is cut to [0, 1] outside training."""

    def __init__(self, network: nn.Module, guided: bool) -> None:
        super().__init__()
        self.network, self.guided = network, guided
        self.warpnet = None

    def forward(self, degraded: Tensor, guide: Tensor) -> Restoration:
        """Restore `degraded` (B, 3, S, S) in [0, 1]; `guide`, of the same shape, is left aside by the plain ones."""
        made = self.network(degraded, guide) if self.guided else self.network(degraded)
        restored, *further = made if isinstance(made, tuple) else (made,)
        if self.training:
            return Restoration(restored, further=tuple(further))
        return Restoration(restored.clamp(0, 1))


class LandmarkFinder(nn.Module):
    """PointsNet alone, called like GFRNet, and with the parameters' names that it has there."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.points = PointsNet(width, hidden)
        self.guided, self.warpnet = True, None

    def forward(self, degraded: Tensor, guide: Tensor) -> Restoration:
        """Find the landmarks of both images (B, 3, S, S) in [0, 1]; `degraded` comes back as it is."""
        found = self.points(torch.cat((degraded, guide)))  # together: batch norm sees bad and good images
        first, second = (Landmarks(*part) for part in zip(*(v.chunk(2) for v in found), strict=True))
        return Restoration(degraded, target_landmarks=first, guide_landmarks=second)


def build_network(config: TrainConfig) -> GfrNet | Baseline | LandmarkFinder | Layered:
    """Make the network that a configuration names. Raises ConfigError for an unknown one, naming the known ones."""
    model, norm = config.made_of, _norm(config)
    if model.network == GFRNET:
        return GfrNet(
            model,
            config.width,
            norm,
            config.output_skip,
            config.image_size,
            alignment=cast(Alignment, config.alignment),
            attentive=_attentive(config) if config.recnet == "attentive" else None,
            validity=config.validity,
            warp_size=config.warp_size,
            points_width=config.points_width,
            points_hidden=config.points_hidden,
            self_ensemble=config.self_ensemble,
            positions=config.warp_output == "position",
        )
    if model.network == POINTS:
        return LandmarkFinder(config.points_width, config.points_hidden)
    if model.network == LAYERS:
        return Layered(config.layers, config.image_size)
    return Baseline(BASELINES[model.network](model, norm), model.guided)


def build_critics(config: TrainConfig) -> nn.ModuleDict:
    """Make the discriminators, 'global' and 'local', whose losses have a weight."""
    weights = {"global": config.lambda_adv_global, "local": config.lambda_adv_local}
    make = CRITICS[config.made_of.objective.game.critic]
    return nn.ModuleDict({name: make(config.discriminator_width, _norm(config)) for name, w in weights.items() if w})


def _attentive(config: TrainConfig) -> Shape:
    return Shape(config.width, config.unshuffle, config.blocks, config.attention_levels, config.attention_radius)


def _norm(config: TrainConfig) -> Norm:
    """Batch norm of a single image is instance norm, which is scored as it was trained: averages lose decibels."""
    return "batch" if config.norm == "batch" and config.batch_size > 1 else "instance"
