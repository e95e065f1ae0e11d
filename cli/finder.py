"""Joins gfr_data's decoding, MTCNN and crop to gfr_model's restoration, which may not import them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gfr_model.restoration.faces import FoundFace, Quality
from manifests import DataError
from manifests.crops import CropGeometry

if TYPE_CHECKING:
    import numpy as np


class Finder:
    """A `gfr_model.restoration.faces.Vision`."""

    def __init__(self, device: str = "cpu") -> None:
        """Load MTCNN onto `device`, as `gfr_model.device.open_device` takes it."""
        from gfr_data.faces.mtcnn import Mtcnn
        from gfr_model.device import open_device

        self._detect = Mtcnn(str(open_device(device)))

    def read(self, path: Path) -> "np.ndarray":
        """The photograph; raises DataError naming the file."""
        from gfr_data.faces.decode import Unreadable, read_image

        try:
            return read_image(path)
        except Unreadable as error:
            raise DataError(f"{path} cannot be read: {error}") from error

    def find(self, image: "np.ndarray") -> Sequence[FoundFace]:
        """Every face that MTCNN finds, with the square that training crops."""
        from gfr_data.faces.crop import square_around

        found = []
        for face in self._detect([image])[0]:
            found.append(FoundFace(square_around(face.box), face.score, face.keypoints))
        return found

    def cut(self, image: "np.ndarray", square: CropGeometry, size: int) -> "np.ndarray":
        """The crop that training makes of `square`."""
        from gfr_data.faces.crop import crop

        return crop(image, square, size)

    def measure(self, image: "np.ndarray", square: CropGeometry) -> Quality:
        """What the build measures of the face at `square`, which is the detector's box enlarged."""
        import numpy as np

        from gfr_data.faces.crop import FRAMING, crop
        from gfr_data.quality.judge import grey, measure_crop
        from gfr_data.quality.sharpness import FACE, detail

        width, height = square.width / FRAMING, square.height / FRAMING
        x, y = square.x0 + (square.width - width) / 2, square.y0 + (square.height - height) / 2
        face = grey(crop(image, CropGeometry(x, y, width, height), FACE))
        return Quality(detail(face), measure_crop(image, np.array([x, y, x + width, y + height])).blockiness)
