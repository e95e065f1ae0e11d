"""Whether a photograph is looked at in half of its size: a search needs few of its pixels, a large face no more.

Whatever its format: a JPEG is decoded so, others are averaged over squares of 2 px. In a quarter JPEGs of 6,000 px would
cost a third less, but the two ways would no longer give the same boxes to half a px of the photograph.
"""

from manifests.crops import CROP_SIZE, CropGeometry

SEARCHED = 960  # px, least shorter side in which faces are looked for; the smallest of them is a tenth of it
SPARE = 2  # px, at least, of what is looked at in one of the crop, along each side


def for_search(width: int, height: int) -> int:
    """How many times smaller a photograph is where faces are looked for, 1 or 2."""
    return 2 if min(width, height) >= 2 * SEARCHED else 1


def for_crop(geometry: CropGeometry, width: int, height: int, size: int = CROP_SIZE) -> int:
    """The same where one is cropped to `size` px; no more than for the search, which was done before."""
    enough = min(geometry.width, geometry.height) >= 2 * SPARE * size
    return for_search(width, height) if enough else 1
