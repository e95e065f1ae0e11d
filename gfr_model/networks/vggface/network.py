"""VGG-Face (Parkhi et al., "Deep Face Recognition", BMVC 2015) up to its fourth block: the features of eq. 5.

Its weights may not be shipped; `files.py` reads them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from manifests import ConfigError

MEAN = (129.1863, 104.7624, 93.5940)  # red, green, blue of 0 to 255, subtracted: averageImage of the authors' file
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of each block


class Layer(NamedTuple):
    """A convolution of the network."""

    name: str
    inputs: int
    outputs: int
    place: int  # in the list of convolutions, activations and poolings


def _layers() -> Iterator[Layer]:
    inputs, place = 3, 0
    for block, (channels, count) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            yield Layer(f"conv{block}_{number}", inputs, channels, place)
            inputs, place = channels, place + 2
        place += 1


LAYERS = tuple(_layers())


class VggFace(nn.Module):
    """The layers up to a convolution and its ReLU."""

    def __init__(self, layer: str = "conv4_3") -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for one in layers_up_to(layer):
            if len(self.layers) < one.place:
                self.layers.append(nn.MaxPool2d(2))
            self.layers.append(nn.Conv2d(one.inputs, one.outputs, kernel_size=3, padding=1))
            self.layers.append(nn.ReLU(inplace=True))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Return the feature map of images (B, 3, H, W), RGB in [0, 1]; at conv4_3 it is (B, 512, H/8, W/8)."""
        features: Tensor = self.layers(255 * image.to(self.mean.dtype) - self.mean)
        return features


def layers_up_to(name: str) -> tuple[Layer, ...]:
    """Return the convolutions up to `name`, itself included. Raises ConfigError when there is none of this name."""
    names = [layer.name for layer in LAYERS]
    if name not in names:
        raise ConfigError(f"VGG-Face has no convolution {name!r}; there are {', '.join(names)}")
    return LAYERS[: names.index(name) + 1]
