"""PointsNet: 68 landmarks, each with its uncertainty, from a face that may be badly degraded.

Not the paper's, where landmarks are known in training only: a spline through these aligns the guide before WarpNet and
RecNet see it. A small U-Net makes a heatmap for each point; the point is its centre of mass (soft-argmax), the
uncertainty its spread. A perceptron then corrects the points by each other: heatmaps find them one by one, and those of
a face lie together as faces do.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.device import at_full_precision, full_precision
from manifests.crops import MIRROR

SIZE = 64  # px of the network's input: a face degraded 4x has no more
STRETCH = 1.06  # of positions, so that a point at the border needs no heatmap beyond it
MULTIPLES = (1.0, 1.5, 3.0, 4.0, 4.0)  # of the width, level by level
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)  # of the picture
PLACES, SUMMARY = 16, 32  # of the smallest features, and numbers that the correction takes from each
SMALLEST = 1e-3  # half widths of the image; a face has no frame of its own below


class Landmarks(NamedTuple):
    """What is found in a batch of faces."""

    points: Tensor  # (B, 68, 2) in [-1, 1] (`align_corners=True`), x then y, float32 or longer
    spread: Tensor  # (B, 68), standard deviation of each heatmap, in the same unit


class PointsNet(nn.Module):
    """Finds iBUG's 68 points. It looks at 64 px, whatever the size of the images."""

    def __init__(self, width: int = 32, hidden: int = 0) -> None:
        """width: channels of the first convolution; hidden: units of the layers that correct the points, 0: none."""
        super().__init__()
        c = [int(width * factor) for factor in MULTIPLES]
        self.stem = nn.Sequential(nn.Conv2d(3, c[0], 5, padding=2), nn.ReLU())
        self.down = nn.ModuleList(
            nn.Sequential(_layer(c[i], c[i + 1], stride=2), _layer(c[i + 1], c[i + 1])) for i in range(4)
        )
        self.middle = nn.Sequential(_layer(c[4], c[4]), _layer(c[4], c[4]))
        self.up = nn.ModuleList(_layer(c[i + 1] + c[i], c[i]) for i in (3, 2, 1))
        self.head = nn.Conv2d(c[1], 68, 1)
        self.correction = Correction(c[4], hidden) if hidden else None
        self.mirror: Tensor
        self.register_buffer("mirror", torch.from_numpy(MIRROR), persistent=False)

    def forward(self, images: Tensor) -> Landmarks:
        """Return the landmarks of `images` (B, 3, S, S) in [0, 1], S >= 64."""
        features = self.stem(shrink(images) - 0.5)
        levels = [features]
        for layer in self.down:
            features = layer(features)
            levels.append(features)
        features = smallest = self.middle(features)
        for layer, skip in zip(self.up, levels[-2:0:-1], strict=True):
            larger = F.interpolate(features, scale_factor=2.0, mode="bilinear")
            features = layer(torch.cat((larger, skip), dim=1))
        with at_full_precision(features.device):
            found = soft_argmax(self.head(full_precision(features)))
            return found if self.correction is None else self.correction(found, full_precision(smallest))

    def find(self, images: Tensor) -> Landmarks:
        """The landmarks of `images` (B, 3, S, S) in [0, 1], averaged over each image and its mirror image.

        On people never seen they are 3% nearer to the annotated ones than those of the image alone.
        """
        small = shrink(images)
        plain, mirrored = (Landmarks(*part) for part in zip(*(v.chunk(2) for v in self(_both(small))), strict=True))
        points, spread = mirrored.points[:, self.mirror], mirrored.spread[:, self.mirror]
        points = torch.stack((-points[..., 0], points[..., 1]), dim=-1)
        return Landmarks((plain.points + points) / 2, (plain.spread + spread) / 2)


class Correction(nn.Module):
    """Moves landmarks by what all of them, their spreads and the U-Net's smallest features say together.

    It sees and moves them in the face's own frame, so that a face is the same wherever it lies. It begins as if it were
    not there.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.summary = nn.Sequential(nn.Conv2d(channels, SUMMARY, 1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3))
        self.standard = nn.BatchNorm1d(3 * 68 + 2, affine=False)
        inputs = 3 * 68 + 2 + SUMMARY * PLACES
        last = nn.Linear(hidden, 2 * 68)
        self.layers = nn.Sequential(*_dense(inputs, hidden), *_dense(hidden, hidden), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, found: Landmarks, features: Tensor) -> Landmarks:
        """Correct the landmarks of faces whose smallest features are (B, channels, 4, 4)."""
        middle, frame = face_frame(found.points)
        size = frame.square().sum((1, 2), keepdim=True).div(2).sqrt()
        within = (found.points - middle) @ frame / size.square()
        spread = found.spread / size[..., 0]
        numbers = torch.cat((within.flatten(1), spread.log(), frame[:, :, 0]), dim=1)
        shift = self.layers(torch.cat((self.standard(numbers), self.summary(features)), dim=1))
        return Landmarks(found.points + shift.view(-1, 68, 2) @ frame.transpose(1, 2), found.spread)


def face_frame(points: Tensor) -> tuple[Tensor, Tensor]:
    """The middle (B, 1, 2) of faces' points (B, 68, 2), and the axes of their own frame as columns, (B, 2, 2).

    The first goes from eye to eye, the second down the face, both as long as the points are from the middle (root mean
    square). Of points that coincide they are the image's.
    """
    middle = points.mean(1, keepdim=True)
    size = (points - middle).square().sum(2).mean(1).clamp_min(SMALLEST**2).sqrt()
    along = points[:, RIGHT_EYE].mean(1) - points[:, LEFT_EYE].mean(1)
    length = along.norm(dim=1, keepdim=True)
    across = torch.stack((torch.ones_like(size), torch.zeros_like(size)), dim=-1)
    along = torch.where(length > SMALLEST, along / length.clamp_min(SMALLEST), across) * size[:, None]
    down = torch.stack((-along[:, 1], along[:, 0]), dim=-1)
    return middle, torch.stack((along, down), dim=-1)


def shrink(images: Tensor) -> Tensor:
    """Reduce images (B, 3, S, S) to the 64 px that PointsNet looks at."""
    return F.interpolate(images, size=(SIZE, SIZE), mode="bilinear", antialias=True)


def soft_argmax(logits: Tensor) -> Landmarks:
    """Centre of mass and spread of the heatmaps softmax(logits), (B, N, h, h).

    Cell i of h has its centre at (2 i + 1) / h - 1 of the image's width; positions with pixel centres at the ends
    (`align_corners=True`, crops of 256 px) are 256 / 255 times that.
    """
    heat = logits.flatten(2).softmax(-1).view_as(logits)
    h = logits.shape[-1]
    axis = (torch.arange(h, device=logits.device, dtype=logits.dtype) * 2 + 1) / h - 1
    along_x, along_y = heat.sum(2), heat.sum(3)  # marginals, (B, N, h)
    mean = torch.stack(((along_x * axis).sum(-1), (along_y * axis).sum(-1)), dim=-1)
    square = (along_x * axis**2).sum(-1) + (along_y * axis**2).sum(-1)
    spread = (square - mean.square().sum(-1)).clamp_min(1e-8).div(2).sqrt()
    factor = STRETCH * 256 / 255
    return Landmarks(mean * factor, spread * factor)


def _both(images: Tensor) -> Tensor:
    return torch.cat((images, images.flip(-1)))


def _dense(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.Dropout(0.1)


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
