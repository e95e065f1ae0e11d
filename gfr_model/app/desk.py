"""What the page's server does with uploads: reads guides, restores photographs, lays the change on as asked."""

import re
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfr_model.inference import TrainedModel
from gfr_model.networks.sface import SFace
from gfr_model.restoration.faces import Vision
from gfr_model.restoration.guides import Guides, read_guides
from gfr_model.restoration.metadata import encode, read_metadata
from gfr_model.restoration.need import weakened
from gfr_model.restoration.restore import Options, RestoredFace, enlarged, restore_photograph
from manifests import DataError, hash_bytes, hash_file
from manifests.files import safe_name
from manifests.pages.charts import jpeg

MOST_KEPT = 40  # photographs and sets of guides that are held; the oldest go
SIDE = 1600  # px of a picture that the page shows, at most
PICTURES = ("before", "after")


@dataclass(frozen=True)
class Upload:
    """A file that came with a request."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Received:
    """What the page is told of guides."""

    guides: str  # names the set
    usable: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """What the page is told of a restored photograph."""

    photograph: str  # names it
    name: str
    width: int
    height: int
    strength: float  # share of the change that does it good, as estimated
    lines: tuple[str, ...]  # sentences about guide and change


class Desk:
    """Restores what is uploaded; one photograph at a time, because one network does all of them."""

    def __init__(self, model: TrainedModel, vision: Vision, folder: Path, persons: SFace | None = None) -> None:
        """Work in `folder`, which holds what was uploaded and made."""
        self.model, self.vision, self.folder, self.persons = model, vision, folder, persons
        self._guides: OrderedDict[str, Guides] = OrderedDict()
        self._photographs: OrderedDict[str, str] = OrderedDict()  # their names
        self._lock = threading.Lock()

    def receive(self, uploads: Sequence[Upload]) -> Received:
        """Read guides. Raises DataError when none of them is a photograph."""
        key, folder = self._new_folder()
        for number, upload in enumerate(uploads):
            path = folder / safe_name(Path(upload.name).name)
            path = path if not path.exists() else folder / f"{number}-{path.name}"
            path.write_bytes(upload.content)
        with self._lock:
            try:
                guides = read_guides(folder, self.vision, self.model.config.image_size)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            self._guides[key] = guides
            while len(self._guides) > MOST_KEPT:
                self._guides.popitem(last=False)
        return Received(key, len(guides.usable), tuple(self._plain(line, folder) for line in guides.problems))

    def restore(self, upload: Upload, guides: str, face: str, enlarge: int = 1) -> Made:
        """Restore a photograph with the guides so named, without any where `guides` is empty.

        Raises DataError when it cannot be.
        """
        with self._lock:
            found = self._guides.get(guides)
            if guides and found is None:
                raise DataError("these guides are not held any more; choose them again")
            if found is None and self.model.needs_guide:
                raise DataError(f"{self.model.name} needs a guide: choose photographs of the same person")
            key, folder = self._new_folder()
            try:
                return self._restore(key, folder, upload, found, Options(face, enlarge, strength=1.0))
            except DataError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise DataError(self._plain(str(error), folder)) from error

    def picture(self, key: str, what: str) -> bytes | None:
        """A JPEG file, one of PICTURES of a photograph; None where it is not held."""
        path = self.folder / key / f"{what}.jpg"
        return path.read_bytes() if key in self._photographs and what in PICTURES else None

    def result(self, key: str, strength: float) -> tuple[str, bytes] | None:
        """Name and PNG file of a photograph with a share of the change; None where it is not held."""
        if key not in self._photographs:
            return None
        folder = self.folder / key
        before, after = (np.load(folder / f"{what}.npy") for what in PICTURES)
        image = weakened(before, after, strength)
        made_from = hash_bytes(f"{hash_file(folder / 'upload')} {strength}".encode())
        name = f"{Path(self._photographs[key]).stem}-restored.png"
        return name, encode(image, read_metadata(folder / "upload"), ".png", made_from)

    def _restore(self, key: str, folder: Path, upload: Upload, guides: Guides | None, options: Options) -> Made:
        path = folder / "upload"
        path.write_bytes(upload.content)
        image = self.vision.read(path)
        served = guides if self.model.network.guided else None
        made = restore_photograph(image, hash_file(path), served, self.model, self.vision, options, self.persons)
        for what, picture in zip(PICTURES, (enlarged(image, options.enlarge), made.image), strict=True):
            np.save(folder / f"{what}.npy", picture)
            (folder / f"{what}.jpg").write_bytes(jpeg(picture, SIDE, quality=92))
        self._photographs[key] = safe_name(Path(upload.name).name)
        while len(self._photographs) > MOST_KEPT:
            shutil.rmtree(self.folder / self._photographs.popitem(last=False)[0], ignore_errors=True)
        lines = [*made.notes, *(line for one in made.faces for line in _said(one))]
        height, width = made.image.shape[:2]
        need = min(one.need for one in made.faces)
        return Made(key, upload.name, width, height, need, tuple(self._plain(line, folder) for line in lines))

    def _new_folder(self) -> tuple[str, Path]:
        key = secrets.token_hex(8)
        (self.folder / key).mkdir(parents=True)
        return key, self.folder / key

    def _plain(self, line: str, folder: Path) -> str:
        """A line without the names of folders that nobody chose, nor of a command's options."""
        return (
            re.sub(r" \(--[^)]*\)", "", line)
            .replace(f"{folder / 'upload'} ", "the photograph ")
            .replace(f"{folder}/", "")
            .replace(str(folder), "the guides")
        )


def _said(face: RestoredFace) -> list[str]:
    choice = face.choice
    if choice is None:
        return []
    guide = f"guide {choice.guide.path.name}: {choice.why}" if choice.guide is not None else f"no guide: {choice.why}"
    return [guide, *face.notes[:-1]]  # the last says that all of the change was asked for
