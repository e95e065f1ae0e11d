"""GFRNet: WarpNet and RecNet together, and the variants of the paper's ablation (§3.1, §4.5)."""

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from gfr_model.config import TrainConfig
from gfr_model.networks.layers import Norm
from gfr_model.networks.recnet import RecNet
from gfr_model.networks.warp import warp
from gfr_model.networks.warpnet import WarpNet
from manifests import ConfigError

if TYPE_CHECKING:
    from gfr_model.networks.baselines.build import Baseline


class Restoration(NamedTuple):
    """What a network makes of a batch."""

    restored: Tensor  # (B, 3, S, S) in [0, 1], eq. 3
    warped: Tensor | None  # (B, 3, S, S) in [0, 1], the warped guidance, eq. 2
    flow: Tensor | None  # (B, 2, S, S) in [-1, 1], eq. 1


class Parts(NamedTuple):
    """What a variant is made of."""

    warps: bool  # has a WarpNet
    guided: bool  # sees the guide
    widening: int  # factor of the width


# '-F' leaves a loss out, not a layer. Ours(R) is the full network with another person's guide, at test time.
VARIANTS = {
    "full": Parts(warps=True, guided=True, widening=1),
    "-F": Parts(warps=True, guided=True, widening=1),
    "-W": Parts(warps=False, guided=True, widening=1),
    "-WG": Parts(warps=False, guided=False, widening=1),
    "-W2": Parts(warps=False, guided=True, widening=2),
    "-WG2": Parts(warps=False, guided=False, widening=2),
}


class GfrNet(nn.Module):
    """Restores a degraded face with the help of another photograph of the same person."""

    def __init__(
        self,
        variant: str = "full",  # one of VARIANTS
        width: int = 64,  # channels after the first convolution
        norm: Norm = "instance",
        output_skip: bool = False,  # see RecNet
        image_size: int = 256,  # px, a power of two
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ConfigError(f"unknown variant {variant!r}; there are {', '.join(VARIANTS)}")
        parts = VARIANTS[variant]
        width *= parts.widening
        self.image_size = image_size
        self.guided = parts.guided
        self.warpnet = WarpNet(width, norm, image_size) if parts.warps else None
        self.recnet = RecNet(width, norm, image_size, 6 if parts.guided else 3, output_skip)

    def forward(self, degraded: Tensor, guide: Tensor) -> Restoration:
        """Restore `degraded` (B, 3, S, S) in [0, 1] with `guide`, which has the same shape and range."""
        check_images(degraded, guide, self.image_size)
        if self.warpnet is None:
            return Restoration(self.recnet(degraded, guide if self.guided else None), None, None)
        flow = self.warpnet(degraded, guide)
        warped = warp(guide, flow)
        return Restoration(self.recnet(degraded, warped), warped, flow)


def check_images(degraded: Tensor, guide: Tensor, size: int) -> None:
    """Raise ValueError unless both are (B, 3, size, size) with one B."""
    for name, image in (("degraded", degraded), ("guide", guide)):
        if tuple(image.shape[1:]) != (3, size, size) or image.shape[0] != degraded.shape[0]:
            wanted = f"({degraded.shape[0]}, 3, {size}, {size})"
            raise ValueError(f"{name} must have shape {wanted}, but is {tuple(image.shape)}")


def build_network(config: TrainConfig) -> "GfrNet | Baseline":
    """Make the network that a configuration names: GFRNet or a baseline. All are called alike.

    Raises ConfigError for an unknown model, naming the known ones.
    """
    norm: Norm = "batch" if config.norm == "batch" else "instance"
    if config.model == "gfrnet":
        return GfrNet(config.variant, config.width, norm, config.output_skip, config.image_size)
    from gfr_model.networks.baselines.build import build_baseline  # which imports this module

    return build_baseline(config.model, norm)
