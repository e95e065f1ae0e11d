"""Which photographs are restored, with whose guides, and where the results go."""

from dataclasses import dataclass, field
from pathlib import Path

from gfr_model.restoration.metadata import FORMATS, READABLE
from gfr_model.restoration.restore import Options
from manifests import ConfigError, DataError


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


def result_folder(config: AlbumConfig) -> Path:
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
