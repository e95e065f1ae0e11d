"""Batches for the trainer: pairs, augmented, each with its own degradation; a function of the step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gfr_model.config import TrainConfig
from gfr_model.degradation.batch import degrade_batch
from gfr_model.networks.warp import normalise
from gfr_model.networks.window import cut, in_window
from gfr_model.training.augment import SCALE, augment, draws_of, guides_of
from gfr_model.training.pairs import Pairs, PairSet, flips_of, samples_of_step
from gfr_model.training.processes import World
from manifests.degradation.draws import pair_keys
from manifests.degradation.spaces import draw_from, scales_of, with_scales

HARD = 3  # the scale from which on a degradation counts as hard


@dataclass(frozen=True)
class Inputs:
    """What a step works on. Images are (B, 3, S, S) float in [0, 1]; points (B, 68, 2) in [-1, 1]."""

    degraded: Tensor  # I^d
    guide: Tensor  # I^g
    target: Tensor  # I
    target_points: Tensor
    guide_points: Tensor

    def window(self, corner: Tensor, size: int) -> "Inputs":
        """The part of `size` px from `corner` (B, 2) on, of every image, with the points as they lie in it."""
        whole = self.target.shape[-1]
        images = (cut(image, corner, size) for image in (self.degraded, self.guide, self.target))
        points = (in_window(points, corner, whole, size) for points in (self.target_points, self.guide_points))
        return Inputs(*images, *points)


class Feed:
    """The samples of one split, ready for the networks."""

    def __init__(self, pairs: PairSet, config: TrainConfig, world: World) -> None:
        self.pairs, self.config, self.world = pairs, config, world
        self.space = config.degradations
        self.keys = pair_keys(config.seed, pairs.table.pair_ids)
        scales = scales_of(self.space)
        self.hard = with_scales(self.space, tuple(s for s in scales if s >= HARD) or scales)
        self.dtype = torch.float64 if config.precision == "float64" else torch.float32

    def __len__(self) -> int:
        return len(self.pairs)

    def step(self, step: int, warping: bool = False) -> Inputs:
        """This process's part of the batch of a training step; `warping`: of stage 1."""
        epoch, index = samples_of_step(step, self.config.batch_size, len(self.pairs), self.config.seed)
        epoch, index = self.world.share(epoch), self.world.share(index)
        flip = flips_of(epoch, index, len(self.pairs), self.config.seed) & self.config.flip
        draws = draws_of(epoch, index, len(self.pairs), self.config.seed)
        guides = guides_of(self.pairs.table, index, draws, self.config, warping)
        pairs = self.pairs.batch(index, flip, self.world.device, guides)
        hard = draws[:, SCALE] < self.config.hard
        return self._inputs(augment(pairs, draws, self.config, warping), index, epoch + 1, hard)

    def validation(self, index: np.ndarray) -> Inputs:
        """Pairs `index` as they stand, each with the degradation that it has in every validation."""
        pairs = self.pairs.batch(index, np.zeros(len(index), dtype=bool), self.world.device)
        return self._inputs(pairs, index, np.zeros(len(index), dtype=np.int64), np.zeros(len(index), dtype=bool))

    def pair_ids(self, step: int) -> list[str]:
        """The pairs of a training step, of all processes."""
        _, index = samples_of_step(step, self.config.batch_size, len(self.pairs), self.config.seed)
        return [self.pairs.table.pair_ids[i] for i in index]

    def _inputs(self, pairs: Pairs, index: np.ndarray, copy: np.ndarray, hard: np.ndarray) -> Inputs:
        drawn = draw_from(self.space, self.keys[index], copy)
        if hard.any():
            harder = draw_from(self.hard, self.keys[index], copy)
            drawn = drawn.with_scale(np.where(hard, harder.scale, drawn.scale))
        degraded = degrade_batch(pairs.target, drawn)
        layout = torch.channels_last if self.config.channels_last else torch.contiguous_format
        images = (
            image.to(dtype=self.dtype, memory_format=layout)
            for image in (degraded, pairs.guide.float().div_(255), pairs.target.float().div_(255))
        )
        points = (
            normalise(points, degraded.shape[-1]).to(self.dtype) for points in (pairs.target_points, pairs.guide_points)
        )
        return Inputs(*images, *points)
