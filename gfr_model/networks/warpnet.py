"""WarpNet: where in the guide each pixel of the degraded observation should look (eq. 1, Fig. 3a)."""

import torch
from torch import Tensor, nn

from gfr_model.device import at_full_precision
from gfr_model.networks.layers import (
    Norm,
    depth_of,
    encoder,
    initialise,
    initialise_smooth,
    last_up,
    up,
)
from gfr_model.networks.warp import identity_flow

MULTIPLES = (1, 2, 4, 8, 16)  # of the width, layer by layer; the last one repeats


class WarpNet(nn.Module):
    """An encoder and a decoder without skips. The flow is a tanh, and so never leaves the guide.

    Decision, the paper being silent: the tanh is taken of the decoder's output plus the value whose tanh is the pixel's
    own position, and the decoder's last layer starts at zero. The untrained network so warps by the identity, but for
    the outermost pixels, which look 1 px inward because tanh never reaches 1. A bias alone could not do so, and a
    random flow shows noise to RecNet. The decoder starts as smooth enlargement: from pix2pix's random kernels any step
    towards the landmarks roughens the flow, eq. 10 undoes it, and the network settles where its input has no effect.
    """

    def __init__(self, width: int = 64, norm: Norm = "instance", image_size: int = 256) -> None:
        super().__init__()
        depth = depth_of(image_size)
        channels = [width * MULTIPLES[min(i, len(MULTIPLES) - 1)] for i in range(depth)]
        self.encoder = encoder(6, channels, norm)
        self.decoder = nn.ModuleList(up(channels[i], channels[i - 1], norm) for i in range(depth - 1, 0, -1))
        self.last = last_up(channels[0], 2)
        initialise(self)
        initialise_smooth(self.decoder[1:])  # enlarging a single value smoothly gives equal ones, which norm makes zero
        nn.init.zeros_(self.last.weight)
        inner = 1 - 2 / (image_size - 1)  # 1 px from the border
        position = identity_flow(image_size, image_size).clamp(-inner, inner).atanh()
        self.register_buffer("position", position, persistent=False)
        self.position: Tensor

    def forward(self, degraded: Tensor, guide: Tensor) -> Tensor:
        """Return the flow (B, 2, S, S) in [-1, 1], float32 or longer, for two images (B, 3, S, S) in [0, 1]."""
        features = torch.cat((degraded, guide), dim=1)
        for layer in (*self.encoder, *self.decoder):
            features = layer(features)
        # In bfloat16 a position would be rounded to a quarter of a pixel.
        with at_full_precision(features.device):
            shift = self.last(features.to(self.last.weight.dtype))
            return torch.tanh(shift + self.position)
