"""Read a photograph in any common format as upright 8-bit RGB, or say why it cannot be read."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 120_000_000  # of a photograph; 360 MB decoded. Checked on the header, before anything is decoded.
MAX_BYTES = 400_000_000  # of a file
# What a camera, a scanner or a dataset writes. Pillow's other readers only widen what a hostile file can reach.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM", "JPEG2000")


class Unreadable(Exception):  # noqa: N818  a state of a photograph, as in the table of faces
    """A photograph that cannot be read; the text says why."""


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Return the photograph at `path` as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Grey, palette, CMYK and 16-bit images become RGB; what is transparent lies on white; of an animation the first
    picture counts. Raises Unreadable, and nothing else, whatever the file holds.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"larger than {MAX_BYTES / 1e6:.0f} MB")
        return decode_image(path.read_bytes(), max_pixels)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


def decode_image(content: bytes, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """`read_image` of the bytes of a file."""
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise Unreadable("empty file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which is not used; a bomb is found by its size below
        try:
            with Image.open(io.BytesIO(content), formats=_formats()) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise Unreadable(f"{width} x {height} px is more than {max_pixels / 1e6:.0f} megapixels")
                return _to_rgb(picture)
        except Unreadable:
            raise
        except UnidentifiedImageError as error:
            raise Unreadable("no image, or of a format that is not read") from error
        except Image.DecompressionBombError as error:
            raise Unreadable(str(error)) from error
        # Decoders of damaged files raise nearly everything; a photograph is one of millions and may not end a build.
        except Exception as error:
            raise Unreadable(f"damaged: {error or type(error).__name__}".split("\n")[0][:200]) from error


def _formats() -> list[str]:
    from PIL import Image

    Image.preinit()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _to_rgb(picture: "Image.Image") -> np.ndarray:
    from PIL import Image, ImageOps

    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith(("I", "F")):
        return _from_deep(np.asarray(upright))
    if upright.has_transparency_data:
        clear = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    image = np.array(upright.convert("RGB"))
    if image.ndim != 3 or 0 in image.shape:
        raise Unreadable("holds no pixels")
    return image


def _from_deep(values: np.ndarray) -> np.ndarray:
    """Grey values of more than 8 bits as (H, W, 3) uint8."""
    values = np.nan_to_num(values.astype(np.float64))
    # A float image is in 0 to 1 or in 0 to 255; a 16-bit one uses its 16 bits.
    top = values.max(initial=0.0)
    full = 65535.0 if top > 255 else 255.0 if top > 1 else 1.0
    grey = np.rint(values * (255.0 / full)).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
