"""MemNet: Tai et al., "MemNet: A Persistent Memory Network for Image Restoration", ICCV 2017 (M6R6, 80 layers)."""

import torch
from torch import Tensor, nn

from gfr_model.networks.layers import Norm, initialise_for_relu, make_norm

WIDTH, BLOCKS, RECURSIONS = 64, 6, 6


class MemNet(nn.Module):
    """Six memory blocks, each of which also sees what all before it kept.

    Every block's memory is turned into an image, and these are averaged with learned weights. Its paper compares each
    of them with the truth as well, so they are returned, too.
    """

    def __init__(self, norm: Norm = "batch", channels: int = 3) -> None:
        super().__init__()
        self.features = _layer(channels, WIDTH, norm)
        self.blocks = nn.ModuleList(MemoryBlock(number, norm) for number in range(1, BLOCKS + 1))
        self.reconstruction = _layer(WIDTH, channels, norm)
        self.weights = nn.Parameter(torch.full((BLOCKS,), 1 / BLOCKS))
        initialise_for_relu(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Restore (B, channels, H, W); then what each block makes of it."""
        memories = [self.features(image)]
        for block in self.blocks:
            memories.append(block(memories))
        images = torch.stack([image + self.reconstruction(memory) for memory in memories[1:]])
        average = (images * self.weights.view(-1, 1, 1, 1, 1)).sum(dim=0) / self.weights.sum()
        return average, *images


class MemoryBlock(nn.Module):
    """One residual unit applied six times, and a gate over all six results and all earlier memories."""

    def __init__(self, earlier: int, norm: Norm) -> None:
        super().__init__()
        self.unit = nn.Sequential(_layer(WIDTH, WIDTH, norm), _layer(WIDTH, WIDTH, norm))
        self.gate = _layer((RECURSIONS + earlier) * WIDTH, WIDTH, norm, kernel=1)

    def forward(self, memories: list[Tensor]) -> Tensor:
        """Memories, each (B, 64, H, W), to the next."""
        short, features = [], memories[-1]
        for _ in range(RECURSIONS):
            features = features + self.unit(features)
            short.append(features)
        kept: Tensor = self.gate(torch.cat([*short, *memories], dim=1))
        return kept


def _layer(inputs: int, outputs: int, norm: Norm, kernel: int = 3) -> nn.Sequential:
    """Norm, ReLU, convolution, in this order ("pre-activation")."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(make_norm(norm, inputs), nn.ReLU(), convolution)
