"""What is to be scored: the settings of one call, and everything that they name, opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gfr_model.device import open_device
from gfr_model.learned_metrics import (
    LearnedFeatures,
    LearnedMetric,
    open_dists,
    open_features,
    open_identity,
    open_perceptual,
)
from gfr_model.results.learned import LEARNED
from gfr_model.scoring.cascade import cascade
from gfr_model.scoring.methods import Method, gather
from gfr_model.scoring.niqe import open_niqe
from gfr_model.scoring.observations import Folder, read_folder
from manifests import SCORES, ConfigError, DataError, read_table
from manifests.files import safe_name

PARTS, PANELS = "parts", "panels"
PART = 32  # observations that are scored, and kept, together
PROTOCOL = (
    "gfr-1: {0}x{0}, restored rounded to 8 bits; PSNR and SSIM (11x11 Gaussian, sigma 1.5, K 0.01 0.03, population "
    "covariance, windows inside the image) on RGB and on BT.601 Y (16 to 235), data range 255; bicubic a=-0.5"
)


@dataclass(frozen=True)
class ScoreConfig:
    """What to score, with what. Only `device` and `panels` do not decide about the numbers."""

    folders: tuple[Path, ...]  # of gfr-data degrade
    out: Path
    runs: tuple[str, ...] = ()  # '[NAME=]RUN', a run folder or a checkpoint
    cascades: tuple[str, ...] = ()  # 'NAME=RUN1,RUN2': the second's network on the result of the first's
    restored: tuple[str, ...] = ()  # 'NAME=FOLDER' of another system
    random_guide: bool = False  # also score each guided network with the guide of another person
    splits: tuple[str, ...] = ()  # none: all of the folders' splits
    limit: int | None = None  # observations of each split and folder
    seed: int = 0  # keys the random guides
    panels: int = 24  # observations whose pictures are kept
    identity_weights: Path | str | None = None  # name of weights that tell persons apart, or a TorchScript file
    lpips_weights: Path | str | None = None  # name of weights that see detail, or a TorchScript file
    dists_weights: Path | str | None = None  # `dists`, or a TorchScript file
    niqe_weights: Path | str | None = None  # `niqe`, or its model's file
    set_weights: Path | str | None = None  # name of weights whose features sets are compared by, or such a file
    trust_program: bool = False  # run such files
    device: str = "cpu"
    overwrite: bool = False  # replace a folder of other inputs


@dataclass(frozen=True)
class Part:
    """Observations of one folder that are scored together."""

    folder: Folder
    number: int  # of the folder
    start: int
    rows: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.number}-{self.start:07d}.parquet"


@dataclass(frozen=True)
class Job:
    """Everything there is to score."""

    config: ScoreConfig
    device: torch.device
    folders: tuple[Folder, ...]
    methods: tuple[Method, ...]
    learned: dict[str, LearnedMetric]  # by column of the scores
    features: LearnedFeatures | None
    protocol: str

    @property
    def parts(self) -> list[Part]:
        """The observations, cut."""
        return [
            Part(folder, number, start, folder.rows[start : start + PART])
            for number, folder in enumerate(self.folders)
            for start in range(0, len(folder.rows), PART)
        ]

    def file(self, part: Part, method: Method) -> Path:
        """Where the rows of a part are kept."""
        return self.config.out / PARTS / safe_name(method.name) / part.name


def prepare(config: ScoreConfig) -> Job:
    """Read what is to be scored. Raises what `score` would raise before it begins; writes nothing."""
    device = open_device(config.device)
    folders = tuple(read_folder(path, config.splits, config.limit) for path in config.folders)
    if len({folder.path.resolve().name for folder in folders}) < len(folders):
        raise ConfigError("two of the degraded folders have the same name; rename one, or score them apart")
    learned = {
        column: opened(given, device, config.trust_program)
        for column, (opened, given) in _asked(config).items()
        if given is not None
    }
    features = open_features(config.set_weights, device, config.trust_program) if config.set_weights else None
    opened = learned | ({"features": features} if features else {})
    taken = [f"{one.name} by {opened[one.column].name}" for one in LEARNED if one.column in opened]
    size = _one_size(folders)
    protocol = "; ".join([PROTOCOL.format(size), *taken])
    several = len(folders) > 1
    cascades = [cascade(text, device) for text in config.cascades]
    methods = gather(config.runs, config.restored, config.random_guide, config.seed, device, several, cascades, size)
    return Job(config, device, folders, methods, learned, features, protocol)


def _one_size(folders: Sequence[Folder]) -> int:
    """px of the crops of all folders. Raises ConfigError where they differ."""
    sizes = sorted({folder.size for folder in folders})
    if len(sizes) > 1:
        told = " and ".join(map(str, sizes))
        raise ConfigError(f"the degraded folders have crops of {told} px; score them apart")
    return sizes[0]


def _asked(config: ScoreConfig) -> dict[str, tuple[Callable[..., LearnedMetric], Path | str | None]]:
    """By column what opens its network, and the weights that were given."""
    return {
        "identity_similarity": (open_identity, config.identity_weights),
        "lpips": (open_perceptual, config.lpips_weights),
        "dists": (open_dists, config.dists_weights),
        "niqe": (open_niqe, config.niqe_weights),
    }


def read_part(path: Path, method: str) -> list[dict[str, Any]]:
    """The rows of a part. Raises DataError when it is damaged: of an earlier call's method, or it was scored again."""
    try:
        rows: list[dict[str, Any]] = read_table(path, SCORES).to_pylist()
        return rows
    except DataError as error:
        raise DataError(f"{error}: score {method} again, with its own --run or --restored") from error
