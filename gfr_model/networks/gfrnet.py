"""GFRNet: WarpNet and RecNet together, or what its ablations leave of them (§3.1, §4.5)."""

from typing import NamedTuple

from torch import Tensor, nn

from gfr_model.models import MODELS, Model
from gfr_model.networks.layers import Norm
from gfr_model.networks.recnet import RecNet
from gfr_model.networks.warp import warp
from gfr_model.networks.warpnet import WarpNet


class Restoration(NamedTuple):
    """What a network makes of a batch."""

    restored: Tensor  # (B, 3, S, S) in [0, 1], eq. 3
    warped: Tensor | None  # (B, 3, S, S) in [0, 1], the warped guidance, eq. 2
    flow: Tensor | None  # (B, 2, S, S) in [-1, 1], eq. 1


class GfrNet(nn.Module):
    """Restores a degraded face with the help of another photograph of the same person."""

    def __init__(
        self,
        made_of: Model = MODELS["full"],
        width: int = 64,  # channels after the first convolution, before widening
        norm: Norm = "instance",
        output_skip: bool = False,  # see RecNet
        image_size: int = 256,  # px, a power of two
    ) -> None:
        super().__init__()
        width *= made_of.widening
        self.image_size = image_size
        self.guided = made_of.guided
        self.warpnet = WarpNet(width, norm, image_size) if made_of.warps else None
        self.recnet = RecNet(width, norm, image_size, 6 if made_of.guided else 3, output_skip)

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
