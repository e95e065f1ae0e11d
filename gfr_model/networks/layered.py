"""A network that is described layer by layer, for those whose form only another program's file tells.

Each layer is a line `KIND NUMBERS < INPUTS`. An input is the number of a value: 0 is the degraded image, 1 the guide, 2
what the first line makes, 3 what the second makes, and so on: `conv 6 64 4 2 1 < 2` makes 64 channels of the six of
value 2 with kernels of 4, stride 2 and padding 1. `restored`, `warped` and `flow` say which value is what.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.networks.gfrnet import Restoration, check_images
from manifests import ConfigError

OUTPUTS = ("restored", "warped", "flow")


@dataclass(frozen=True)
class Layer:
    """One line."""

    kind: str  # one of KINDS
    numbers: tuple[float, ...]
    inputs: tuple[int, ...]  # values by number

    def __str__(self) -> str:
        return " ".join((self.kind, *(f"{number:g}" for number in self.numbers), "<", *map(str, self.inputs)))


class ImageNorm(nn.Module):
    """Batch norm of a single image, whatever the batch: also of a single value, which it makes zero."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel of each image of x (B, C, H, W)."""
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return (x - mean) * (variance + self.epsilon).rsqrt() * _wide(self.weight) + _wide(self.bias)


class Scale(nn.Module):
    """A factor and a term for each channel of x (B, C, H, W): batch norm with averages that stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return x * weight + bias."""
        return x * _wide(self.weight) + _wide(self.bias)


class Permute(nn.Module):
    """Changes the order of the axes."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        """Return x with its axes in their new order."""
        return x.permute(self.axes)


class Reverse(nn.Module):
    """Reverses the channels: BGR to RGB, and a position's y, x to x, y."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x (B, C, H, W) with its channels reversed."""
        return x.flip(1)


class Join(nn.Module):
    """Lays channels one after the other."""

    def forward(self, *parts: Tensor) -> Tensor:
        """Return values (B, C, H, W) as one, in their order."""
        return torch.cat(parts, 1)


class Sample(nn.Module):
    """Torch7's BilinearSamplerBHWD: outside the image it sees zeros."""

    def forward(self, image: Tensor, grid: Tensor) -> Tensor:
        """Look at image (B, H, W, C) at the positions grid (B, h, w, 2), y then x, [-1, 1] from centre to centre."""
        found = F.grid_sample(image.permute(0, 3, 1, 2), grid.flip(-1), padding_mode="zeros", align_corners=True)
        return found.permute(0, 2, 3, 1)


# By kind: how many numbers follow, and the layer that they make. Any count stands for the axes of `permute`.
KINDS: dict[str, tuple[int | None, Callable[..., nn.Module]]] = {
    "conv": (5, nn.Conv2d),  # inputs, outputs, kernel, stride, padding
    "deconv": (6, nn.ConvTranspose2d),  # the same, and the output's additional padding
    "norm": (2, ImageNorm),
    "scale": (1, Scale),
    "leaky": (1, nn.LeakyReLU),
    "relu": (0, nn.ReLU),
    "tanh": (0, nn.Tanh),
    "sigmoid": (0, nn.Sigmoid),
    "join": (0, Join),
    "permute": (None, Permute),
    "reverse": (0, Reverse),
    "sample": (0, Sample),
    **dict.fromkeys(OUTPUTS, (0, nn.Identity)),
}


class Layered(nn.Module):
    """The network that lines describe, called like GFRNet."""

    def __init__(self, lines: Sequence[str], image_size: int) -> None:
        """Make the layers. Raises ConfigError for a line that cannot be one, and without a line `restored`."""
        super().__init__()
        self.lines = [parse(line, number) for number, line in enumerate(lines, start=2)]
        self.layers = nn.ModuleList(_made(line) for line in self.lines)
        self.image_size, self.guided, self.warpnet = image_size, True, None
        if "restored" not in [line.kind for line in self.lines]:
            raise ConfigError("the setting layers has no line 'restored < NUMBER'")

    def forward(self, degraded: Tensor, guide: Tensor) -> Restoration:
        """Restore `degraded` (B, 3, S, S) in [0, 1] with `guide`, which has the same shape and range.

        What it makes is cut to [0, 1] outside training. Raises ValueError, naming the line, where a layer cannot take
        what it is given.
        """
        check_images(degraded, guide, self.image_size)
        values = [degraded, guide]
        made: dict[str, Tensor | None] = dict.fromkeys(OUTPUTS)
        for line, layer in zip(self.lines, self.layers, strict=True):
            given = [values[number] for number in line.inputs]
            try:
                values.append(layer(*given))
            except (RuntimeError, TypeError) as error:
                shapes = ", ".join(str(tuple(value.shape)) for value in given)
                raise ValueError(f"layer {len(values)}, {line}, cannot take {shapes}: {error}") from error
            if line.kind in OUTPUTS:
                made[line.kind] = values[-1]
        restored = made["restored"]
        assert restored is not None
        return Restoration(restored if self.training else restored.clamp(0, 1), made["warped"], made["flow"])


def parse(text: str, number: int) -> Layer:
    """The layer of a line that makes value `number`. Raises ConfigError when it is none."""
    head, _, tail = text.partition("<")
    kind, *numbers = head.split() or [""]
    try:
        layer = Layer(kind, tuple(map(float, numbers)), tuple(map(int, tail.split())))
    except ValueError as error:
        raise ConfigError(f"layer {number}, {text!r}, is not KIND NUMBERS < INPUTS") from error
    if kind not in KINDS:
        raise ConfigError(f"layer {number}, {text!r}: there is no {kind!r}, but {', '.join(KINDS)}")
    if KINDS[kind][0] not in (None, len(numbers)):
        raise ConfigError(f"layer {number}, {text!r}: {kind} takes {KINDS[kind][0]} numbers")
    if not layer.inputs or not all(0 <= value < number for value in layer.inputs):
        raise ConfigError(f"layer {number}, {text!r}, must take values from 0 to {number - 1}")
    return layer


def _made(layer: Layer) -> nn.Module:
    numbers = (int(number) if number.is_integer() else number for number in layer.numbers)
    return KINDS[layer.kind][1](*numbers)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None]
