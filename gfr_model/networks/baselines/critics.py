"""The discriminators of SRGAN and DeepDeblur, as their papers describe them; DeblurGAN's is a PatchDiscriminator.

Each gives one verdict on a whole image (B, 3, H, W) in [-1, 1].
"""

from itertools import pairwise

from torch import Tensor, nn

from gfr_model.networks.layers import SLOPE, Norm, initialise, make_norm


class SrganCritic(nn.Module):
    """SRGAN's (Ledig et al. 2017, Fig. 4): eight 3x3 convolutions, 64 to 512 channels, and two dense layers.

    Its last map is pooled to 6x6, which is what the 96 px of its paper's patches leave: the dense layers have the
    paper's size for images of any.
    """

    def __init__(self, width: int = 64, norm: Norm = "instance") -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
        channels = [width * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        for number, (inputs, outputs) in enumerate(pairwise(channels)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2 - number % 2, padding=1, bias=norm == "none")]
            layers += [make_norm(norm, outputs), nn.LeakyReLU(SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), nn.Flatten())
        dense = 16 * width
        self.verdict = nn.Sequential(
            nn.Linear(36 * channels[-1], dense), nn.LeakyReLU(SLOPE, inplace=True), nn.Linear(dense, 1)
        )
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, 1), high where the image looks real."""
        logits: Tensor = self.verdict(self.layers(image))
        return logits


class DeepDeblurCritic(nn.Module):
    """DeepDeblur's (Nah et al. 2017, Table 1): nine convolutions, 32 to 512 channels, and a dense layer; no norm.

    At 256 px, the size of its paper's patches, the map before the last convolution has its kernel's 4x4 px; at other
    sizes it is pooled to that.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = [3, *(width * factor for factor in (1, 2, 2, 4, 4, 8, 8, 16))]
        for (inputs, outputs), stride in zip(pairwise(channels), (2, 1, 2, 1, 4, 1, 4, 1), strict=True):
            layers += [nn.Conv2d(inputs, outputs, 5, stride, padding=2), nn.LeakyReLU(SLOPE, inplace=True)]
        last = nn.Conv2d(channels[-1], channels[-1], 4, stride=4)
        layers += [nn.AdaptiveAvgPool2d(4), last, nn.LeakyReLU(SLOPE, inplace=True), nn.Flatten()]
        self.layers = nn.Sequential(*layers, nn.Linear(channels[-1], 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, 1), high where the image looks real."""
        logits: Tensor = self.layers(image)
        return logits
