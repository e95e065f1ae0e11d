"""What restoring an album reads and writes: each photograph, its guides, its result; and what is left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gfr_model.restoration.metadata import FORMATS, NOT_PHOTOGRAPHS, READABLE
from gfr_model.restoration.restore import Options
from manifests import ConfigError, DataError

PICTURES = "index_files"  # folder of an album's results that holds the pictures of its page
NAMED = 5  # of files that are left out, how many are named


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
    only_kept: Path | None = None  # folder that the results marked `keep` are copied to

    @property
    def single(self) -> bool:
        """Whether one result becomes the file `out`; else `out` is a folder, with a log and a page."""
        return self.out.suffix.lower() in FORMATS and not self.out.is_dir()


@dataclass(frozen=True)
class Job:
    """One photograph and where its result goes."""

    photo: Path
    guide: Path | None
    out: Path
    compared: Path | None = None  # where the comparison goes
    pictures: Path | None = None  # what the names of its pictures for an album's page begin with

    @property
    def files(self) -> list[Path]:
        """What is written of every photograph; of its guide there may be a picture more."""
        more = [] if self.pictures is None else [self.picture("before"), self.picture("after")]
        return [self.out, *more] if self.compared is None else [self.out, self.compared, *more]

    def picture(self, what: str) -> Path:
        """Where a picture for an album's page goes."""
        assert self.pictures is not None
        return self.pictures.with_name(f"{self.pictures.name}.{what}.jpg")


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
        jobs = [Job(config.photos[0], config.guide, config.out, _compared(config, config.out))]
    else:
        jobs = [_job(config, photo, config.guide, _result_name(photo)) for photo in config.photos]
    _check_outputs(config, jobs)
    _check_kept(config, jobs)
    return jobs


def left_out(config: AlbumConfig) -> list[str]:
    """What lies in a folder of photographs and is none by its name, as a line for a person; nothing, as none."""
    folders = [path for path in config.photos if path.is_dir()]
    names = [str(file.relative_to(folder)) for folder in folders for file in _files(config, folder) if not _is(file)]
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    count = "1 file is" if len(names) == 1 else f"{len(names)} files are"
    return [f"{count} left out, being no photograph by its name: {', '.join(names[:NAMED])}{more}"]


def _job(config: AlbumConfig, photo: Path, guide: Path | None, name: Path) -> Job:
    out = config.out / name
    return Job(photo, guide, out, _compared(config, out), config.out / PICTURES / name)


def _compared(config: AlbumConfig, out: Path) -> Path | None:
    return out.with_name(f"{out.stem}.compare.png") if config.compare else None


def _jobs_of_folder(config: AlbumConfig, folder: Path) -> list[Job]:
    photos = [file for file in _files(config, folder) if _is(file)]
    if not photos:
        raise DataError(f"{folder} holds no photograph ({', '.join(READABLE)})")
    jobs = []
    for photo in photos:
        inside = photo.relative_to(folder).parent
        jobs.append(_job(config, photo, _guide_of(config.guide, inside), inside / _result_name(photo)))
    return jobs


def _files(config: AlbumConfig, folder: Path) -> list[Path]:
    """The files below a folder of photographs but for results, hidden ones and what systems leave, sorted."""
    results = config.out.resolve()
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not file.name.startswith(".")
        and file.name.lower() not in NOT_PHOTOGRAPHS
        and not file.resolve().is_relative_to(results)
    ]


def _is(file: Path) -> bool:
    return file.suffix.lower() in READABLE


def _guide_of(guide: Path | None, person: Path) -> Path | None:
    """The guides of the photographs that lie in the folder `person`: those in the folder of the same name."""
    if guide is None or not guide.is_dir() or person == Path():
        return guide
    persons = any(entry.is_dir() for entry in guide.iterdir())
    return guide / person if persons else guide


def _result_name(photo: Path) -> Path:
    return Path(photo.name if photo.suffix.lower() in FORMATS else f"{photo.stem}.png")


def _check_outputs(config: AlbumConfig, jobs: list[Job]) -> None:
    """Raise ConfigError when a result has no known format, is written twice, or would replace what it is made from."""
    single = len(jobs) == 1 and jobs[0].out == config.out
    if config.out.suffix.lower() not in FORMATS and single:
        raise ConfigError(f"--out {config.out} must end in {', '.join(FORMATS)}")
    if not single and config.out.is_file():
        raise ConfigError(f"--out {config.out} is a file; name a folder for {len(jobs)} photographs")
    if not single and not config.out.is_dir() and config.out.suffix.lower() in FORMATS:
        raise ConfigError(f"--out {config.out} names a file; name a folder for {len(jobs)} photographs")
    read = [path for job in jobs for path in (job.photo, job.guide) if path is not None]
    require_apart([path for job in jobs for path in job.files], read)
    written: dict[Path, Path] = {}
    for job in jobs:
        for path in job.files:
            if path in written:
                raise ConfigError(f"{written[path]} and {job.photo} would both become {path}; rename one of them")
            written[path] = job.photo


def require_apart(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Raise ConfigError where a file would replace a photograph or guide that is read, or lie in such a folder."""
    sources = {path.resolve() for path in read}
    for path in written:
        if not sources.isdisjoint((path.resolve(), path.resolve().parent)):
            raise ConfigError(f"{path} would lie among photographs that are read; give another --out")


def _check_kept(config: AlbumConfig, jobs: list[Job]) -> None:
    """Raise ConfigError when the copies of what is kept would lie among photographs or results."""
    if config.only_kept is None:
        return
    if config.single:
        raise ConfigError("--only-kept copies what was marked on an album's page: name a folder with --out")
    kept = config.only_kept.resolve()
    read = [path.resolve() for path in (*config.photos, *(job.guide for job in jobs)) if path is not None]
    if any(kept.is_relative_to(path) or path.is_relative_to(kept) for path in (*read, config.out.resolve())):
        raise ConfigError(f"--only-kept {config.only_kept} lies among photographs or results; name another folder")
