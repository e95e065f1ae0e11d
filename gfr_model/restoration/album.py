"""Restore photographs one after another, each with the guides of its person; go on past those that cannot be.

OUT/...             the restored photographs, named as theirs
OUT/restored.jsonl  what each was made from; the same command leaves alone what is there and made from the same
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gfr_model.device import open_device
from gfr_model.inference import TrainedModel, load_model
from gfr_model.restoration.album_log import Entry, append, read_log
from gfr_model.restoration.album_plan import AlbumConfig, Job, plan_jobs, result_folder
from gfr_model.restoration.faces import Vision
from gfr_model.restoration.guides import Guides, guide_files, read_guides
from gfr_model.restoration.metadata import Metadata, encode, read_metadata
from gfr_model.restoration.restore import RestoredFace, RestoredPhotograph, comparison, restore_photograph
from manifests import ConfigError, DataError, Progress, hash_bytes, hash_file, project_version, silent, write_bytes
from manifests.folders import held

RESTORED, KEPT, FAILED = "restored", "kept", "failed"


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
    bench = _Bench(config, load_model(config.run, open_device(config.device)), open_vision(), say)
    with held(bench.folder) if bench.folder == config.out else nullcontext():
        return _restore_all(bench, jobs, progress, say)


def _restore_all(bench: "_Bench", jobs: list[Job], progress: Progress, say: Callable[[str], None]) -> AlbumSummary:
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


class _Bench:
    """What is needed for every photograph; holds the guides of the person at hand."""

    def __init__(self, config: AlbumConfig, model: TrainedModel, vision: Vision, say: Callable[[str], None]) -> None:
        self.config, self.model, self.vision, self.say = config, model, vision, say
        self.guided = bool(model.network.guided)
        if self.guided and config.guide is None:
            raise ConfigError(f"{model.name} needs a guide; name a photograph of the person or a folder with --guide")
        self.folder = result_folder(config)
        self.log = read_log(self.folder)
        self._hashes: tuple[Path, list[str]] | None = None
        self._guides: Guides | None = None

    def name(self, path: Path) -> str:
        """How the log calls a file."""
        return path.relative_to(self.folder).as_posix()

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
    made_from = _made_from(bench, job)
    if not bench.config.overwrite and _is_there(bench, job, made_from):
        return Outcome(str(job.photo), str(job.out), KEPT)
    image = bench.vision.read(job.photo)
    guides = bench.guides(job.guide) if bench.guided and job.guide is not None else None
    made = restore_photograph(image, made_from["photo"], guides, bench.model, bench.vision, bench.config.options)
    return _write(bench, job, made, made_from)


def _is_there(bench: _Bench, job: Job, made_from: dict[str, Any]) -> bool:
    """Whether all of a photograph's files are there, made from the same. Raises DataError when others are."""
    entry = bench.log.get(bench.name(job.out))
    there = [path for path in job.files if path.exists()]
    for path in there:
        if entry is None or entry.files.get(bench.name(path)) != hash_file(path):
            raise DataError(f"{path} exists already; give another --out, or --overwrite")
    if entry is not None and there and entry.made_from != made_from:
        raise DataError(f"{job.out} was made with other settings or photographs; give another --out, or --overwrite")
    return len(there) == len(job.files)


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


def _write(bench: _Bench, job: Job, made: RestoredPhotograph, made_from: dict[str, Any]) -> Outcome:
    try:
        contents = {job.out: encode(made.image, read_metadata(job.photo), job.out.suffix)}
    except (OSError, ValueError) as error:  # more px than the format holds, mostly
        raise DataError(f"{job.out} cannot be written in its format ({error}); choose another") from error
    if job.compared is not None:
        contents[job.compared] = encode(comparison(made.faces), Metadata(), ".png")
    faces = [_face_record(face) for face in made.faces]
    hashes = {bench.name(path): hash_bytes(content) for path, content in contents.items()}
    # The line comes first: killed between, a file is missing or another's, and is made again.
    append(bench.folder, Entry(bench.name(job.out), hashes, made_from, str(job.photo), faces, list(made.notes)))
    for path, content in contents.items():
        write_bytes(path, content)
    return Outcome(str(job.photo), str(job.out), RESTORED, "", tuple(faces), made.notes)


def _face_record(face: RestoredFace) -> dict[str, Any]:
    if face.choice is None:
        return {"guide": None, "why": "the network uses none"}
    return {"guide": str(face.choice.guide.path), "why": face.choice.why}


def _guide_line(face: dict[str, Any]) -> str:
    return f"guide {face['guide']}: {face['why']}" if face["guide"] else f"no guide: {face['why']}"
