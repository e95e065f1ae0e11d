"""DeepDeblur: Nah et al., "Deep Multi-Scale Convolutional Neural Network for Dynamic Scene Deblurring", CVPR 2017."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.networks.layers import Residual

WIDTH, BLOCKS, SCALES = 64, 19, 3


class DeepDeblur(nn.Module):
    """Three networks of forty 5x5 convolutions, from a quarter of the size to the whole, each given the last's result.

    Its paper compares all three results with the truth, so all three are returned.
    """

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_level(3 if scale == 0 else 6) for scale in range(SCALES))  # coarse to fine
        self.enlargements = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, 12, 5, padding=2), nn.PixelShuffle(2)) for _ in range(SCALES - 1)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Restore (B, 3, H, W), sides divisible by 4; then the results at half and at a quarter of the size."""
        images = [image - 0.5]
        for _ in range(SCALES - 1):
            images.insert(0, F.avg_pool2d(images[0], 2))
        results = [self.levels[0](images[0])]
        for level, enlargement, finer in zip(self.levels[1:], self.enlargements, images[1:], strict=True):
            results.insert(0, level(torch.cat((finer, enlargement(results[0]).to(finer.dtype)), dim=1)))
        return tuple(result + 0.5 for result in results)


def _level(inputs: int) -> nn.Sequential:
    """Its blocks have no norm, which its authors found to harm."""
    blocks = [Residual(_conv(WIDTH, WIDTH), nn.ReLU(inplace=True), _conv(WIDTH, WIDTH)) for _ in range(BLOCKS)]
    return nn.Sequential(_conv(inputs, WIDTH), *blocks, _conv(WIDTH, 3))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 5, padding=2)
