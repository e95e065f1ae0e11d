"""How many times smaller a photograph is looked at: a search needs few of its pixels, a large face no more.

Whatever its format: a JPEG is decoded so, others are averaged over squares after it.
"""

from manifests.crops import CROP_SIZE, CropGeometry

FACTORS = (8, 4, 2)  # by which a JPEG can be decoded smaller
SEARCHED = 960  # px, least shorter side in which faces are looked for; the smallest of them is a tenth of it
SPARE = 2  # px, at least, of what is looked at in one of the crop, along each side


def for_search(width: int, height: int) -> int:
    """How many times smaller a photograph is where faces are looked for."""
    return _largest(min(width, height) / SEARCHED)


def for_crop(geometry: CropGeometry, width: int, height: int, size: int = CROP_SIZE) -> int:
    """The same where one is cropped to `size` px; no more than for the search, which was done before."""
    side = min(geometry.width, geometry.height)
    return min(_largest(side / (SPARE * size)), for_search(width, height))


def _largest(most: float) -> int:
    return next((factor for factor in FACTORS if factor <= most), 1)
