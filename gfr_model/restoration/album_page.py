"""The page of an album: each photograph before and after, its guide, why that one, what changed, and marks to give.

OUT/index.html   the page
OUT/index_files  its pictures, smaller than the photographs
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from gfr_model.restoration.album_log import Entry
from gfr_model.restoration.jobs import Job
from gfr_model.restoration.marks import Mark
from gfr_model.restoration.restore import RestoredFace, RestoredPhotograph
from manifests import ConfigError, write_text
from manifests.pages.charts import jpeg
from manifests.pages.frame import render

PAGE = "index.html"
TEMPLATE = Path(__file__).parent / "templates" / "album.html"
MARK = '<meta name="generator" content="gfr-eval restore">'  # by which a page is known as one of these
SIDE = 1200  # px of a picture of a photograph, at most


@dataclass(frozen=True)
class Shown:
    """A restored photograph on the page."""

    entry: Entry
    before: str  # address of its picture
    after: str
    size: tuple[int, int]  # of that picture, px


def page_pictures(job: Job, photograph: np.ndarray, made: RestoredPhotograph) -> dict[Path, bytes]:
    """The pictures of one photograph (H, W, 3) uint8 for the page: before, after, and those of its faces."""
    pictures = {
        job.picture("before"): jpeg(photograph, SIDE, quality=88),
        job.picture("after"): jpeg(made.image, SIDE, quality=88),
    }
    for number, face in enumerate(made.faces, 1):
        pictures |= {
            job.picture(f"face{number}-{what}"): jpeg(image, SIDE, quality=88) for what, image in _of_face(face).items()
        }
    return pictures


def face_pictures(job: Job, folder: Path, number: int, face: RestoredFace) -> dict[str, str]:
    """Names of the pictures of the face that is restored as number N from 1 on, relative to the album's folder."""
    return {what: job.picture(f"face{number}-{what}").relative_to(folder).as_posix() for what in _of_face(face)}


def write_page(
    folder: Path, entries: Mapping[str, Entry], failed: Sequence[tuple[str, str]], marks: Mapping[str, Mark]
) -> Path:
    """Write the page of all results that lie in `folder`; failed: photographs that were not restored, and why.

    Raises ConfigError when the page there is somebody else's, DataError when it cannot be written.
    """
    path = folder / PAGE
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise ConfigError(f"{path} is no page of gfr-eval restore and stays as it is: the album has no page")
    shown = [found for name in sorted(entries) if (found := _shown(folder, entries[name])) is not None]
    valid = {name: asdict(mark) for name, mark in marks.items() if name in entries}
    page = render(
        TEMPLATE,
        title="Restored photographs",
        lines=[f"{len(shown)} restored" + (f", {len(failed)} not restored" if failed else "")],
        shown=shown,
        failed=failed,
        marks=valid,
        names={one.entry.output: one.entry.files[one.entry.output] for one in shown},
    )
    write_text(path, page)
    return path


def _shown(folder: Path, entry: Entry) -> Shown | None:
    """None where a result or its pictures are gone."""
    from PIL import Image

    ends = {PurePosixPath(name).name.removesuffix(".jpg").rpartition(".")[2]: name for name in entry.files}
    before, after = ends.get("before"), ends.get("after")
    if before is None or after is None or not all((folder / name).is_file() for name in (before, after, entry.output)):
        return None
    with Image.open(folder / after) as picture:
        return Shown(entry, before, after, picture.size)


def _of_face(face: RestoredFace) -> dict[str, np.ndarray]:
    guide = {} if face.guide is None else {"guide": face.guide.image}
    return {"input": face.seen, **guide, "output": face.restored}


def described(face: Mapping[str, Any]) -> list[str]:
    """What a person is told of a face: its guide and why, and what was done."""
    guide = f"guide {face['guide']}: {face['why']}" if face["guide"] else f"no guide: {face['why']}"
    return [guide, *face["notes"]]
