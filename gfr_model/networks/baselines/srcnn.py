"""SRCNN: Dong et al., "Learning a Deep Convolutional Network for Image Super-Resolution", ECCV 2014."""

import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.networks.layers import initialise_for_relu


class Srcnn(nn.Module):
    """The network 9-1-5 with 64 and 32 filters.

    Its paper restores luminance; here all colours go through, as in the authors' article in PAMI 2016 (§4.5 there).
    Borders are padded, where the original lets the image shrink.
    """

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, 64, kernel_size=9, padding=4)
        self.mapping = nn.Conv2d(64, 32, kernel_size=1)
        self.reconstruction = nn.Conv2d(32, channels, kernel_size=5, padding=2)
        initialise_for_relu(self)

    def forward(self, image: Tensor) -> Tensor:
        """Restore (B, channels, H, W)."""
        restored: Tensor = self.reconstruction(F.relu(self.mapping(F.relu(self.patches(image)))))
        return restored
