"""The layers that the networks share: 4x4 convolutions of stride 2, down and up (§3.1, Fig. 3)."""

from typing import Literal

import torch
from torch import Tensor, nn

from manifests import ConfigError

Norm = Literal["instance", "batch", "none"]
SLOPE = 0.2  # of LeakyReLU, as pix2pix has it
WEIGHT_SPREAD = 0.02  # standard deviation of initial weights, as pix2pix has it


def depth_of(image_size: int) -> int:
    """Return how many halvings bring `image_size` px to 1. Raises ConfigError unless it is a power of two >= 16."""
    if image_size < 16 or image_size & (image_size - 1):
        raise ConfigError(f"image_size must be a power of two of at least 16, but is {image_size}")
    return image_size.bit_length() - 1


def channels_of(width: int, depth: int) -> list[int]:
    """The channels of a network's layers on their way down: the width, doubled until it is 16-fold (§3.1: 1024)."""
    return [width * min(2**i, 16) for i in range(depth)]


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """A normalisation layer with scale and shift.

    Batch norm on a batch of one normalises each image by itself, which is what 'instance' does at any batch size. It
    keeps no running averages: evaluating a network trained on single images with them gives wrong colours.
    """
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    raise ConfigError(f"norm must be 'instance', 'batch' or 'none', but is {norm!r}")


def down(inputs: int, outputs: int, norm: Norm, stride: int = 2) -> nn.Sequential:
    """Convolution, norm, LeakyReLU: (B, inputs, H, W) -> (B, outputs, H/2, W/2)."""
    conv = nn.Conv2d(inputs, outputs, kernel_size=4, stride=stride, padding=1, bias=norm == "none")
    return nn.Sequential(conv, make_norm(norm, outputs), nn.LeakyReLU(SLOPE, inplace=True))


def up(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Deconvolution, norm, ReLU: (B, inputs, H, W) -> (B, outputs, 2H, 2W)."""
    deconv = nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=norm == "none")
    return nn.Sequential(deconv, make_norm(norm, outputs), nn.ReLU(inplace=True))


def last_up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """The deconvolution that ends a decoder, without norm and activation."""
    return nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1)


def encoder(inputs: int, channels: list[int], norm: Norm) -> nn.ModuleList:
    """The halving layers, down to 1x1.

    The first has no norm; nor has the last, where each channel is a single value, which has no variance.
    """
    ends = (0, len(channels) - 1)
    widths = [inputs, *channels]
    return nn.ModuleList(down(widths[i], widths[i + 1], "none" if i in ends else norm) for i in range(len(channels)))


def initialise(network: nn.Module) -> None:
    """Draw the weights as pix2pix does, which the paper follows in its structure and does not mention in its text."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, WEIGHT_SPREAD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.InstanceNorm2d | nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, WEIGHT_SPREAD)
            nn.init.zeros_(module.bias)


def initialise_smooth(decoder: nn.Module) -> None:
    """Let each deconvolution of a decoder start as bilinear enlargement of a random mixture of its channels.

    What it then makes of few numbers is smooth. He-like variance of the mixture keeps signals alive.
    """
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    for module in decoder.modules():
        if isinstance(module, nn.ConvTranspose2d):
            inputs, outputs = module.weight.shape[:2]
            mixture = torch.randn(inputs, outputs, 1, 1) * (2 / inputs) ** 0.5
            with torch.no_grad():
                module.weight.copy_(mixture * line[:, None] * line)


def initialise_for_relu(network: nn.Module) -> None:
    """Draw the weights as He et al. (2015) do, which keeps signals alive through many layers without norm."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Residual(nn.Module):
    """Layers whose result is added to their input: (B, C, h, w) to the same."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Add what the layers make of `features` to them."""
        changed: Tensor = features + self.layers(features)
        return changed
