"""What a photograph's file carries beside its pixels, and files that carry it on.

Results have 8 bits and three channels, like all that the network sees: of a 16-bit file the upper 8 bits remain, and
what is transparent lies on white. A result says of itself, in EXIF's history of the image, that it was restored.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manifests import DataError

# EXIF tags that are untrue of the result: it is upright, and may be enlarged.
ORIENTATION = 0x0112
EXIF_FOLDER = 0x8769
SIZES = (0xA002, 0xA003)
# EXIF's place for what was done to an image. The line ends in a hash of all that the result was made from, by which the
# same command knows it again.
HISTORY = 0x9213
SAYS = "Restored by gfr: faces are guessed, no evidence of how anybody looked. Made from "
JPEG_QUALITY = 95
# File suffix -> Pillow's format and its settings. JPEG keeps the colours at full resolution.
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": JPEG_QUALITY, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": JPEG_QUALITY, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": JPEG_QUALITY}),
}
# Suffixes by which photographs are found in a folder.
READABLE = (*FORMATS, ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".jp2", ".mpo", ".avif", ".heic", ".heif")
# What systems leave in folders of photographs.
NOT_PHOTOGRAPHS = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Metadata:
    """What goes along with the pixels."""

    exif: bytes = b""  # without orientation, for the result is upright; without thumbnail, which shows the old state
    icc: bytes = b""  # colour profile of RGB; one of CMYK or grey does not fit the result
    dpi: tuple[float, float] | None = None


def read_metadata(path: Path) -> Metadata:
    """Return what the file at `path` carries; what cannot be read is left out."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as picture:
                info = dict(picture.info)
                exif = _or_none(lambda: _exif(picture)) or b""
        # The pixels were read; of what is left nearly every error is possible, and none is worth the photograph.
        except Exception:
            return Metadata()
    profile = info.get("icc_profile")
    icc = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else b""
    return Metadata(exif, icc, _or_none(lambda: _dpi(info["dpi"])))


def encode(image: np.ndarray, metadata: Metadata, suffix: str, made_from: str) -> bytes:
    """Return the file of `image` (H, W, 3) uint8 RGB in the format of `suffix`, a key of FORMATS.

    made_from: a hash of all that it was made from, which `read_made_from` finds again.
    """
    from PIL import Image

    form, settings = FORMATS[suffix.lower()]
    exif = Image.Exif()
    exif.load(metadata.exif)
    before = str(exif.get(HISTORY, ""))
    exif[HISTORY] = "\n".join(filter(None, [before, f"{SAYS}{made_from}"]))
    extra: dict[str, Any] = {"exif": exif.tobytes()}
    if metadata.icc:
        extra["icc_profile"] = metadata.icc
    if metadata.dpi and form != "WEBP":
        extra["dpi"] = metadata.dpi
    file = io.BytesIO()
    Image.fromarray(image).save(file, format=form, **settings, **extra)
    return file.getvalue()


def read_made_from(path: Path) -> str:
    """The hash that `encode` wrote into a result; empty where the file carries none."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as picture:
                history = str(picture.getexif().get(HISTORY, ""))
        except Exception:  # somebody's file, of any kind
            return ""
    last = history.rpartition("\n")[2]
    return last.removeprefix(SAYS) if last.startswith(SAYS) else ""


def require_result(path: Path) -> str:
    """`read_made_from` of a file that is there. Raises DataError where it is no result: nothing may replace it."""
    if not (digest := read_made_from(path)):
        what = f"{path} exists already and is no result of gfr-eval restore"
        raise DataError(f"{what}; give another --out, or remove {path}")
    return digest


def _exif(picture: Any) -> bytes:
    exif = picture.getexif()
    exif.pop(ORIENTATION, None)
    camera = exif.get_ifd(EXIF_FOLDER)
    for tag in SIZES:
        camera.pop(tag, None)
    return exif.tobytes() if len(exif) else b""


def _dpi(values: Any) -> tuple[float, float] | None:
    across, down = (float(value) for value in values)
    return (across, down) if 1 <= across <= 1e5 and 1 <= down <= 1e5 else None


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # odd metadata, see read_metadata
        return None
