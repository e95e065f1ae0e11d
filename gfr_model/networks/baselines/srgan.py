"""The generator of SRGAN: Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a GAN", CVPR 2017."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.networks.layers import Norm, Residual, make_norm

WIDTH, BLOCKS, SCALE = 64, 16, 4


class Srgan(nn.Module):
    """Sixteen residual blocks at a quarter of the size, then two pixel shuffles.

    Decisions, where Table 1's paper is silent. The input comes at full size as for every method here, and is reduced by
    4 first, which undoes the bicubic enlargement of a 4x set. With a guide, the first convolution goes over both
    full-size images with stride 4 instead: reducing the guide would throw its detail away.
    """

    def __init__(self, guided: bool = False, norm: Norm = "batch") -> None:
        super().__init__()
        stride = SCALE if guided else 1
        self.head = nn.Sequential(nn.Conv2d(6 if guided else 3, WIDTH, 9, stride, padding=4), nn.PReLU())
        body: list[nn.Module] = [_block(norm) for _ in range(BLOCKS)]
        self.body = nn.Sequential(*body, nn.Conv2d(WIDTH, WIDTH, 3, padding=1), make_norm(norm, WIDTH))
        self.enlargement = nn.Sequential(*[layer for _ in range(2) for layer in _shuffled()])
        self.tail = nn.Conv2d(WIDTH, 3, 9, padding=4)

    def forward(self, image: Tensor, guide: Tensor | None = None) -> Tensor:
        """Restore (B, 3, H, W), sides divisible by 4."""
        if guide is None:
            inputs = F.interpolate(image, scale_factor=1 / SCALE, mode="bicubic", antialias=True)
        else:
            inputs = torch.cat((image, guide), dim=1)
        features = self.head(inputs)
        restored: Tensor = self.tail(self.enlargement(features + self.body(features)))
        return restored


def _block(norm: Norm) -> Residual:
    return Residual(
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
        make_norm(norm, WIDTH),
        nn.PReLU(),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
        make_norm(norm, WIDTH),
    )


def _shuffled() -> list[nn.Module]:
    return [nn.Conv2d(WIDTH, 4 * WIDTH, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
