"""Figs. 1 and 5: real photographs, a row each, beside what several runs make of them; the guide is an inset."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfr_model.device import open_device
from gfr_model.inference import TrainedModel, load_model
from gfr_model.pictures import grid
from gfr_model.restoration.faces import Vision, look
from gfr_model.restoration.guides import read_guides
from gfr_model.restoration.jobs import require_apart
from gfr_model.restoration.restore import pick, restore_crop
from manifests import ConfigError, DataError, Progress, hash_file, silent
from manifests.files import write_lone
from manifests.pages.frame import render

TEMPLATE = Path(__file__).parent / "templates" / "sheet.html"
INSET = 3  # a guide's side is this part of the picture's
FRAME = 2  # px of white around it
FORMS = (".png", ".html")
Picture = np.ndarray  # (S, S, 3) uint8


@dataclass(frozen=True)
class SheetConfig:
    cases: tuple[str, ...]  # 'PHOTO' or 'PHOTO=GUIDE', a guide being a photograph or a folder of them
    runs: tuple[str, ...]  # '[NAME=]RUN'
    out: tuple[Path, ...]  # .png, .html or both
    device: str = "cpu"
    overwrite: bool = False


@dataclass(frozen=True)
class Row:
    """What is shown of one photograph."""

    name: str
    pictures: dict[str, Picture]  # by the column's title


@dataclass(frozen=True)
class Sheet:
    """A written sheet."""

    out: tuple[str, ...]
    photographs: int
    problems: tuple[str, ...]  # of those that are not on it


def write_sheet(config: SheetConfig, open_vision: Callable[[], Vision], progress: Progress = silent) -> Sheet:
    """Restore every photograph by every run and write the sheet.

    A photograph that cannot be used is left out, and told. Raises ConfigError or DataError when nothing can be shown.
    """
    _check_outputs(config)
    device = open_device(config.device)
    models = dict(_named(text, lambda path: load_model(path, device)) for text in config.runs)
    if len(models) < len(config.runs):
        raise ConfigError("two runs have the same name; give each its own NAME=")
    if len({model.config.image_size for model in models.values()}) > 1:
        raise ConfigError("the runs restore images of different sizes; make a sheet of each size")
    vision, rows, problems = open_vision(), [], []
    for done, case in enumerate(config.cases, start=1):
        try:
            rows.append(_row(case, models, vision))
        except DataError as error:
            problems.append(str(error))
        progress("restore", done, len(config.cases))
    if not rows:
        raise DataError(problems[0])
    for path in config.out:
        write_lone(path, _page(rows).encode() if path.suffix.lower() == ".html" else _picture(rows))
    return Sheet(tuple(map(str, config.out)), len(rows), tuple(problems))


def _check_outputs(config: SheetConfig) -> None:
    require_apart(config.out, (Path(name) for case in config.cases for name in _parts(case) if name))
    for path in config.out:
        if path.suffix.lower() not in FORMS:
            raise ConfigError(f"--out {path} must end in {' or '.join(FORMS)}")
        if path.exists() and not config.overwrite:
            raise DataError(f"{path} exists already; give another --out, or --overwrite")


def _named(text: str, load: Callable[[str], TrainedModel]) -> tuple[str, TrainedModel]:
    name, equals, path = text.partition("=")
    model = load(path if equals and "/" not in name else text)
    return (name if equals and "/" not in name else model.name), model


def _parts(case: str) -> tuple[str, str]:
    """The photograph and the guide that a case names; '' for no guide."""
    photo, _, guide = (case, "", "") if Path(case).exists() else case.rpartition("=")
    return (photo, guide) if photo else (case, "")


def _row(case: str, models: dict[str, TrainedModel], vision: Vision) -> Row:
    """Restore the largest face of a photograph by each model."""
    photo, guide = _parts(case)
    image, digest = vision.read(Path(photo)), hash_file(Path(photo))
    found = look(image, vision)
    if not found:
        raise DataError(f"{photo}: no face was found; crop it closely around the face, then retry")
    face = pick(found, "largest")[0]
    size = next(iter(models.values())).config.image_size
    seen = vision.cut(image, face.square, size)
    guides = read_guides(Path(guide), vision, size) if guide else None
    pictures, used = {"input": seen}, None
    for name, model in models.items():
        made = restore_crop(model, seen, face, guides if model.network.guided else None, digest)
        pictures[name] = made.restored
        used = made.guide.image if made.guide is not None else used
    if used is not None:
        pictures["input"] = with_inset(seen, used)
    return Row(Path(photo).name, pictures)


def with_inset(picture: Picture, guide: Picture) -> Picture:
    """`picture` with a small `guide` in its lower right corner."""
    from PIL import Image

    side = picture.shape[0] // INSET
    small = np.asarray(Image.fromarray(guide).resize((side, side), Image.Resampling.LANCZOS))
    shown = picture.copy()
    shown[-side - FRAME :, -side - FRAME :] = 255
    shown[-side:, -side:] = small
    return shown


def _picture(rows: Sequence[Row]) -> bytes:
    columns = {title: np.stack([row.pictures[title] for row in rows]) for title in rows[0].pictures}
    return _png(grid(columns))


def _page(rows: Sequence[Row]) -> str:
    shown = [
        {"name": row.name, "pictures": {title: _address(picture) for title, picture in row.pictures.items()}}
        for row in rows
    ]
    count = f"{len(rows)} photograph{'s' * (len(rows) > 1)}"
    return render(TEMPLATE, title="Real photographs, restored", lines=[count], rows=shown)


def _address(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(_png(picture)).decode()


def _png(picture: Picture) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()
