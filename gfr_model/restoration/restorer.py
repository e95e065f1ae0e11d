"""Restoration from a program of your own: one object, a photograph in, a photograph out."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.device import open_device
from gfr_model.inference import DEFAULT, load_model
from gfr_model.restoration.faces import Vision
from gfr_model.restoration.guides import Guides, read_guides
from gfr_model.restoration.restore import Options, RestoredPhotograph, restore_photograph
from manifests import DataError, hash_bytes, hash_file

VISIONS = "gfr.vision"  # group of entry points: what finds faces for restoration, called with a device's name


class Restorer:
    """Restores photographs with one network, which is loaded once.

    restorer = Restorer()
    guides = restorer.read_guides("album/Ada_Example")
    for photo in photos:
        Image.fromarray(restorer.restore(photo, guides).image).save(...)
    """

    def __init__(
        self,
        run: str | Path = DEFAULT,  # run folder or checkpoint; 'default' is the model that ships
        device: str = "auto",  # 'cpu', 'cuda', one of several ('cuda:1'); 'auto' is cuda where torch can use it
        vision: Vision | None = None,  # reads photographs and finds faces; None is the project's own, MTCNN
    ) -> None:
        """Load the network. Raises DataError where there is none, ConfigError for a device that is not there."""
        there = open_device(device)
        self.model = load_model(run, there)
        self.vision = vision or _open_vision(str(there))

    def read_guides(self, path: str | Path) -> Guides:
        """The person's good photographs: one, or a folder of them; `problems` says which cannot serve, and why.

        Raises DataError when there is none.
        """
        return read_guides(Path(path), self.vision, self.model.config.image_size)

    def restore(
        self,
        photo: str | Path | np.ndarray,  # a file, or upright (H, W, 3) uint8 RGB
        guide: str | Path | Guides | None = None,  # as `read_guides` takes or gives it
        **options: Any,  # fields of restoration.restore.Options: face='all', enlarge=2, ...
    ) -> RestoredPhotograph:
        """The restored photograph: `image` (H, W, 3) uint8 RGB, `faces` with guide and reason of each, `notes`.

        Raises DataError when the photograph cannot be read, shows no face, or the network needs a guide and has none.
        """
        if isinstance(photo, np.ndarray):
            image, digest = photo, hash_bytes(photo.tobytes())
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(f"photo must be uint8 of shape (H, W, 3), but is {image.dtype} {image.shape}")
        else:
            image, digest = self.vision.read(Path(photo)), hash_file(photo)
        guides = self.read_guides(guide) if isinstance(guide, str | Path) else guide
        if not self.model.network.guided:
            guides = None
        return restore_photograph(image, digest, guides, self.model, self.vision, Options(**options))


def _open_vision(device: str) -> Vision:
    """gfr_data's finder, which this package may not import: the installation names it."""
    found = entry_points(group=VISIONS)
    if not found:
        raise DataError(
            f"nothing that finds faces is installed (entry point {VISIONS}); install the project, or pass vision"
        )
    opened: Vision = next(iter(found)).load()(device)
    return opened
