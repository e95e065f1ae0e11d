"""Photographs to guided pairs (§4.1): index, examine, choose, write. DESIGN §4 from top to bottom.

The folder a build writes:

    build.json       the configuration that decides the result; a build with another one needs another folder
    work/            the index and the finished shards: what a killed build goes on from
    crops/           256x256 crops of the selected faces
    faces.parquet    every photograph examined, with what became of it
    pairs.parquet    (target, guide) pairs with their split
    report.html      the same to look at
    summary.json     the counts; written last, so that its presence means that all is done
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gfr_data.engine import Engine, run
from gfr_data.examination.shard import ExaminationSettings
from gfr_data.examination.work import SHARD_PHOTOGRAPHS, Work, read_photographs, write_index
from gfr_data.examination.workers import examine_all, examine_unreadable_again
from gfr_data.faces.providers import points_file, require_points, require_weights, unknown_provider
from gfr_data.pairs.choose import Choice, RowKey, choose_pairs, read_entries
from gfr_data.pairs.guide import SelectionRules
from gfr_data.pairs.recipe import departures
from gfr_data.pairs.tables import CROPS, crop_tasks, face_tables, name_crops, pair_table, write_crops
from gfr_data.quality.judge import Thresholds
from gfr_data.report.build_page import write_report
from gfr_data.report.summary import SUMMARY_FILE, BuildSummary, read_summary, summarise
from gfr_data.settle import begun_with, device_here
from gfr_data.sources.layouts import Identity, Source, list_identities
from manifests import (
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    DataError,
    Progress,
    folders,
    hash_file,
    provenance,
    silent,
    write_parts,
    write_table,
    write_text,
)
from manifests.folders import Kind, claimed, remove

CONFIG_FILE = "build.json"
REPORT_FILE = "report.html"
WORK = "work"
FILES = (
    SUMMARY_FILE,
    FACES_FILE,
    PAIRS_FILE,
    REPORT_FILE,
    f"{CROPS}/*.png",
    f"{WORK}/index.parquet",
    f"{WORK}/shards/*",
)
FOLDER = Kind("gfr-data build-pairs", CONFIG_FILE, '{\n  "sources"', FILES)


@dataclass(frozen=True)
class BuildConfig:
    sources: tuple[Source, ...]  # datasets, in the order of the tables
    out: Path  # folder to write
    landmarks: str = "fan"  # provider: 'fan', or 'file:PATH' with points that exist already
    fan_weights: Path | None = None  # of 'fan'; None looks in the face-alignment package's cache
    device: str = "cpu"  # where the networks run: 'cpu', 'cuda', or 'auto', see `settled`
    seed: int = 0  # keys the split by person
    limit: int | None = None  # first identities of each subset of each source; None is all
    recipe: str | None = None  # one of RECIPES: refuse what departs from it
    thresholds: Thresholds = field(default_factory=Thresholds)  # quality
    rules: SelectionRules = field(default_factory=SelectionRules)  # guide and targets
    shard_photographs: int = SHARD_PHOTOGRAPHS  # a shard ends with the identity that reaches this
    # The settings below do not change the result.
    engine: Engine = field(default_factory=Engine)
    retry_failed: bool = False  # examine unreadable photographs again
    overwrite: bool = False  # make it anew

    def examination(self) -> ExaminationSettings:
        """The part of it that the workers need."""
        return ExaminationSettings(self.sources, self.landmarks, self.fan_weights, self.device, self.thresholds)

    def result_settings(self) -> dict[str, Any]:
        """The settings that change the result, as JSON values."""
        settings = {
            "sources": [{"layout": s.layout, "root": str(s.root), "dataset": s.dataset} for s in self.sources],
            "landmarks": self.landmarks,
            "landmarks_hash": _hash_of_points(self.landmarks),
            "fan_weights": str(self.fan_weights) if self.fan_weights else None,
            "device": self.device,
            "seed": self.seed,
            "limit": self.limit,
            "recipe": self.recipe,
            "thresholds": asdict(self.thresholds),
            "selection": asdict(self.rules),
            "shard_photographs": self.shard_photographs,
        }
        return dict(json.loads(json.dumps(settings)))  # as it is read back: lists for tuples


@dataclass(frozen=True)
class Plan:
    identities: dict[str, int]  # by dataset and subset
    photographs: dict[str, int]  # by dataset and subset
    finished: bool  # the folder holds this build already

    def text(self) -> str:
        """The plan as lines for a person."""
        lines = [
            f"{part}: {self.photographs[part]:,} photographs of {count:,}" for part, count in self.identities.items()
        ]
        return "\n".join([*lines, "all of it is done already" if self.finished else "nothing was written"])


def build_pairs(config: BuildConfig, progress: Progress = silent) -> BuildSummary:
    """Build `config.out` from its sources, continuing what was interrupted; a finished build is left as it is.

    Raises ConfigError for settings that cannot be used or are not those of `out`, DataError when `out` is somebody
    else's, a source is not what its layout says or changes under the build, or something cannot be written. Finished
    shards stay valid then.
    """
    config = settled(config)
    check(config)
    if not _finished(config):
        require_weights(config.landmarks, config.fan_weights)
    with claimed(config.out, FOLDER, _json(config.result_settings()), config.overwrite):
        if _finished(config):
            return replace(read_summary(config.out), changed=False)
        work = _prepare(config)
        _index(config, work, progress)
        if config.retry_failed:
            examine_unreadable_again(work, config.examination(), config.engine, progress)
        examine_all(work, config.examination(), config.engine, progress)
        choice = choose_pairs(read_entries(work), config.sources, config.rules, config.seed)
        paths, hashes = _crop(config, work, choice, progress)
        return _write(config, work, choice, paths, hashes, progress)


def plan(config: BuildConfig, progress: Progress = silent) -> Plan:
    """What a build would examine; writes nothing. Raises what `build_pairs` would raise before it begins."""
    config = settled(config)
    check(config)
    finished = _finished(config)
    require_weights(config.landmarks, config.fan_weights)
    identities: Counter[str] = Counter()
    photographs: Counter[str] = Counter()
    for _, identity in _identities(config, progress):
        part = "/".join(filter(None, (identity.dataset, identity.subset)))
        identities[part] += 1
        photographs[part] += len(identity.paths)
    return Plan(dict(identities), dict(photographs), finished)


def settled(config: BuildConfig) -> BuildConfig:
    """`config` with 'auto' replaced: by what `out` was begun with, else by what this machine has."""
    if config.device != "auto":
        return config
    begun = {} if config.overwrite else begun_with(config.out / CONFIG_FILE)
    return replace(config, device=begun.get("device") or device_here())


def check(config: BuildConfig) -> None:
    """Raise ConfigError naming every setting that cannot be used."""
    names = [source.dataset for source in config.sources]
    problems = [] if names else ["no --source is given"]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"two sources are called {repeated[0]!r}: give one another name with LAYOUT:NAME=ROOT")
    if config.limit is not None and config.limit < 1:
        problems.append(f"--limit is {config.limit}, must be at least 1")
    if config.engine.jobs < 1:
        problems.append(f"--jobs is {config.engine.jobs}, must be at least 1")
    if problem := unknown_provider(config.landmarks):
        problems.append(f"--landmarks: {problem}")
    if config.recipe is not None:
        problems += departures(config.recipe, config.sources, config.limit, config.rules)
    if problems:
        raise ConfigError("; ".join(problems))


def _finished(config: BuildConfig) -> bool:
    """Whether `out` holds this build, all of it. Raises ConfigError or DataError when `out` cannot be written."""
    if config.retry_failed or not folders.check(config.out, FOLDER, _json(config.result_settings()), config.overwrite):
        return False
    return all((config.out / name).is_file() for name in (SUMMARY_FILE, FACES_FILE, PAIRS_FILE, REPORT_FILE))


def _prepare(config: BuildConfig) -> Work:
    """Remove the mark of a finished build and the notes of a killed one, and make the work folder."""
    work = Work(config.out / WORK)
    # With other faces selected after a second look, a crop's name could stand for another photograph.
    old = [SUMMARY_FILE, f"{CROPS}/*.png"] if config.retry_failed else [SUMMARY_FILE]
    # What an earlier run's workers were at matters only where that run itself may have died of it.
    remove(config.out, old if config.engine.in_process else [*old, f"{WORK}/shards/*.now"])
    try:
        work.make()
    except OSError as error:
        raise DataError(f"cannot write to {work.folder}: {error.strerror}; choose another --out") from error
    return work


def _index(config: BuildConfig, work: Work, progress: Progress) -> None:
    if not work.index.is_file():
        write_index(work.index, _identities(config, progress), config.shard_photographs)
    if work.count() == 0:
        work.index.unlink()
        roots = ", ".join(str(source.root) for source in config.sources)
        raise DataError(f"no photograph found in {roots}; check the layout of the source")
    if len(work.missing()) == work.count():  # better now than after hours of detection
        photographs = (p for number in range(work.count()) for p in read_photographs(work, number, config.sources))
        require_points(config.landmarks, ((p.source.root, p.name) for p in photographs))


def _identities(config: BuildConfig, progress: Progress) -> Iterator[tuple[int, Identity]]:
    photographs = 0
    for number, source in enumerate(config.sources):
        for identity in list_identities(source, config.limit):
            photographs += len(identity.paths)
            progress("index", photographs, photographs + 1)  # how many there are is not known before the end
            yield number, identity
    progress("index", photographs, photographs)


def _crop(
    config: BuildConfig, work: Work, choice: Choice, progress: Progress
) -> tuple[dict[RowKey, str], dict[str, str]]:
    """Write the crops of the selected faces; return their paths by row, and the hash of each path."""
    paths = name_crops(choice)
    hashes: dict[str, str] = {}
    for written in run(write_crops, crop_tasks(work, config.out, config.sources, paths), config.engine):
        hashes |= written
        progress("crop", len(hashes), len(paths))
    return paths, hashes


def _write(
    config: BuildConfig,
    work: Work,
    choice: Choice,
    paths: dict[RowKey, str],
    hashes: dict[str, str],
    progress: Progress,
) -> BuildSummary:
    """Write tables, report and, as the last file, the summary."""
    out = config.out
    made_by = provenance("gfr-data build-pairs", config.result_settings())
    progress("write", 0, 3)
    write_parts(out / FACES_FILE, face_tables(work, choice, paths), FACES, made_by)
    pairs = pair_table(work, choice.pairs, paths, hashes)
    write_table(out / PAIRS_FILE, pairs, PAIRS, made_by)
    progress("write", 1, 3)
    summary = summarise(out, choice.without_pair)
    write_report(out, out / REPORT_FILE, summary)
    progress("write", 2, 3)
    write_text(out / SUMMARY_FILE, _json(asdict(summary)))
    progress("write", 3, 3)
    return summary


def _hash_of_points(landmarks: str) -> str | None:
    if not landmarks.startswith("file:"):
        return None
    path = points_file(landmarks)
    if not path.is_file():
        raise DataError(f"--landmarks {landmarks}: {path} does not exist; give a CSV, Parquet or TCDCN text of points")
    return hash_file(path)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
