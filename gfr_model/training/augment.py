"""What makes more of the pairs: other guides, crops moved and turned, pairs without colour, samples without a guide.

Everything is a function of (seed, epoch, pair), as mirroring is, and happens to crops and landmarks before degradation.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.config import TrainConfig
from gfr_model.device import send
from gfr_model.networks.warp import identity_flow, normalise, to_pixels
from gfr_model.training.pair_table import PairTable
from gfr_model.training.pairs import Pairs

LUMA = (0.299, 0.587, 0.114)  # BT.601
PLAIN = 128  # grey level of a guide that stands for none
DRAWS = 17  # uniform numbers of a sample, used as below
GUIDE, STRANGE, STRANGER, GREY, COLOURED, MISSING, TARGET_MOVES, GUIDE_MOVES, SCALE = 0, 1, 2, 3, 4, 5, 6, 11, 16
MOVES = 5  # numbers that move one crop: whether, its size, its angle, its place x and y


def draws_of(epoch: np.ndarray, index: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The random numbers of every sample in its epoch, (B, DRAWS) float64 in [0, 1)."""
    return np.stack([_draws(seed, int(e), count)[i] for e, i in zip(epoch, index, strict=True)])


def guides_of(table: PairTable, index: np.ndarray, draws: np.ndarray, config: TrainConfig, warping: bool) -> np.ndarray:
    """The crop that guides each sample, (B,) index into the table's paths; `warping`: in stage 1."""
    chosen = table.guide[index].copy()
    for place, (target, draw) in enumerate(zip(table.target[index], draws, strict=True)):
        person = table.crop_persons[target]
        own = table.crops_of(person)
        if config.guides == "any":
            others = own[own != target]
            chosen[place] = others[int(draw[GUIDE] * len(others))]
        if not warping or draw[STRANGE] >= config.strangers:
            continue
        if draw[STRANGE] < config.strangers / 2 or len(own) == len(table.paths):
            chosen[place] = target
        else:  # counted past the person's own crops
            others = np.flatnonzero(table.crop_persons != person)
            chosen[place] = others[int(draw[STRANGER] * len(others))]
    return chosen


def augment(pairs: Pairs, draws: np.ndarray, config: TrainConfig, warping: bool) -> Pairs:
    """The same pairs moved, without colour, or without a guide, as `draws` (B, DRAWS) has it.

    A guide that is left out gets the target's landmarks: there is nothing to align.
    """
    target, target_points = _moved(pairs.target, pairs.target_points, draws[:, TARGET_MOVES:], config)
    guide, guide_points = _moved(pairs.guide, pairs.guide_points, draws[:, GUIDE_MOVES:], config)
    if config.grey:
        grey = draws[:, GREY] < config.grey
        target = torch.where(_mask(grey, target), _without_colour(target), target)
        guide = torch.where(_mask(grey & (draws[:, COLOURED] < 0.5), guide), _without_colour(guide), guide)
    if not warping and config.no_guide:
        missing = _mask(draws[:, MISSING] < config.no_guide, guide)
        guide = torch.where(missing, torch.full_like(guide, PLAIN), guide)
        guide_points = torch.where(missing[..., 0], target_points, guide_points)
    return Pairs(target, guide, target_points, guide_points)


def jitter(images: Tensor, points: Tensor, scale: Tensor, angle: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Look at images (B, 3, S, S) uint8 through another frame, and say where their points (B, N, 2) px are in it.

    The new frame is `scale` (B,) times as wide, turned by `angle` (B,) radians, its middle moved by `shift` (B, 2)
    half widths. What lies outside the old one repeats its border.
    """
    size = images.shape[-1]
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    matrix = torch.stack((torch.stack((cosine, -sine), -1), torch.stack((sine, cosine), -1)), -2)
    grid = identity_flow(size, size, images.device).flatten(2)
    where = (matrix @ grid + shift[..., None]).transpose(1, 2).reshape(len(images), size, size, 2)
    seen = F.grid_sample(images.float(), where, padding_mode="border", align_corners=True)
    moved = (normalise(points, size) - shift[:, None]) @ torch.linalg.inv_ex(matrix).inverse.transpose(1, 2)
    return seen.round().clamp(0, 255).to(torch.uint8), to_pixels(moved, size)


def _moved(images: Tensor, points: Tensor, draws: np.ndarray, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Half of the crops moved by at most what the configuration allows."""
    if not config.jitter and not config.jitter_angle:
        return images, points
    chosen = np.flatnonzero(draws[:, 0] < 0.5)
    if not len(chosen):
        return images, points
    there = send(torch.from_numpy(chosen), images.device)
    numbers = send(torch.from_numpy((draws[chosen, 1:MOVES] * 2 - 1).astype(np.float32)), images.device)
    scale, angle = torch.exp(numbers[:, 0] * config.jitter), numbers[:, 1] * config.jitter_angle
    seen, moved = jitter(images[there], points[there], scale, angle, numbers[:, 2:] * config.jitter)
    return images.index_copy(0, there, seen), points.index_copy(0, there, moved)


def _without_colour(images: Tensor) -> Tensor:
    luma = sum(weight * images[:, place].float() for place, weight in enumerate(LUMA))
    return torch.as_tensor(luma).round().to(torch.uint8)[:, None].expand_as(images)


def _mask(chosen: np.ndarray, images: Tensor) -> Tensor:
    return send(torch.from_numpy(chosen), images.device)[:, None, None, None]


@functools.lru_cache(maxsize=2)
def _draws(seed: int, epoch: int, count: int) -> np.ndarray:
    # A key of its own: pairs.py draws order and mirroring from (seed, 2 epoch) and (seed, 2 epoch + 1).
    return np.random.Generator(np.random.Philox(key=[seed, 2**62 + epoch])).random((count, DRAWS))
