"""WarpNet: where in the guide each pixel of the degraded observation should look (eq. 1, Fig. 3a)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.device import at_full_precision
from gfr_model.networks.layers import (
    Norm,
    channels_of,
    depth_of,
    encoder,
    initialise,
    initialise_for_relu,
    initialise_smooth,
    last_up,
    up,
)
from gfr_model.networks.warp import identity_flow, warp


class WarpNet(nn.Module):
    """An encoder and a decoder without skips; flow = starting flow + output, or with `positions` tanh(output).

    Decisions, the paper being silent. The output is a displacement, of the identity or of a coarse flow that is known
    already, and the last layer starts at zero: the untrained network warps as if it were not there; a random flow
    would show noise to RecNet. There is no tanh: a look beyond the guide's border finds the border.
    The decoder starts as smooth enlargement and the encoder as He et al. (2015) have it: from pix2pix's random kernels
    a step towards the landmarks roughens the flow, eq. 10 undoes it, and the flow becomes the same for all inputs.
    Starting at the identity, -F cannot show Fig. 7's unreasonable warp; `positions` starts it as the authors may have.
    """

    def __init__(
        self,
        width: int = 64,
        norm: Norm = "instance",
        image_size: int = 256,
        warp_size: int = 0,  # px at which it works, its flow is enlarged; 0: image_size, as in the paper
        positions: bool = False,  # the output is a position through tanh, and starts from pix2pix's random kernels
    ) -> None:
        super().__init__()
        self.size = warp_size or image_size
        channels = channels_of(width, depth_of(self.size))
        self.encoder = encoder(6, channels, norm)
        self.decoder = nn.ModuleList(up(channels[i], channels[i - 1], norm) for i in range(len(channels) - 1, 0, -1))
        self.last = last_up(channels[0], 2)
        self.positions = positions
        initialise(self)
        if positions:
            return
        initialise_for_relu(self.encoder)
        initialise_smooth(self.decoder[1:])  # enlarging a single value smoothly gives equal ones, which norm makes zero
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, degraded: Tensor, guide: Tensor, start: Tensor | None = None) -> Tensor:
        """Return the flow (B, 2, S, S), float32 or longer, for two images (B, 3, S, S) in [0, 1].

        start: (B, 2, S, S), the flow to begin with; None is the identity.
        """
        size = degraded.shape[-1]
        features = self.bottleneck(degraded, guide, start)
        for layer in self.decoder[1:]:
            features = layer(features)
        # In bfloat16 a position would be rounded to a quarter of a pixel.
        with at_full_precision(features.device):
            shift = self.last(features.to(self.last.weight.dtype))
            if size != self.size:
                shift = F.interpolate(shift, size=(size, size), mode="bilinear", align_corners=True)
            if self.positions:
                return shift.tanh()
            if start is None:
                start = identity_flow(size, size, shift.device, shift.dtype)
            return start + shift

    def bottleneck(self, degraded: Tensor, guide: Tensor, start: Tensor | None = None) -> Tensor:
        """What the decoder's first layer makes of a few numbers, (B, C, 2, 2); a channel of zeros tells nothing."""
        features = torch.cat((degraded, guide if start is None else warp(guide, start)), dim=1)
        if degraded.shape[-1] != self.size:
            features = F.interpolate(features, size=(self.size, self.size), mode="bilinear", antialias=True)
        for layer in (*self.encoder, self.decoder[0]):
            features = layer(features)
        return features
