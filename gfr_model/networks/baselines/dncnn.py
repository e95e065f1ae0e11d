"""DnCNN: Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising", TIP 2017."""

import torch
from torch import Tensor, nn

from gfr_model.networks.layers import Norm, initialise_for_relu, make_norm

WIDTH = 64


class DnCnn(nn.Module):
    """3x3 convolutions with norms between them that predict what to subtract from the image.

    Twenty layers are those of DnCNN-B, which is for unknown noise; DnCNN-S has seventeen.
    """

    def __init__(self, guided: bool = False, norm: Norm = "batch", depth: int = 20, channels: int = 3) -> None:
        super().__init__()
        inputs = 2 * channels if guided else channels
        layers: list[nn.Module] = [nn.Conv2d(inputs, WIDTH, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(WIDTH, WIDTH, 3, padding=1), make_norm(norm, WIDTH), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(WIDTH, channels, 3, padding=1))
        initialise_for_relu(self)

    def forward(self, image: Tensor, guide: Tensor | None = None) -> Tensor:
        """Restore (B, channels, H, W)."""
        inputs = image if guide is None else torch.cat((image, guide), dim=1)
        restored: Tensor = image - self.layers(inputs)
        return restored
