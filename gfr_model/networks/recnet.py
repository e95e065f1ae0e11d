"""RecNet: a U-Net that restores the degraded observation with the help of the warped guide (eq. 3, Fig. 3b)."""

import torch
from torch import Tensor, nn

from gfr_model.networks.layers import Norm, channels_of, depth_of, encoder, initialise, last_up, up

DARKEST = 1 / 255  # values are kept this far from 0 and 1 where their logit is taken


class RecNet(nn.Module):
    """An encoder and a decoder of equal depth L; layer i of the encoder also feeds layer L - i + 1 of the decoder."""

    def __init__(
        self,
        width: int = 64,  # channels after the first convolution
        norm: Norm = "instance",
        image_size: int = 256,  # px
        inputs: int = 6,  # channels: 3 of the observation, 3 of the guidance where there is one
        output_skip: bool = False,  # start from the observation: not the paper's, but learns faster
    ) -> None:
        super().__init__()
        depth = depth_of(image_size)
        channels = channels_of(width, depth)
        self.output_skip = output_skip
        self.encoder = encoder(inputs, channels, norm)
        # The first decoder layer gets the bottleneck; each later one its predecessor and the encoder's equal in size.
        self.decoder = nn.ModuleList(
            up(channels[i] * (1 if i == depth - 1 else 2), channels[i - 1], norm) for i in range(depth - 1, 0, -1)
        )
        self.last = last_up(2 * channels[0], 3)
        initialise(self)
        if output_skip:
            nn.init.zeros_(self.last.weight)

    def forward(self, degraded: Tensor, guidance: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Return the restored images (B, 3, S, S) in [0, 1] for images (B, 3, S, S) in [0, 1].

        `valid` is AttentiveRecNet's and left aside: the paper's network is not told where a warp looks outside.
        """
        features = degraded if guidance is None else torch.cat((degraded, guidance.to(degraded.dtype)), dim=1)
        skips = []
        for layer in self.encoder:
            features = layer(features)
            skips.append(features)
        features = skips.pop()
        for layer in self.decoder:
            features = torch.cat((layer(features), skips.pop()), dim=1)
        logits = self.last(features)
        if self.output_skip:
            logits = logits + torch.logit(degraded, eps=DARKEST)
        return torch.sigmoid(logits)
