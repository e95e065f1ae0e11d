"""ARCNN: Dong et al., "Compression Artifacts Reduction by a Deep Convolutional Network", ICCV 2015."""

import torch
from torch import Tensor, nn

from gfr_model.networks.layers import initialise_for_relu


class ArCnn(nn.Module):
    """The network 9-7-1-5 with 64, 32 and 16 filters."""

    def __init__(self, guided: bool = False, channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2 * channels if guided else channels, 64, 9, padding=4),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 16, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, channels, 5, padding=2),
        )
        initialise_for_relu(self)

    def forward(self, image: Tensor, guide: Tensor | None = None) -> Tensor:
        """Restore (B, channels, H, W)."""
        restored: Tensor = self.layers(image if guide is None else torch.cat((image, guide), dim=1))
        return restored
