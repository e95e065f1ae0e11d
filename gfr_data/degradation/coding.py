"""The files of low-resolution images: JPEG, WebP, or PNG where nothing may be lost."""

import io

import numpy as np

from manifests.degradation.passes import CODECS

SAMPLING = {"jpeg420": "4:2:0", "jpeg444": "4:4:4"}  # of chroma


def encode(low: np.ndarray, quality: int, codec: str = CODECS[0]) -> tuple[bytes, str]:
    """The file of `low` (n, n, 3) uint8 RGB and its extension: PNG when quality is 0, else as `codec` of CODECS says.

    JPEG has libjpeg's tables, WebP libwebp's own choices.
    """
    from PIL import Image

    file, picture = io.BytesIO(), Image.fromarray(low)
    if quality == 0:
        picture.save(file, "png")
        return file.getvalue(), ".png"
    if codec == "webp":
        picture.save(file, "webp", quality=quality)
        return file.getvalue(), ".webp"
    picture.save(file, "jpeg", quality=quality, subsampling=SAMPLING[codec])
    return file.getvalue(), ".jpg"


def decode(content: bytes) -> np.ndarray:
    """The pixels of a file that `encode` made, (n, n, 3) uint8 RGB."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))
