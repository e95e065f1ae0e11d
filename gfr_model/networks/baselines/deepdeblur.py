"""DeepDeblur: Nah et al., "Deep Multi-Scale Convolutional Neural Network for Dynamic Scene Deblurring", CVPR 2017."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, BLOCKS, SCALES = 64, 19, 3


class DeepDeblur(nn.Module):
    """Three networks of forty 5x5 convolutions, from a quarter of the size to the whole, each given the last's result.

    Its paper compares all three results with the truth; here the finest alone is returned, and so trained on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_level(3 if scale == 0 else 6) for scale in range(SCALES))  # coarse to fine
        self.enlargements = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, 12, 5, padding=2), nn.PixelShuffle(2)) for _ in range(SCALES - 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Restore (B, 3, H, W), sides divisible by 4."""
        images = [image - 0.5]
        for _ in range(SCALES - 1):
            images.insert(0, F.avg_pool2d(images[0], 2))
        result: Tensor = self.levels[0](images[0])
        for level, enlargement, finer in zip(self.levels[1:], self.enlargements, images[1:], strict=True):
            result = level(torch.cat((finer, enlargement(result).to(finer.dtype)), dim=1))
        return result + 0.5


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution, and the input added; without norm, which its authors found to harm."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 5, padding=2), nn.ReLU(inplace=True), nn.Conv2d(WIDTH, WIDTH, 5, padding=2)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, 64, h, w) to the same."""
        changed: Tensor = features + self.layers(features)
        return changed


def _level(inputs: int) -> nn.Sequential:
    blocks = [ResidualBlock() for _ in range(BLOCKS)]
    return nn.Sequential(nn.Conv2d(inputs, WIDTH, 5, padding=2), *blocks, nn.Conv2d(WIDTH, 3, 5, padding=2))
