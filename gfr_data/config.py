"""What a build is asked for: its configuration, which part of it decides the result, and what cannot be."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gfr_data.engine import Engine
from gfr_data.examination.index import SHARD_PHOTOGRAPHS
from gfr_data.examination.shard import ExaminationSettings
from gfr_data.examination.work import POINTS
from gfr_data.faces.embedding import Cosines, Embedder
from gfr_data.faces.providers import AUTO, hash_points, unknown_provider
from gfr_data.pairs.guide import SelectionRules
from gfr_data.pairs.label_noise import Asked
from gfr_data.pairs.recipe import departures
from gfr_data.quality.judge import MEASURES_VERSION, Thresholds
from gfr_data.quality.persons import PersonRules
from gfr_data.sources.addresses import is_address
from gfr_data.sources.source import Source
from manifests import ConfigError, DataError, Provenance, hash_file, provenance
from manifests.crops import CROP_SIZE, CROP_SIZES

TOOL = "gfr-data build-pairs"
WEIGHTS = "weights"  # among the settings that a table carries: hash of the landmark network's
DECISIONS = "decisions"  # the same of the file of decisions, which may change while the build stays


@dataclass(frozen=True)
class BuildConfig:
    sources: tuple[Source, ...]  # datasets, in the order of the tables
    out: Path  # folder to write
    landmarks: str = AUTO  # 'fan', 'dlib', 'file:PATH' with points that exist, or 'auto', see `build.settled`
    fan_weights: Path | None = None  # of 'fan'; None: what was downloaded
    device: str = "cpu"  # where the networks run: 'cpu', 'cuda', or 'auto', see `build.settled`
    seed: int = 0  # keys the split by person
    crop_size: int = CROP_SIZE  # px of the crops, one of CROP_SIZES
    limit: int | None = None  # first identities of each subset of each source; None is all
    recipe: str | None = None  # one of RECIPES: refuse what departs from it
    thresholds: Thresholds = field(default_factory=Thresholds)  # quality
    rules: SelectionRules = field(default_factory=SelectionRules)  # guide and targets
    embedder: Embedder | None = (
        None  # finds wrong persons, as `gfr_model.open_embedder` gives one; None: nobody is asked
    )
    persons: PersonRules = field(default_factory=PersonRules)  # of what it tells
    decisions: Path | None = None  # CSV of what a person decided about photographs, see `examination.decisions`
    shard_photographs: int = SHARD_PHOTOGRAPHS  # a shard ends with the identity that reaches this
    # The settings below do not change the result.
    trust_program: bool = False  # run `fan_weights` that are a TorchScript program
    engine: Engine = field(default_factory=Engine)
    retry_failed: bool = False  # examine unreadable photographs again
    overwrite: bool = False  # make it anew

    def examination(self, weights: str | None = None) -> ExaminationSettings:
        """The part of it that the workers need; `weights` is the hash of the landmark network's."""
        rest = self.landmarks, self.fan_weights, self.device, self.thresholds, weights, hash_points(self.landmarks)
        return ExaminationSettings(self.sources, *rest, self.trust_program, self.out / POINTS, self.embedder)

    def asked(self) -> Asked | None:
        """The scale of the embedder, and what it takes to be another person; None where there is no embedder."""
        return None if self.embedder is None else Asked(_cosines(self.embedder), self.persons)

    def made_by(self, weights: str | None = None) -> Provenance:
        """What the index and the shards of the build carry."""
        return provenance(TOOL, self.result_settings() | {WEIGHTS: weights}, self.crop_size)

    def tables_made_by(self, weights: str | None = None) -> Provenance:
        """What its tables carry: that, and the hash of the decisions where there are any."""
        hashed = {} if self.decisions is None else {DECISIONS: _hash_of(self.decisions, "decisions")}
        return provenance(TOOL, self.result_settings() | {WEIGHTS: weights} | hashed, self.crop_size)

    @property
    def selection(self) -> SelectionRules:
        """The rules for crops of `crop_size`: a target has to be as much larger in its photograph."""
        return replace(self.rules, target_side=self.rules.target_side * self.crop_size / CROP_SIZE)

    def result_settings(self) -> dict[str, Any]:
        """The settings that change the result, as JSON values."""
        settings: dict[str, Any] = {
            "sources": [source.to_json() for source in self.sources],
            "landmarks": self.landmarks,
            "landmarks_hash": hash_points(self.landmarks),
            "fan_weights": str(self.fan_weights) if self.fan_weights else None,
            "device": self.device,
            "seed": self.seed,
            "limit": self.limit,
            "recipe": self.recipe,
            "thresholds": asdict(self.thresholds),
            "measures": MEASURES_VERSION,
            "selection": asdict(self.selection),
            "shard_photographs": self.shard_photographs,
        }
        if self.embedder is not None:
            asked = self.embedder
            settings["embedder"] = {"name": asked.name, "weights": asked.digest, "cosines": asdict(_cosines(asked))}
            settings["persons"] = asdict(self.persons)
        if self.crop_size != CROP_SIZE:
            settings["crop_size"] = self.crop_size
        if tables := [table for source in self.sources for table in source.tables]:
            settings["tables_hash"] = [_hash_of(table, "pairs") for table in tables]
        return dict(json.loads(json.dumps(settings)))  # as it is read back: lists for tuples


def check(config: BuildConfig) -> None:
    """Raise ConfigError naming every setting that cannot be used."""
    names = [source.dataset for source in config.sources]
    problems = [] if names else ["no --source is given"]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"two sources are called {repeated[0]!r}: give one another name with LAYOUT:NAME=ROOT")
    problems += [problem for source in config.sources if (problem := _overlap(source, config.out))]
    if config.limit is not None and config.limit < 1:
        problems.append(f"--limit is {config.limit}, must be at least 1")
    if config.crop_size not in CROP_SIZES:
        problems.append(f"--crop-size is {config.crop_size}, must be {' or '.join(map(str, CROP_SIZES))}")
    if config.recipe is not None and config.crop_size != CROP_SIZE:
        problems.append(f"--recipe {config.recipe} crops {CROP_SIZE} px; leave out --crop-size")
    if config.engine.jobs < 1:
        problems.append(f"--jobs is {config.engine.jobs}, must be at least 1")
    if problem := unknown_provider(config.landmarks):
        problems.append(f"--landmarks: {problem}")
    if config.embedder is None and config.persons != PersonRules():
        problems.append("--set persons... is for builds with --embedder; give one, or leave it out")
    if config.recipe is not None:
        problems += departures(config.recipe, config.sources, config.limit, config.rules)
    if problems:
        raise ConfigError("; ".join(problems))


def _overlap(source: Source, out: Path) -> str | None:
    """What is wrong when one of the two folders lies in the other; None when they are apart."""
    if is_address(source.root):
        return None
    root, out = Path(source.root).resolve(), out.resolve()
    if out.is_relative_to(root):
        return f"--out {out} lies in the source {root}: its crops would be taken for photographs; give a folder outside"
    if root.is_relative_to(out):
        return f"--out {out} holds the source {root}; give a folder beside it"
    return None


def _cosines(embedder: Embedder) -> Cosines:
    return Cosines(embedder.strangers, embedder.person)


def _hash_of(file: str | Path, what: str) -> str:
    try:
        return hash_file(file)
    except OSError as error:
        raise DataError(f"cannot read the {what} {file}: {error.strerror}") from error
