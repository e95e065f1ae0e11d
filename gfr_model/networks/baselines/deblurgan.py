"""The generator of DeblurGAN: Kupyn et al., "DeblurGAN: Blind Motion Deblurring Using Conditional GANs", CVPR 2018."""

import torch
from torch import Tensor, nn

from gfr_model.networks.layers import Residual, initialise

WIDTH, BLOCKS = 64, 9


class DeblurGan(nn.Module):
    """Two halvings, nine residual blocks with dropout, two doublings; the result is added to the input.

    Its norm is instance norm without scale and shift, as its authors run it.
    """

    def __init__(self, guided: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_normed(nn.Conv2d(6 if guided else 3, WIDTH, 7), WIDTH),
            *_normed(nn.Conv2d(WIDTH, 2 * WIDTH, 3, stride=2, padding=1), 2 * WIDTH),
            *_normed(nn.Conv2d(2 * WIDTH, 4 * WIDTH, 3, stride=2, padding=1), 4 * WIDTH),
            *[_block(4 * WIDTH) for _ in range(BLOCKS)],
            *_normed(_doubling(4 * WIDTH, 2 * WIDTH), 2 * WIDTH),
            *_normed(_doubling(2 * WIDTH, WIDTH), WIDTH),
            nn.ReflectionPad2d(3),
            nn.Conv2d(WIDTH, 3, 7),
            nn.Tanh(),
        )
        initialise(self)

    def forward(self, image: Tensor, guide: Tensor | None = None) -> Tensor:
        """Restore (B, 3, H, W), sides divisible by 4. Inside, values are in [-1, 1], as its authors have them."""
        inputs = image if guide is None else torch.cat((image, guide), dim=1)
        difference: Tensor = self.layers(2 * inputs - 1)
        return image + difference / 2


def _block(width: int) -> Residual:
    return Residual(
        nn.ReflectionPad2d(1),
        *_normed(nn.Conv2d(width, width, 3), width),
        nn.Dropout(0.5),
        nn.ReflectionPad2d(1),
        nn.Conv2d(width, width, 3),
        nn.InstanceNorm2d(width),
    )


def _normed(convolution: nn.Module, width: int) -> tuple[nn.Module, ...]:
    return convolution, nn.InstanceNorm2d(width), nn.ReLU(inplace=True)


def _doubling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
