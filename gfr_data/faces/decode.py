"""Read a photograph in any common format as upright 8-bit RGB, or say why it cannot be read."""

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from manifests import hash_bytes, read_file
from manifests.files import MOST_INPUT

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 120_000_000  # of a photograph; 360 MB decoded. Checked on the header, before anything is decoded.
MAX_MEMORY = 1_000_000_000  # bytes that decoding may take; what some formats would need at MAX_PIXELS is more
# What a camera, a scanner or a dataset writes. Pillow's other readers only widen what a hostile file can reach.
# HEIF, what telephones write, is read where pi-heif is installed.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM", "JPEG2000", "AVIF", "HEIF")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


_STRIP = 1 << 20  # pixels that become RGB at a time: what that takes on the way is nothing beside the picture
_ORIENTATION, _ROWS_PER_STRIP = 0x0112, 0x0116  # EXIF and TIFF
# Bytes a pixel, measured as growth of the process: Pillow's own 4, and what the format's library needs beside them.
_DECODED = {"WEBP": 16.0, "JPEG2000": 24.0, "progressive": 10.0, "AVIF": 12.0, "HEIF": 12.0}
_HELD = 8.0  # Pillow's 4, the RGB, and that again in half its size


class Unreadable(Exception):  # noqa: N818  a state of a photograph, as in the table of faces
    """A photograph that cannot be read; the text says why."""


Reduce = Callable[[int, int], int]  # from width and height, px, to how many times smaller a photograph may be decoded


@dataclass(frozen=True)
class Decoded:
    """A photograph at its own size or at a half, a quarter or an eighth of it."""

    image: np.ndarray  # (H, W, 3) uint8 RGB, upright
    width: int  # px of the upright photograph
    height: int
    reduction: int  # px of the photograph, along each side, in one of the image
    digest: str  # hash of the file's bytes
    _whole: bytes | np.ndarray = field(repr=False)  # of a reduced one: the JPEG file, or what was decoded

    @property
    def nbytes(self) -> int:
        """What it holds of the memory."""
        return self.image.nbytes + (len(self._whole) if isinstance(self._whole, bytes) else self._whole.nbytes)

    def at(self, reduction: int) -> "Decoded":
        """The same photograph `reduction` times smaller, no more than this one, for good: it lets go of the rest."""
        if reduction >= self.reduction:
            return replace(self, _whole=b"")
        if isinstance(self._whole, bytes):
            larger = _decode(io.BytesIO(self._whole), MAX_PIXELS, lambda width, height: reduction, self.digest)
            return larger.at(reduction)
        return replace(self, image=_averaged(self._whole, reduction), reduction=reduction, _whole=b"")


def whole(width: int, height: int) -> int:
    """Not reduced."""
    return 1


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Return the photograph at `path` as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Grey, palette, CMYK and 16-bit images become RGB; what is transparent lies on white; of an animation the first
    picture counts. Raises Unreadable, and nothing else, whatever lies there: nothing, no regular file, any bytes.
    """
    return _decode(io.BytesIO(_content(partial(read_file, path))), max_pixels).image


def read_photograph(read: Callable[[int], bytes], reduce: Reduce = whole) -> Decoded:
    """The photograph as `read_image` turns it upright, with the hash of the very bytes that were decoded.

    read: returns the photograph's bytes, as many as it is given at most, or raises OSError with its reason.
    reduce: how many times smaller it shall be, 1, 2, 4 or 8. A JPEG is decoded so; others are averaged over squares and
    held as they are until `at` lets go of that.
    """
    content = _content(read)
    digest, stream = hash_bytes(content), io.BytesIO(content)
    del content  # the stream alone holds it, and lets go of it when it is decoded
    return _decode(stream, MAX_PIXELS, reduce, digest)


def decode_image(content: bytes, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """`read_image` of the bytes of a file."""
    return _decode(io.BytesIO(content), max_pixels).image


def _content(read: Callable[[int], bytes]) -> bytes:
    try:
        return read(MOST_INPUT)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


def _decode(stream: io.BytesIO, max_pixels: int, reduce: Reduce = whole, digest: str = "") -> Decoded:
    from PIL import Image, UnidentifiedImageError

    if not stream.getbuffer():
        raise Unreadable("empty file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which is not used; a bomb is found by its size below
        try:
            with Image.open(stream, formats=_formats()) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise Unreadable(f"{width} x {height} px is more than {max_pixels / 1e6:.0f} megapixels")
                if (memory := _memory(picture, len(stream.getbuffer()))) > MAX_MEMORY:
                    raise Unreadable(f"{width} x {height} px would take {memory / 1e9:.1f} GB to decode")
                reduction = reduce(width, height)
                drafted = _drafted(picture, reduction)
                content = stream.getvalue() if drafted else b""
                image, turned = _to_rgb(picture, stream)
                if turned:
                    width, height = height, width
                if reduction > 1 and not drafted:
                    return Decoded(_averaged(image, reduction), width, height, reduction, digest, image)
                return Decoded(image, width, height, reduction, digest, content)
        except Unreadable:
            raise
        except UnidentifiedImageError as error:
            raise Unreadable(_unidentified(stream)) from error
        except Image.DecompressionBombError as error:
            raise Unreadable(str(error)) from error
        # Decoders of damaged files raise nearly everything; a photograph is one of millions and may not end a build.
        except Exception as error:
            raise Unreadable(f"damaged: {error or type(error).__name__}".split("\n")[0][:200]) from error


def _formats() -> list[str]:
    from PIL import Image

    Image.preinit()
    Image.init()
    if "HEIF" not in Image.OPEN and find_spec("pi_heif") is not None:
        import pi_heif

        pi_heif.register_heif_opener()
    return [name for name in FORMATS if name in Image.OPEN]


def _unidentified(stream: io.BytesIO) -> str:
    head = bytes(stream.getbuffer()[:12])
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS and find_spec("pi_heif") is None:
        return "a HEIC photograph, which pi-heif reads: pip install pi-heif, then retry"
    return "no image, or of a format that is not read"


def _memory(picture: "Image.Image", content: int) -> float:
    """Bytes that decoding takes at most, with the file's `content` bytes."""
    width, height = picture.size
    kind = "progressive" if "progressive" in picture.info else picture.format or ""
    decoded = _DECODED.get(kind, 4.0)
    if kind == "TIFF":  # decoded from a copy of the file, a strip at a time, then turned
        rows = min(int(picture.getexif().get(_ROWS_PER_STRIP, height)), height)
        decoded, content = 8.0 + 8.0 * rows / max(height, 1), 2 * content
    return max(width * height * decoded + content, width * height * _HELD)


def _drafted(picture: "Image.Image", reduction: int) -> bool:
    """Have the decoder give a picture that is so many times smaller; whether it does."""
    width, height = picture.size
    if reduction > 1:
        picture.draft(None, (width // reduction, height // reduction))
    return picture.size != (width, height)


def _averaged(image: np.ndarray, factor: int) -> np.ndarray:
    """Means over squares of `factor` px of (H, W, 3) uint8; its last row and column fill up the last ones."""
    if factor == 1:
        return image
    import cv2

    height, width = image.shape[:2]
    small = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    many = max(_STRIP // (factor * width), 1)
    for top in range(0, len(small), many):
        strip = image[factor * top : factor * (top + many)]
        missing = -len(strip) % factor, -width % factor
        if any(missing):
            strip = cv2.copyMakeBorder(strip, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
        size = strip.shape[1] // factor, strip.shape[0] // factor
        small[top : top + many] = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
    return small


def _to_rgb(picture: "Image.Image", stream: io.BytesIO) -> tuple[np.ndarray, bool]:
    """The picture, decoded once, as upright RGB, and whether that lies on its side in the file.

    Written in strips, so that nothing else of its size is ever held.
    """
    picture.load()
    orientation = picture.getexif().get(_ORIENTATION, 1)
    stream.close()
    width, height = picture.size
    if not width * height:
        raise Unreadable("holds no pixels")
    turned = orientation in (5, 6, 7, 8)
    image = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    stored = _as_stored(image, orientation)
    if picture.mode.startswith(("I", "F")):
        white = _white(max(_numbers(strip).max() for _, strip in _strips(picture)))
        for rows, strip in _strips(picture):
            stored[rows] = np.rint(_numbers(strip) * (255.0 / white)).clip(0, 255)[..., None]
    else:
        for rows, strip in _strips(picture):
            stored[rows] = _eight_bits(strip)
    return image, turned


def _strips(picture: "Image.Image") -> Iterator[tuple[slice, "Image.Image"]]:
    """Rows of a picture, and the part of it that they are."""
    width, height = picture.size
    many = max(_STRIP // width, 1)
    for top in range(0, height, many):
        bottom = min(top + many, height)
        yield slice(top, bottom), picture.crop((0, top, width, bottom))


def _as_stored(image: np.ndarray, orientation: int) -> np.ndarray:
    """A view of an upright image in which it lies as its file has it."""
    ways = {
        2: lambda: image[:, ::-1],
        3: lambda: image[::-1, ::-1],
        4: lambda: image[::-1],
        5: lambda: image.swapaxes(0, 1),
        6: lambda: np.rot90(image),
        7: lambda: image.swapaxes(0, 1)[::-1, ::-1],
        8: lambda: np.rot90(image, -1),
    }
    return ways[orientation]() if orientation in ways else image


def _eight_bits(strip: "Image.Image") -> np.ndarray:
    from PIL import Image

    if strip.has_transparency_data:
        clear = strip.convert("RGBA")
        strip = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return np.asarray(strip.convert("RGB"))


def _numbers(strip: "Image.Image") -> np.ndarray:
    """Grey values of more than 8 bits; what is no number is black."""
    return np.nan_to_num(np.asarray(strip).astype(np.float64))


def _white(top: float) -> float:
    """The value of white in grey of more than 8 bits: 16 bits use all of theirs, a float image is in 0 to 1 or 255."""
    return 65535.0 if top > 255 else 255.0 if top > 1 else 1.0
