"""Restore photographs one after another, each with the guides of its person; go on past those that cannot be.

OUT/...             the restored photographs, named as theirs
OUT/restored.jsonl  what each was made from; the same command leaves alone what is there and made from the same
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gfr_model.album_log import Entry, append, is_ours, read_log
from gfr_model.checkpoint import TrainedModel, load_model
from gfr_model.faces import Vision
from gfr_model.guides import Guides, guide_files, read_guides
from gfr_model.photograph import FORMATS, READABLE, encode, read_metadata
from gfr_model.restore import Options, RestoredFace, RestoredPhotograph, comparison, restore_photograph
from manifests import ConfigError, DataError, Progress, hash_bytes, hash_file, project_version, silent, write_bytes

RESTORED, KEPT, FAILED = "restored", "kept", "failed"


@dataclass(frozen=True)
class AlbumConfig:
    photos: tuple[Path, ...]  # photographs, or one folder of them
    run: Path  # a run folder or a checkpoint
    guide: Path | None  # a photograph, a folder of one person's, or a folder with a folder for each person
    out: Path  # a file for one photograph, a folder for more
    options: Options = field(default_factory=Options)
    compare: bool = False  # also write NAME.compare.png
    device: str = "cpu"
    overwrite: bool = False


@dataclass(frozen=True)
class Job:
    """One photograph and where its result goes."""

    photo: Path
    guide: Path | None
    out: Path

    @property
    def compared(self) -> Path:
        return self.out.with_name(f"{self.out.stem}.compare.png")


@dataclass(frozen=True)
class Outcome:
    """What became of one photograph."""

    photo: str
    out: str
    state: str  # RESTORED, KEPT (was there already) or FAILED
    error: str = ""
    faces: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlbumSummary:
    outcomes: tuple[Outcome, ...]

    def count(self, state: str) -> int:
        return sum(outcome.state == state for outcome in self.outcomes)

    def record(self) -> dict[str, Any]:
        """The summary for a program."""
        counts = {state: self.count(state) for state in (RESTORED, KEPT, FAILED)}
        return counts | {"photographs": [asdict(outcome) for outcome in self.outcomes]}

    def text(self) -> str:
        """The summary for a person; why photographs failed was said as it happened."""
        parts = [f"{self.count(RESTORED)} restored"]
        parts += [f"{self.count(KEPT)} there already: nothing to do"] if self.count(KEPT) else []
        parts += [f"{self.count(FAILED)} not restored"] if self.count(FAILED) else []
        return ", ".join(parts)


def restore_album(
    config: AlbumConfig,
    open_vision: Callable[[], Vision],
    progress: Progress = silent,
    say: Callable[[str], None] = lambda line: None,
) -> AlbumSummary:
    """Restore every photograph of `config`. `say` gets a line for each that fails, and for what was decided.

    Raises ConfigError and DataError for what concerns all of them, and DataError when none could be restored.
    """
    jobs = plan_jobs(config)
    bench = _Bench(config, load_model(config.run, config.device), open_vision(), say)
    outcomes = []
    for done, job in enumerate(jobs):
        if len(jobs) > 1:
            progress("restore", done, len(jobs))
        outcome = _attempt(bench, job)
        for line in (*outcome.notes, *(_guide_line(face) for face in outcome.faces)):
            say(f"{job.photo}: {line}")
        if outcome.error and len(jobs) > 1:
            say(f"{job.photo}: {outcome.error}")
        outcomes.append(outcome)
    if len(jobs) > 1:
        progress("restore", len(jobs), len(jobs))
    if all(outcome.state == FAILED for outcome in outcomes):
        first = f"{outcomes[0].photo}: {outcomes[0].error}"
        raise DataError(first if len(jobs) == 1 else f"none of {len(jobs)} photographs was restored; {first}")
    return AlbumSummary(tuple(outcomes))


def plan_jobs(config: AlbumConfig) -> list[Job]:
    """What is to be restored, from where to where. Raises ConfigError or DataError when that cannot be told."""
    missing = [str(path) for path in config.photos if not path.exists()]
    if missing:
        raise DataError(f"{', '.join(missing)} does not exist; name photographs, or a folder of them")
    folders = [path for path in config.photos if path.is_dir()]
    if folders and len(config.photos) > 1:
        raise ConfigError(f"{folders[0]} is a folder; give one folder, or any number of photographs")
    if folders:
        jobs = _jobs_of_folder(config, folders[0])
    elif len(config.photos) == 1 and not config.out.is_dir() and config.out.suffix:
        jobs = [Job(config.photos[0], config.guide, config.out)]
    else:
        jobs = [Job(photo, config.guide, config.out / _result_name(photo)) for photo in config.photos]
    _check_outputs(config, jobs)
    return jobs


def _jobs_of_folder(config: AlbumConfig, folder: Path) -> list[Job]:
    out = config.out.resolve()
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in READABLE and file.is_file())
    photos = [file for file in files if not file.resolve().is_relative_to(out) and not file.name.startswith(".")]
    if not photos:
        raise DataError(f"{folder} holds no photograph ({', '.join(READABLE)})")
    jobs = []
    for photo in photos:
        inside = photo.relative_to(folder)
        jobs.append(
            Job(photo, _guide_of(config.guide, inside.parent), config.out / inside.parent / _result_name(photo))
        )
    return jobs


def _guide_of(guide: Path | None, person: Path) -> Path | None:
    """The guides of the photographs that lie in the folder `person`: those in the folder of the same name."""
    if guide is None or not guide.is_dir() or person == Path():
        return guide
    persons = any(entry.is_dir() for entry in guide.iterdir())
    return guide / person if persons else guide


def _result_name(photo: Path) -> str:
    return photo.name if photo.suffix.lower() in FORMATS else f"{photo.stem}.png"


def _check_outputs(config: AlbumConfig, jobs: list[Job]) -> None:
    """Raise ConfigError when a result has no known format, is written twice, or would replace what it is made from."""
    single = len(jobs) == 1 and jobs[0].out == config.out
    if config.out.suffix.lower() not in FORMATS and single:
        raise ConfigError(f"--out {config.out} must end in {', '.join(FORMATS)}")
    if not single and config.out.is_file():
        raise ConfigError(f"--out {config.out} is a file; name a folder for {len(jobs)} photographs")
    if not single and not config.out.is_dir() and config.out.suffix.lower() in FORMATS:
        raise ConfigError(f"--out {config.out} names a file; name a folder for {len(jobs)} photographs")
    sources = {job.photo.resolve() for job in jobs}
    written: dict[Path, Path] = {}
    for job in jobs:
        for path in (job.out, job.compared) if config.compare else (job.out,):
            guides = job.guide.resolve() if job.guide is not None else None
            if path.resolve() in sources or guides in (path.resolve(), path.resolve().parent):
                raise ConfigError(f"{path} would lie among photographs that are read; give another --out")
            if path in written:
                raise ConfigError(f"{written[path]} and {job.photo} would both become {path}; rename one of them")
            written[path] = job.photo


class _Bench:
    """What is needed for every photograph; holds the guides of the person at hand."""

    def __init__(self, config: AlbumConfig, model: TrainedModel, vision: Vision, say: Callable[[str], None]) -> None:
        self.config, self.model, self.vision, self.say = config, model, vision, say
        self.guided = bool(model.network.guided)
        if self.guided and config.guide is None:
            raise ConfigError(f"{model.name} needs a guide; name a photograph of the person or a folder with --guide")
        self.folder = (
            config.out.parent if config.out.suffix.lower() in FORMATS and not config.out.is_dir() else config.out
        )
        self.log = read_log(self.folder)
        self._hashes: tuple[Path, list[str]] | None = None
        self._guides: Guides | None = None

    def guide_hashes(self, path: Path) -> list[str]:
        """Hashes of the files that `path` names, whether they can serve or not."""
        if self._hashes is None or self._hashes[0] != path:
            self._hashes = path, sorted(hash_file(file) for file in guide_files(path))
        return self._hashes[1]

    def guides(self, path: Path) -> Guides:
        """The guides that `path` names, read once for all photographs of a person."""
        if self._guides is None or self._guides.path != path:
            self._guides = read_guides(path, self.vision, self.model.config.image_size)
            for line in self._guides.problems:
                self.say(line)
        return self._guides


def _attempt(bench: _Bench, job: Job) -> Outcome:
    """Restore one photograph, or say why not."""
    try:
        return _restore(bench, job)
    except DataError as error:
        return Outcome(str(job.photo), str(job.out), FAILED, str(error).removeprefix(f"{job.photo} "))
    except OSError as error:
        reason = f"{error.filename or job.photo} cannot be read: {error.strerror}"
        return Outcome(str(job.photo), str(job.out), FAILED, reason)


def _restore(bench: _Bench, job: Job) -> Outcome:
    config, name = bench.config, job.out.relative_to(bench.folder).as_posix()
    made_from = _made_from(bench, job)
    before = bench.log.get(name)
    if job.out.exists() and not config.overwrite:
        ours = is_ours(bench.folder, before)
        if ours and before is not None and before.made_from == made_from and _is_compared(config, job):
            return Outcome(str(job.photo), str(job.out), KEPT)
        how = "was made with other settings or photographs" if ours else "exists already"
        raise DataError(f"{job.out} {how}; give another --out, or --overwrite")
    image = bench.vision.read(job.photo)
    guides = bench.guides(job.guide) if bench.guided and job.guide is not None else None
    made = restore_photograph(image, made_from["photo"], guides, bench.model, bench.vision, config.options)
    return _write(bench, job, made, made_from)


def _made_from(bench: _Bench, job: Job) -> dict[str, Any]:
    """All that a result depends on."""
    options = bench.config.options
    return {
        "photo": hash_file(job.photo),
        "guides": bench.guide_hashes(job.guide) if bench.guided and job.guide is not None else [],
        "checkpoint": bench.model.checkpoint_hash,
        "face": options.face,
        "enlarge": options.enlarge,
        "format": job.out.suffix.lower(),
        "version": project_version(),
    }


def _is_compared(config: AlbumConfig, job: Job) -> bool:
    return not config.compare or job.compared.is_file()


def _write(bench: _Bench, job: Job, made: RestoredPhotograph, made_from: dict[str, Any]) -> Outcome:
    content = encode(made.image, read_metadata(job.photo), job.out.suffix)
    faces = [_face_record(face) for face in made.faces]
    name = job.out.relative_to(bench.folder).as_posix()
    if bench.config.compare:
        from gfr_model.photograph import Metadata

        write_bytes(job.compared, encode(comparison(made.faces), Metadata(), ".png"))
    # The line comes first: killed between, the file is missing or another, and is made again.
    append(bench.folder, Entry(name, hash_bytes(content), made_from, str(job.photo), faces, list(made.notes)))
    write_bytes(job.out, content)
    return Outcome(str(job.photo), str(job.out), RESTORED, "", tuple(faces), made.notes)


def _face_record(face: RestoredFace) -> dict[str, Any]:
    if face.choice is None:
        return {"guide": None, "why": "the network uses none"}
    return {"guide": str(face.choice.guide.path), "why": face.choice.why}


def _guide_line(face: dict[str, Any]) -> str:
    return f"guide {face['guide']}: {face['why']}" if face["guide"] else f"no guide: {face['why']}"
