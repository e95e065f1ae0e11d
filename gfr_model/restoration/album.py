"""Restore photographs one after another, each with the guides of its person; go on past those that cannot be.

OUT/...             the restored photographs, named as theirs
OUT/restored.jsonl  what each was made from; the same command leaves alone what is there and made from the same
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from gfr_model.device import open_device
from gfr_model.inference import load_model
from gfr_model.restoration.album_log import Entry, append, read_log
from gfr_model.restoration.faces import Vision
from gfr_model.restoration.guides import Guides, guide_files, read_guides
from gfr_model.restoration.metadata import FORMATS, READABLE, Metadata, encode, read_metadata
from gfr_model.restoration.restore import Options, RestoredFace, RestoredPhotograph, comparison, restore_photograph
from manifests import ConfigError, DataError, Progress, hash_bytes, hash_file, project_version, silent, write_bytes
from manifests.folders import held

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
    compared: Path | None  # where the comparison goes

    @property
    def files(self) -> list[Path]:
        """What is written."""
        return [self.out] if self.compared is None else [self.out, self.compared]


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
    album = _Album(config, open_vision, say)
    with held(album.folder) if album.folder == config.out else nullcontext():
        return _restore_all(album, jobs, progress)


def _restore_all(album: "_Album", jobs: list[Job], progress: Progress) -> AlbumSummary:
    outcomes = []
    for done, job in enumerate(jobs):
        if len(jobs) > 1:
            progress("restore", done, len(jobs))
        outcome = _attempt(album, job)
        for line in (*outcome.notes, *(_guide_line(face) for face in outcome.faces)):
            album.say(f"{job.photo}: {line}")
        if outcome.error and len(jobs) > 1:
            album.say(f"{job.photo}: {outcome.error}")
        outcomes.append(outcome)
    if len(jobs) > 1:
        progress("restore", len(jobs), len(jobs))
    if all(outcome.state == FAILED for outcome in outcomes):
        first = f"{outcomes[0].photo}: {outcomes[0].error}"
        raise DataError(first if len(jobs) == 1 else f"none of {len(jobs)} photographs was restored; {first}")
    return AlbumSummary(tuple(outcomes))


class _Album:
    """What serves all photographs. Of the guides, it keeps those of the person at hand."""

    def __init__(self, config: AlbumConfig, open_vision: Callable[[], Vision], say: Callable[[str], None]) -> None:
        self.config, self.say = config, say
        self.model = load_model(config.run, open_device(config.device))
        self.guided = bool(self.model.network.guided)
        if self.model.needs_guide and config.guide is None:
            raise ConfigError(
                f"{self.model.name} needs a guide; name a photograph of the person or a folder with --guide"
            )
        self.vision = open_vision()
        self.folder = _result_folder(config)
        self.guides = lru_cache(maxsize=1)(self._read_guides)
        # Of every file, whether it can serve or not.
        self.guide_hashes = lru_cache(maxsize=1)(lambda path: sorted(hash_file(file) for file in guide_files(path)))

    @cached_property
    def log(self) -> dict[str, Entry]:
        """What earlier calls wrote, read once the folder is held."""
        return read_log(self.folder)

    def name(self, path: Path) -> str:
        """How the log calls a file."""
        return path.relative_to(self.folder).as_posix()

    def _read_guides(self, path: Path) -> Guides:
        guides = read_guides(path, self.vision, self.model.config.image_size)
        for line in guides.problems:
            self.say(line)
        return guides


def _attempt(album: _Album, job: Job) -> Outcome:
    """Restore one photograph, or say why not."""
    try:
        return _restore(album, job)
    except DataError as error:
        return Outcome(str(job.photo), str(job.out), FAILED, str(error).removeprefix(f"{job.photo} "))
    except OSError as error:
        reason = f"{error.filename or job.photo} cannot be read: {error.strerror}"
        return Outcome(str(job.photo), str(job.out), FAILED, reason)


def _restore(album: _Album, job: Job) -> Outcome:
    made_from = _made_from(album, job)
    if not album.config.overwrite and _is_there(album, job, made_from):
        return Outcome(str(job.photo), str(job.out), KEPT)
    image = album.vision.read(job.photo)
    guides = album.guides(job.guide) if album.guided and job.guide is not None else None
    made = restore_photograph(image, made_from["photo"], guides, album.model, album.vision, album.config.options)
    return _write(album, job, made, made_from)


def _is_there(album: _Album, job: Job, made_from: dict[str, Any]) -> bool:
    """Whether all of a photograph's files are there, made from the same. Raises DataError when others are."""
    entry = album.log.get(album.name(job.out))
    there = [path for path in job.files if path.exists()]
    for path in there:
        if entry is None or entry.files.get(album.name(path)) != hash_file(path):
            raise DataError(f"{path} exists already; give another --out, or --overwrite")
    if entry is not None and there and entry.made_from != made_from:
        raise DataError(f"{job.out} was made with other settings or photographs; give another --out, or --overwrite")
    return len(there) == len(job.files)


def _made_from(album: _Album, job: Job) -> dict[str, Any]:
    """All that a result depends on."""
    options = album.config.options
    return {
        "photo": hash_file(job.photo),
        "guides": album.guide_hashes(job.guide) if album.guided and job.guide is not None else [],
        "checkpoint": album.model.checkpoint_hash,
        "face": options.face,
        "enlarge": options.enlarge,
        "format": job.out.suffix.lower(),
        "version": project_version(),
    }


def _write(album: _Album, job: Job, made: RestoredPhotograph, made_from: dict[str, Any]) -> Outcome:
    try:
        contents = {job.out: encode(made.image, read_metadata(job.photo), job.out.suffix)}
    except (OSError, ValueError) as error:  # more px than the format holds, mostly
        raise DataError(f"{job.out} cannot be written in its format ({error}); choose another") from error
    if job.compared is not None:
        contents[job.compared] = encode(comparison(made.faces), Metadata(), ".png")
    faces = [_face_record(face) for face in made.faces]
    hashes = {album.name(path): hash_bytes(content) for path, content in contents.items()}
    # The line comes first: killed between, a file is missing or another's, and is made again.
    append(album.folder, Entry(album.name(job.out), hashes, made_from, str(job.photo), faces, list(made.notes)))
    for path, content in contents.items():
        write_bytes(path, content)
    return Outcome(str(job.photo), str(job.out), RESTORED, "", tuple(faces), made.notes)


def _face_record(face: RestoredFace) -> dict[str, Any]:
    if face.choice is None:
        return {"guide": None, "why": "the network uses none"}
    return {"guide": str(face.guide.path) if face.guide is not None else None, "why": face.choice.why}


def _guide_line(face: dict[str, Any]) -> str:
    return f"guide {face['guide']}: {face['why']}" if face["guide"] else f"no guide: {face['why']}"


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
        jobs = [_job(config, config.photos[0], config.guide, config.out)]
    else:
        jobs = [_job(config, photo, config.guide, config.out / _result_name(photo)) for photo in config.photos]
    _check_outputs(config, jobs)
    return jobs


def _result_folder(config: AlbumConfig) -> Path:
    """The folder that holds the results and their log."""
    single = config.out.suffix.lower() in FORMATS and not config.out.is_dir()
    return config.out.parent if single else config.out


def _job(config: AlbumConfig, photo: Path, guide: Path | None, out: Path) -> Job:
    return Job(photo, guide, out, out.with_name(f"{out.stem}.compare.png") if config.compare else None)


def _jobs_of_folder(config: AlbumConfig, folder: Path) -> list[Job]:
    results = config.out.resolve()
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in READABLE and file.is_file())
    photos = [file for file in files if not file.resolve().is_relative_to(results) and not file.name.startswith(".")]
    if not photos:
        raise DataError(f"{folder} holds no photograph ({', '.join(READABLE)})")
    jobs = []
    for photo in photos:
        inside = photo.relative_to(folder)
        out = config.out / inside.parent / _result_name(photo)
        jobs.append(_job(config, photo, _guide_of(config.guide, inside.parent), out))
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
        for path in job.files:
            guides = job.guide.resolve() if job.guide is not None else None
            if path.resolve() in sources or guides in (path.resolve(), path.resolve().parent):
                raise ConfigError(f"{path} would lie among photographs that are read; give another --out")
            if path in written:
                raise ConfigError(f"{written[path]} and {job.photo} would both become {path}; rename one of them")
            written[path] = job.photo
