"""Restore photographs one after another, each with the guides of its person; go on past those that cannot be.

OUT/...             the restored photographs, named as theirs
OUT/restored.jsonl  what each was made from; the same command leaves alone what is there and made from the same
OUT/index.html      all of them before and after, to look at and mark; OUT/index_files holds its pictures

Where OUT names a file, nothing lies beside it: the result says itself what it was made from.
"""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.device import open_device
from gfr_model.inference import load_model
from gfr_model.networks.sface import SFace
from gfr_model.restoration.album_log import LOG_FILE, Entry, append, read_log
from gfr_model.restoration.album_page import described, face_pictures, page_pictures, write_page
from gfr_model.restoration.faces import Vision
from gfr_model.restoration.guides import Guides, guide_files, read_guides
from gfr_model.restoration.identity import open_persons
from gfr_model.restoration.jobs import PICTURES, AlbumConfig, Job, left_out, plan_jobs
from gfr_model.restoration.marks import Copied, copy_kept, read_marks
from gfr_model.restoration.metadata import Metadata, encode, read_metadata, require_result
from gfr_model.restoration.restore import RestoredFace, RestoredPhotograph, comparison, restore_photograph
from manifests import ConfigError, DataError, Progress, hash_bytes, hash_file, project_version, silent, write_bytes
from manifests.files import hash_input, write_lone
from manifests.folders import held, remove_unfinished

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
    page: str = ""  # of the album, where there is one
    page_problem: str = ""  # why it could not be written
    kept: Copied | None = None  # what was marked to be kept, where that was asked for

    @property
    def failed(self) -> bool:
        """Whether anything that was asked for was not done."""
        kept = self.kept is not None and bool(self.kept.failed or self.kept.changed)
        return kept or bool(self.page_problem) or self.count(FAILED) > 0

    def count(self, state: str) -> int:
        return sum(outcome.state == state for outcome in self.outcomes)

    def record(self) -> dict[str, Any]:
        """The summary for a program."""
        counts = {state: self.count(state) for state in (RESTORED, KEPT, FAILED)}
        found = counts | {"page": self.page, "photographs": [asdict(outcome) for outcome in self.outcomes]}
        return found if self.kept is None else found | {"kept": asdict(self.kept)}

    def text(self) -> str:
        """The summary for a person, with a line for each photograph that was not restored."""
        parts = [f"{self.count(RESTORED)} restored"]
        parts += [f"{self.count(KEPT)} there already: nothing to do"] if self.count(KEPT) else []
        failed = [outcome for outcome in self.outcomes if outcome.state == FAILED]
        parts += [f"{len(failed)} not restored:"] if failed else []
        lines = [", ".join(parts), *(f"  {outcome.photo}: {outcome.error}" for outcome in failed)]
        lines += [self.kept.text()] if self.kept is not None else []
        return "\n".join([*lines, f"look at {self.page}"] if self.page else lines)


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
    for line in left_out(config):
        say(line)
    with held(album.folder, "gfr-eval restore") if album.folder is not None else nullcontext():
        if album.folder is not None:
            remove_unfinished(album.folder, (f"{PICTURES}/*",))
        if config.only_kept is not None:
            read_marks(config.out, needed=True)  # better now than after hours
        summary = AlbumSummary(_restore_all(album, jobs, progress))
        return summary if album.folder is None else _with_page(album, album.folder, summary)


def _with_page(album: "_Album", folder: Path, summary: AlbumSummary) -> AlbumSummary:
    """Write the album's page, and copy what is marked to be kept where that is asked for."""
    entries, only_kept = read_log(folder), album.config.only_kept
    failed = [(outcome.photo, outcome.error) for outcome in summary.outcomes if outcome.state == FAILED]
    page, problem = "", ""
    try:
        page = str(write_page(folder, entries, failed, read_marks(folder)))
    except ConfigError as error:  # somebody else's page stays
        album.say(str(error))
    except DataError as error:  # the results are there all the same
        problem = str(error)
    kept = None if only_kept is None else copy_kept(folder, entries, only_kept)
    return replace(summary, page=page, page_problem=problem, kept=kept)


def _restore_all(album: "_Album", jobs: list[Job], progress: Progress) -> tuple[Outcome, ...]:
    outcomes = []
    for done, job in enumerate(jobs):
        if len(jobs) > 1:
            progress("restore", done, len(jobs))
        outcome = _attempt(album, job)
        for line in (*outcome.notes, *(line for face in outcome.faces for line in described(face))):
            album.say(f"{job.photo}: {line}")
        if outcome.error and len(jobs) > 1:
            album.say(f"{job.photo}: {outcome.error}")
        outcomes.append(outcome)
    if len(jobs) > 1:
        progress("restore", len(jobs), len(jobs))
    if all(outcome.state == FAILED for outcome in outcomes):
        first = f"{outcomes[0].photo}: {outcomes[0].error}"
        raise DataError(first if len(jobs) == 1 else f"none of {len(jobs)} photographs was restored; {first}")
    return tuple(outcomes)


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
        self.folder = None if config.single else config.out  # of results and log
        self.guides = lru_cache(maxsize=1)(self._read_guides)
        # Of every file, whether it can serve or not.
        self.guide_hashes = lru_cache(maxsize=1)(lambda path: sorted(map(_hash_of_guide, guide_files(path))))

    @cached_property
    def persons(self) -> SFace | None:
        """What tells persons apart, where its weights are there."""
        return open_persons()

    @cached_property
    def log(self) -> dict[str, Entry]:
        """What earlier calls wrote, read once the folder is held."""
        assert self.folder is not None
        return read_log(self.folder)

    def name(self, path: Path) -> str:
        """How the log calls a file."""
        assert self.folder is not None
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
    for path in filter(Path.exists, filter(None, (job.out, job.compared))):
        require_result(path)
    if not album.config.overwrite and _is_there(album, job, made_from):
        return Outcome(str(job.photo), str(job.out), KEPT)
    image = album.vision.read(job.photo)
    guides = album.guides(job.guide) if album.guided and job.guide is not None else None
    options = album.config.options
    made = restore_photograph(
        image, made_from["photo"], guides, album.model, album.vision, options, album.persons if guides else None
    )
    return _write(album, job, image, made, made_from)


def _is_there(album: _Album, job: Job, made_from: dict[str, Any]) -> bool:
    """Whether all of a photograph's files are there, made from the same. Raises DataError when others are."""
    there = [path for path in job.files if path.exists()]
    same = [_is_ours(album, job, path, made_from) for path in there]  # each is looked at: it may be somebody else's
    if not all(same):
        raise DataError(f"{job.out} was made with other settings or photographs; give another --out, or --overwrite")
    entry = album.log.get(album.name(job.out)) if album.folder is not None else None
    written = [album.folder / name for name in entry.files] if album.folder is not None and entry else job.files
    return len(there) == len(job.files) and all(path.exists() for path in written)


def _is_ours(album: _Album, job: Job, path: Path, made_from: dict[str, Any]) -> bool:
    """Whether a file was made from the same. Raises DataError when it is somebody else's."""
    if album.folder is None:
        return require_result(path) == _digest(made_from)
    entry = album.log.get(album.name(job.out))
    if entry is None or entry.files.get(album.name(path)) != hash_file(path):
        known = "" if entry else f", and {album.folder / LOG_FILE} does not tell what made it"
        raise DataError(f"{path} exists already{known}; give another --out, or --overwrite")
    return entry.made_from == made_from


def _hash_of_guide(path: Path) -> str:
    """'' of a file that cannot be a photograph: a pipe, a link to nothing, gigabytes."""
    try:
        return hash_input(path)
    except OSError:
        return ""


def _made_from(album: _Album, job: Job) -> dict[str, Any]:
    """All that a result depends on."""
    options = album.config.options
    return {
        "photo": hash_input(job.photo),
        "guides": album.guide_hashes(job.guide) if album.guided and job.guide is not None else [],
        "checkpoint": album.model.checkpoint_hash,
        "face": options.face,
        "enlarge": options.enlarge,
        "strength": options.strength,
        "most_guides": options.most_guides,
        "format": job.out.suffix.lower(),
        "version": project_version(),
    }


def _write(
    album: _Album, job: Job, photograph: np.ndarray, made: RestoredPhotograph, made_from: dict[str, Any]
) -> Outcome:
    """Write what belongs to one photograph (H, W, 3) uint8."""
    digest, folder = _digest(made_from), album.folder
    try:
        contents = {job.out: encode(made.image, read_metadata(job.photo), job.out.suffix, digest)}
    except (OSError, ValueError) as error:  # more px than the format holds, mostly
        raise DataError(f"{job.out} cannot be written in its format ({error}); choose another") from error
    if job.compared is not None:
        contents[job.compared] = encode(comparison(made.faces), Metadata(), ".png", digest)
    faces = tuple(_face_record(face) for face in made.faces)
    if folder is not None:
        contents |= page_pictures(job, photograph, made)
        numbered = enumerate(zip(faces, made.faces, strict=True), 1)
        faces = tuple(record | {"pictures": face_pictures(job, folder, n, face)} for n, (record, face) in numbered)
    outcome = Outcome(str(job.photo), str(job.out), RESTORED, "", faces, made.notes)
    if folder is None:
        # A result that somebody has worked on since keeps the hash by which it is known: it is left alone.
        missing = {path: content for path, content in contents.items() if not path.exists()}
        contents = contents if album.config.overwrite else missing
    else:
        hashes = {album.name(path): hash_bytes(content) for path, content in contents.items()}
        # The line comes first: killed between, a file is missing or another's, and is made again.
        entry = Entry(album.name(job.out), hashes, made_from, str(job.photo), list(faces), list(made.notes))
        append(folder, entry)
    for path, content in contents.items():
        write_lone(path, content) if folder is None else write_bytes(path, content)
    return outcome


def _digest(made_from: dict[str, Any]) -> str:
    return hash_bytes(json.dumps(made_from, sort_keys=True).encode())


def _face_record(face: RestoredFace) -> dict[str, Any]:
    return {
        "guide": str(face.guide.path) if face.guide is not None else None,
        "further_guides": [] if face.choice is None else [str(guide.path) for guide in face.choice.guides[1:]],
        "why": "the network uses none" if face.choice is None else face.choice.why,
        "need": round(face.need, 3),
        "strength": round(face.strength, 3),
        "change": round(face.change, 2),
        "notes": list(face.notes),
    }
