"""Photographs to guided pairs (§4.1): index, examine, choose, write. DESIGN §4 from top to bottom.

The folder a build writes:

    build.json       the configuration that decides the result; a build with another one needs another folder
    work/            the index and the finished shards: what a killed build goes on from
    crops/           crops of the selected faces, 256x256 or as --crop-size says, <dataset>/<identity>/<stem>.png; a
                     folder that would hold more than 10,000 is parted, see `manifests.crowds`
    faces.parquet    every photograph examined, with what became of it
    pairs.parquet    (target, guide) pairs with their split
    report.html      the same to look at
    summary.json     the counts; written last, so that its presence means that all is done
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gfr_data.config import DECISIONS, TOOL, WEIGHTS, BuildConfig, check
from gfr_data.engine import run
from gfr_data.examination.decisions import find_decided, read_decisions
from gfr_data.examination.index import changed_files, read_photographs, write_index
from gfr_data.examination.shard import ExaminationSettings
from gfr_data.examination.work import POINTS, WORK, Work
from gfr_data.examination.workers import drop_misfits, examine_again, examine_all
from gfr_data.faces.providers import AUTO, choose_provider, hash_weights, put_points, require_points, require_weights
from gfr_data.pairs.choose import Choice, choose_pairs
from gfr_data.pairs.deal import LISTS, dealt, write_lists
from gfr_data.pairs.tables import (
    CROPS,
    CropNames,
    crop_tasks,
    face_tables,
    name_crops,
    pair_tables,
    remove_other_crops,
    write_crops,
)
from gfr_data.report.build_page import write_report
from gfr_data.report.summary import SUMMARY_FILE, BuildSummary, read_summary, summarise, write_summary
from gfr_data.settle import begun_with, device_here
from gfr_data.sources.layouts import list_identities
from gfr_data.sources.source import Identity
from manifests import (
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    DataError,
    Progress,
    Provenance,
    folders,
    is_made_by,
    is_whole,
    named_files,
    read_parts,
    settings_of,
    silent,
    write_parts,
)
from manifests.folders import Kind, claimed, remove
from manifests.tables.checking import CROPS as CROP_COLUMNS
from manifests.tables.schemas import FACES_UNASKED

CONFIG_FILE = "build.json"
REPORT_FILE = "report.html"
SHARD_FILES = f"{WORK}/shards/**/*.parquet"
ROUNDS = 5  # of examining anew what was changed meanwhile
FILES = (
    *(SUMMARY_FILE, FACES_FILE, PAIRS_FILE, REPORT_FILE),
    f"{CROPS}/*.png",
    f"{LISTS}/*.csv",
    f"{WORK}/index.parquet",
    f"{WORK}/shards/*",
    f"{POINTS}/*",
)


def _witness(out: Path) -> str | None:
    """`build.json` as the tables of the build have it, the shards of an unfinished one among them."""
    shards = sorted(out.glob(SHARD_FILES))
    for path in (out / PAIRS_FILE, out / FACES_FILE, *shards, out / WORK / "index.parquet"):
        if (found := settings_of(path, TOOL)) is not None:
            return _json({name: value for name, value in json.loads(found).items() if name not in (WEIGHTS, DECISIONS)})
    return None


def _is_begun(out: Path) -> bool:
    """Whether anything was examined: before that a build may be given up for one with other settings."""
    return any((out / name).exists() for name in (FACES_FILE, PAIRS_FILE)) or any(out.glob(SHARD_FILES))


FOLDER = Kind(TOOL, CONFIG_FILE, '{\n  "sources"', FILES, _witness, _is_begun)


@dataclass(frozen=True)
class _Job:
    config: BuildConfig
    mark: str  # what build.json holds
    work: Work
    made_by: Provenance  # of the tables
    settings: ExaminationSettings


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

    What is gone, cut or another's of a finished build is made again, from its shards as far as they are there.
    Raises ConfigError for settings that cannot be used or are not those of `out`, DataError when `out` is somebody
    else's, a source is not what its layout says or changes under the build, or something cannot be written. Finished
    shards stay valid then.
    """
    check(config)
    config = settled(config)
    job = _prepare(config)
    if not folders.check(config.out, FOLDER, job.mark, config.overwrite):
        require_weights(config.landmarks, config.fan_weights, config.trust_program)  # before anything is replaced
    with claimed(config.out, FOLDER, job.mark, config.overwrite):
        if not config.retry_failed and _is_finished(job):
            return replace(read_summary(config.out), changed=False)
        require_weights(config.landmarks, config.fan_weights, config.trust_program)
        _begin(job)
        _index(job, progress)
        decided = find_decided(job.work, config.sources, config.decisions) if config.decisions else {}
        examine_again(job.work, job.settings, config.engine, progress, decided, config.retry_failed)
        for _ in range(ROUNDS):
            examine_all(job.work, job.settings, config.engine, progress, decided=decided)
            choice = choose_pairs(job.work, config.sources, config.selection, config.seed, config.asked())
            if config.recipe is not None:
                choice = dealt(choice, config.seed)
            names = name_crops(choice)
            hashes, changed = _crop(job, choice, names, progress)
            if not changed:
                return _write(job, choice, names, hashes, progress)
            job.work.forget_shards(changed)  # a photograph was changed or removed after it was examined
        raise DataError("photographs change faster than they are examined; run again when nobody writes to the sources")


def plan(config: BuildConfig, progress: Progress = silent) -> Plan:
    """What a build would examine; writes nothing. Raises what `build_pairs` would raise before it begins."""
    check(config)
    config = settled(config)
    job = _prepare(config)
    stays = bool(folders.check(config.out, FOLDER, job.mark, config.overwrite))
    finished = stays and not config.retry_failed and _is_finished(job)
    require_weights(config.landmarks, config.fan_weights, config.trust_program)
    if config.decisions:
        read_decisions(config.decisions)
    identities: Counter[str] = Counter()
    photographs: Counter[str] = Counter()
    for _, identity in _identities(config, progress):
        part = "/".join(filter(None, (identity.dataset, identity.subset)))
        identities[part] += 1
        photographs[part] += len(identity.paths)
    return Plan(dict(identities), dict(photographs), finished)


def settled(config: BuildConfig) -> BuildConfig:
    """`config` with 'auto' replaced: by what `out` was begun with, else by what this machine has.

    Raises DataError, which says what to install, where no provider of landmarks is.
    """
    begun = {} if config.overwrite else begun_with(config.out / CONFIG_FILE) or json.loads(_witness(config.out) or "{}")
    if config.device == AUTO:
        config = replace(config, device=begun.get("device") or device_here())
    if config.landmarks == AUTO:
        config = replace(config, landmarks=begun.get("landmarks") or choose_provider(config.fan_weights))
    return config


def _prepare(config: BuildConfig) -> _Job:
    weights = hash_weights(config.landmarks, config.fan_weights)
    if weights is None and (found := settings_of(config.out / PAIRS_FILE, TOOL)) is not None:
        weights = json.loads(found).get(WEIGHTS)  # a finished build does not need the file any more
    work = Work(config.out / WORK, config.made_by(weights))
    made_by = config.tables_made_by(weights)
    return _Job(config, _json(config.result_settings()), work, made_by, config.examination(weights))


def _is_finished(job: _Job) -> bool:
    """Whether the folder holds this build, all of it, as far as footers and the ends of files tell."""
    out = job.config.out
    if not (job.work.is_indexed() and is_whole(out / REPORT_FILE)):
        return False
    if not all(is_made_by(out / name, job.made_by) for name in (FACES_FILE, PAIRS_FILE)) or job.work.missing():
        return False
    noted, named = job.work.all_noted_crops(), set[str]()
    try:
        read_summary(out)
        for _, part in read_parts(
            out / PAIRS_FILE, PAIRS, ["split", *(name for both in CROP_COLUMNS for name in both)]
        ):
            files = list(named_files(part))
            named.update(file.path for file in files)
            if not all(noted.get(file.path) == file.digest for file in files):
                return False
            if job.config.recipe and not all(
                (out / LISTS / f"{name}.csv").is_file() for name in part["split"].unique()
            ):
                return False
    except DataError:
        return False
    return all(is_whole(out / path) for path in named)


def _begin(job: _Job) -> None:
    """Remove the mark of a finished build and the notes of a killed one, and make the work folder."""
    config, work = job.config, job.work
    # With other faces selected after a second look, a crop's name could stand for another photograph.
    old = [SUMMARY_FILE, f"{CROPS}/*.png"] if config.retry_failed else [SUMMARY_FILE]
    # What an earlier run's workers were at matters only where that run itself may have died of it.
    remove(config.out, old if config.engine.in_process else [*old, f"{WORK}/shards/*.now"])
    try:
        work.make()
    except OSError as error:
        raise DataError(f"cannot write to {work.folder}: {error.strerror}; choose another --out") from error


def _index(job: _Job, progress: Progress) -> None:
    config, work = job.config, job.work
    if not work.is_indexed() or changed_files(work, config.sources):
        write_index(work, _identities(config, progress), config.shard_photographs)
        if drop_misfits(work, config.sources):
            remove(config.out, [f"{CROPS}/*.png"])  # of other photographs too, then
    if len(work.missing()) == work.count():  # better now than after hours of detection
        photographs = (p for number in range(work.count()) for p in read_photographs(work, number, config.sources))
        require_points(config.landmarks, ((p.source.root, p.name) for p in photographs))
    if job.settings.points and (work.missing() or config.decisions or config.retry_failed):
        put_points(config.landmarks, config.out / POINTS, job.settings.points)


def _identities(config: BuildConfig, progress: Progress) -> Iterator[tuple[int, Identity]]:
    photographs = 0
    for number, source in enumerate(config.sources):
        for identity in list_identities(source, config.limit):
            photographs += len(identity.paths)
            progress("index", photographs, photographs + 1)  # how many there are is not known before the end
            yield number, identity
    progress("index", photographs, photographs)
    if not photographs:
        roots = ", ".join(source.root for source in config.sources)
        raise DataError(f"no photograph found in {roots}; check the layout of the source")


def _crop(job: _Job, choice: Choice, names: CropNames, progress: Progress) -> tuple[dict[int, str], list[int]]:
    """Write the crops of the selected faces; return the hash of each file, and the shards to examine anew."""
    config, faces = job.config, choice.faces
    hashes: dict[int, str] = {}
    changed: list[int] = []
    tasks = crop_tasks(job.work, config.out, config.sources, faces, names, config.crop_size)
    for shard, made in run(write_crops, tasks, config.engine):
        if made is None:
            changed.append(shard)
        else:
            hashes |= zip(faces.numbers(shard, list(made)), made.values(), strict=True)
        progress("crop", len(hashes), len(names.names))
    remove_other_crops(config.out, map(names.path, names.names))
    return hashes, changed


def _write(job: _Job, choice: Choice, names: CropNames, hashes: dict[int, str], progress: Progress) -> BuildSummary:
    """Write tables, report and, as the last file, the summary."""
    out, work = job.config.out, job.work
    progress("write", 0, 3)
    schema, size = FACES if job.config.embedder else FACES_UNASKED, job.config.crop_size
    write_parts(out / FACES_FILE, face_tables(work, choice, names, schema, size), schema, job.made_by)
    write_parts(out / PAIRS_FILE, pair_tables(work, choice, names, hashes, size), PAIRS, job.made_by)
    if job.config.recipe is not None:
        write_lists(out)
    progress("write", 1, 3)
    summary = summarise(out, choice.without_pair, job.config.embedder.name if job.config.embedder else None)
    write_report(out, out / REPORT_FILE, summary)
    remove(out, [f"{POINTS}/*"])  # large, and of no use any more
    progress("write", 2, 3)
    write_summary(out, summary)
    progress("write", 3, 3)
    return summary


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
