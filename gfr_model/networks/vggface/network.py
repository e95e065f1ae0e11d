"""VGG-Face (Parkhi et al., "Deep Face Recognition", BMVC 2015), whose features eq. 5 compares, or another VGG-16.

Its weights may not be shipped; `files.py` reads them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from manifests import ConfigError

MEAN = (129.1863, 104.7624, 93.5940)  # red, green, blue of 0 to 255, subtracted: averageImage of the authors' file
IMAGENET_MEAN = (123.68, 116.779, 103.939)  # the same of the networks that began with ImageNet's VGG-16
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of each block


class Layer(NamedTuple):
    """A convolution of the network."""

    name: str
    inputs: int
    outputs: int
    place: int  # in the list of convolutions, activations and poolings


def layers_of(blocks: Sequence[tuple[int, int]]) -> Iterator[Layer]:
    """The convolutions of a VGG with these blocks."""
    inputs, place = 3, 0
    for block, (channels, count) in enumerate(blocks, start=1):
        for number in range(1, count + 1):
            yield Layer(f"conv{block}_{number}", inputs, channels, place)
            inputs, place = channels, place + 2
        place += 1


LAYERS = tuple(layers_of(BLOCKS))
ENDS = tuple(f"conv{block}_{count}" for block, (_, count) in enumerate(BLOCKS, start=1))  # the last of each block


class VggFace(nn.Module):
    """The layers up to a convolution and its ReLU."""

    def __init__(self, layer: str = "conv4_3") -> None:
        super().__init__()
        self.layers = stacked(layers_up_to(layer))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Return the feature map of images (B, 3, H, W), RGB in [0, 1]; at conv4_3 it is (B, 512, H/8, W/8)."""
        features: Tensor = self.layers(self.centred(image))
        return features

    def centred(self, image: Tensor) -> Tensor:
        """What the first layer sees of images (B, 3, H, W), RGB in [0, 1]."""
        return 255 * image.to(self.mean.dtype) - self.mean


def feature_distance(network: VggFace, first: Tensor, second: Tensor) -> Tensor:
    """How far apart two batches of images (B, 3, H, W), RGB in [0, 1], look to a network up to conv5_3: (B,), 0 to 20.

    The squared distance of the features of each place, scaled to length 1, mean over places, summed over the ends of
    the five blocks: the form of LPIPS (Zhang et al., CVPR 2018), whose weights are all 1 here, fitted to nothing.
    """
    x = torch.cat((network.centred(first), network.centred(second)))
    ends = [layer.place + 1 for layer in LAYERS if layer.name in ENDS]  # of the ReLU behind it
    total = torch.zeros(len(first), device=x.device, dtype=x.dtype)
    for place, layer in enumerate(network.layers):
        x = layer(x)
        if place in ends:
            one, other = F.normalize(x, dim=1, eps=1e-10).chunk(2)
            total += (one - other).square().sum(1).mean((1, 2))
    return total


def stacked(layers: Sequence[Layer]) -> nn.Sequential:
    """The convolutions of a VGG from the first on, each with its ReLU, and the poolings before its blocks."""
    made = nn.Sequential()
    for one in layers:
        if len(made) < one.place:
            made.append(nn.MaxPool2d(2))
        made.append(nn.Conv2d(one.inputs, one.outputs, kernel_size=3, padding=1))
        made.append(nn.ReLU(inplace=True))
    return made


def layers_up_to(name: str, layers: tuple[Layer, ...] = LAYERS, network: str = "VGG-Face") -> tuple[Layer, ...]:
    """Return the convolutions up to `name`, itself included. Raises ConfigError when there is none of this name."""
    names = [layer.name for layer in layers]
    if name not in names:
        raise ConfigError(f"{network} has no convolution {name!r}; there are {', '.join(names)}")
    return layers[: names.index(name) + 1]
