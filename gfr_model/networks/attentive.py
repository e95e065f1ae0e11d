"""AttentiveRecNet: restores a face and takes detail from its aligned guide by local attention.

Not the paper's RecNet, which sees observation and warped guide side by side and can't use the detail of a guide that is
a few px off. Here each place of the observation looks at a window of the guide's features and takes what fits, or
nothing. Several guides, each aligned, compete for each place: a network trained with one takes from all. Images enter
four times smaller with sixteen times the channels (pixel-unshuffle): a badly degraded face holds no finer detail.
tests/benchmarks/guidance.md has what each of these choices is worth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KEYS = 16  # channels of queries and keys
# Score by which a place begins ahead of the others of its window. From nothing, most of a window's mean is another part
# of the face: begun at 1, where the place has a tenth of the weight, 400 steps restore 0.1 dB less.
NEAREST = 5.0
MULTIPLES = (1, 2, 4, 6)  # of the width, level by level
SLOPE = 0.2  # of LeakyReLU


@dataclass(frozen=True)
class Shape:
    """How an AttentiveRecNet is built."""

    width: int = 32  # channels at the first level
    unshuffle: int = 4  # px of the image, along each side, in one place of the first level
    blocks: int = 2  # residual blocks in a row
    levels: int = 2  # of the encoder that take from the guide, 1 to 4
    radius: int = (
        2  # places of the guide that a place looks at in each direction: 8 px at the first level, 16 at the next
    )

    @property
    def channels(self) -> list[int]:
        """Of each level."""
        return [self.width * factor for factor in MULTIPLES]

    @property
    def pixels(self) -> int:
        """Values of the image in one place of the first level."""
        return 3 * self.unshuffle**2


class LocalAttention(nn.Module):
    """Each place of x (B, C, H, W) gathers from windows of its guides' features, (B, C, H, W) each.

    A key of zeros lets it take nothing. radius: places that it looks at in each direction.
    """

    def __init__(self, channels: int, radius: int = 2) -> None:
        super().__init__()
        self.radius = radius
        self.query = nn.Conv2d(2 * channels, KEYS, 1)
        self.key = nn.Conv2d(channels, KEYS, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        places = (2 * radius + 1) ** 2
        self.nearness = nn.Parameter(torch.zeros(places).index_fill(0, torch.tensor(places // 2), NEAREST))

    def forward(self, x: Tensor, *guides: Tensor) -> Tensor:
        scores = [self._scores(x, guide) for guide in guides]
        values = [self.value(guide) for guide in guides]
        weight = torch.cat((*scores, torch.zeros_like(scores[0][:, :1])), 1).softmax(1).to(values[0].dtype)
        taken = torch.zeros_like(values[0])
        for place, moved in enumerate(chain.from_iterable(_window(value, self.radius) for value in values)):
            taken = taken + moved * weight[:, place : place + 1]
        return taken

    def _scores(self, x: Tensor, guide: Tensor) -> Tensor:
        """How well each place of a guide's window fits, (B, places, H, W) float32; nothing scores 0."""
        query, key = self.query(torch.cat((x, guide), 1)), self.key(guide)
        score = torch.stack([(query * moved).sum(1) for moved in _window(key, self.radius)], dim=1).float()
        return score / KEYS**0.5 + self.nearness[None, :, None, None]


class ResidualBlock(nn.Module):
    """x + conv(LeakyReLU(conv(x))), without norm; it starts near the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        for conv, gain in ((self.first, 1.0), (self.second, 0.1)):
            nn.init.kaiming_normal_(conv.weight, SLOPE)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # both have one
            with torch.no_grad():
                conv.weight.mul_(gain)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), SLOPE))


class GuideEncoder(nn.Module):
    """The guide's features at the sizes of the first levels, and how a level takes from them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.unshuffle, c = shape.unshuffle, shape.channels[: shape.levels]
        self.head = nn.Conv2d(shape.pixels + 1, c[0], 3, padding=1)
        self.fine = nn.Sequential(ResidualBlock(c[0]), ResidualBlock(c[0]))
        self.down = _halving(c[0], c[1]) if shape.levels > 1 else None
        self.coarse = ResidualBlock(c[1]) if shape.levels > 1 else None
        self.further = nn.ModuleList(nn.Sequential(_halving(a, b), ResidualBlock(b)) for a, b in pairwise(c[1:]))
        self.take = nn.ModuleList(LocalAttention(width, shape.radius) for width in c)
        self.fuse = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for width in c)

    def forward(self, guide: Tensor, valid: Tensor) -> list[Tensor]:
        """The features of a guide (B, 3, S, S) in [0, 1] with its validity (B, 1, S, S), level by level."""
        shown = torch.cat((F.pixel_unshuffle(guide, self.unshuffle) - 0.5, F.avg_pool2d(valid, self.unshuffle)), dim=1)
        features = [self.fine(self.head(shown))]
        if self.down is not None and self.coarse is not None:
            features.append(self.coarse(self.down(features[0])))
        for level in self.further:
            features.append(level(features[-1]))
        return features

    def give(self, level: int, x: Tensor, *features: Tensor) -> Tensor:
        """x (B, C, H, W) of the observation with what it takes from the features of its guides, each of x's shape."""
        return x + self.fuse[level](torch.cat((x, self.take[level](x, *features)), dim=1))


class AttentiveRecNet(nn.Module):
    """A U-Net of residual blocks over the observation; its first levels take from the guide."""

    def __init__(self, shape: Shape, guided: bool = True) -> None:
        super().__init__()
        self.shape, c = shape, shape.channels
        self.head = nn.Conv2d(shape.pixels, c[0], 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(channels, shape.blocks) for channels in c)
        self.down = nn.ModuleList(_halving(a, b) for a, b in pairwise(c))
        self.guide_encoder = GuideEncoder(shape) if guided else None
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(c))
        self.merge = nn.ModuleList(nn.Conv2d(2 * channels, channels, 1) for channels in c[:-1])
        self.decoder = nn.ModuleList(_blocks(channels, shape.blocks) for channels in c[:-1])
        self.last = nn.Conv2d(c[0], shape.pixels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, degraded: Tensor, guidance: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Return the restored images (B, 3, S, S) for `degraded` and the aligned guide, (B, 3, S, S) in [0, 1].

        valid: (B, 1, S, S), 1 where the flow looks inside the guide; a guide of which nothing is valid counts as none.
        Of K guides both have the shape (B, K, ...). The untrained network returns `degraded`.
        """
        unshuffle = self.shape.unshuffle
        x, skips = self.head(F.pixel_unshuffle(degraded, unshuffle) - 0.5), []
        guide = self.guide_encoder
        levels = [] if guide is None else [guide(*one) for one in _each(guidance, valid)]
        for i, blocks in enumerate(self.encoder):
            if guide is not None and i < self.shape.levels:
                x = guide.give(i, x, *(features[i] for features in levels))
            x = blocks(x)
            skips.append(x)
            if i < len(self.down):
                x = self.down[i](x)
        for i in reversed(range(len(self.down))):
            x = self.merge[i](torch.cat((F.pixel_shuffle(self.up[i](x), 2), skips[i]), dim=1))
            x = self.decoder[i](x)
        return degraded + F.pixel_shuffle(self.last(x).to(degraded.dtype), unshuffle)


def _each(guidance: Tensor | None, valid: Tensor | None) -> list[tuple[Tensor, Tensor]]:
    """Aligned guide and validity of each of the guides that `AttentiveRecNet.forward` is given."""
    if guidance is None or valid is None:
        raise ValueError("a guided network needs an aligned guide and its validity")
    if guidance.ndim == 4:
        return [(guidance, valid)]
    return list(zip(guidance.unbind(1), valid.unbind(1), strict=True))


def _window(features: Tensor, radius: int) -> Iterator[Tensor]:
    """`features` (B, C, H, W) moved to each place of the window, row by row; borders repeat."""
    h, w = features.shape[-2:]
    wide = F.pad(features, (radius,) * 4, mode="replicate")
    for row in range(2 * radius + 1):
        for column in range(2 * radius + 1):
            yield wide[:, :, row : row + h, column : column + w]


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def _halving(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 4, 2, padding=1)
