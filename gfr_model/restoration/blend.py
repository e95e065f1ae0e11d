"""Lay a restored face back into its photograph so that no seam shows.

The *change* that the network made is added, not its output pasted: detail of the photograph that is finer than the
network's 256 px stays, and where the network changes nothing the photograph stays as it is, to the bit.
"""

import numpy as np

from gfr_model.restoration.faces import covers
from manifests.crops import CropGeometry

# Share of the crop's side over which the change fades in from its border. The crop is 1.8 times the face's box, so that
# the box begins at 0.22 of the side: all of the face gets the whole change.
FEATHER = 0.2


def blend(photograph: np.ndarray, seen: np.ndarray, restored: np.ndarray, square: CropGeometry) -> np.ndarray:
    """Return `photograph` (H, W, 3) uint8 with what changed from `seen` to `restored`, both (S, S, 3) uint8.

    seen: what the network was shown: `square` of the photograph, resized. Where that is the whole photograph nothing is
    left to fade into, and all of it changes.
    """
    height, width = photograph.shape[:2]
    rows = slice(max(int(np.ceil(square.y0)), 0), min(int(np.floor(square.y0 + square.height)), height))
    columns = slice(max(int(np.ceil(square.x0)), 0), min(int(np.floor(square.x0 + square.width)), width))
    result = photograph.copy()
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return result
    change = _at(restored.astype(np.float32) - seen.astype(np.float32), square, rows, columns)
    if not covers(square, photograph):
        down = fade((np.arange(rows.start, rows.stop) + 0.5 - square.y0) / square.height)
        along = fade((np.arange(columns.start, columns.stop) + 0.5 - square.x0) / square.width)
        change *= (down[:, None] * along[None, :])[..., None]
    part = photograph[rows, columns].astype(np.float32) + change
    result[rows, columns] = np.rint(part).clip(0, 255).astype(np.uint8)
    return result


def fade(place: np.ndarray) -> np.ndarray:
    """Weight of the change at `place`, 0 to 1 across the crop: 0 and level at the border, 1 from FEATHER on; float32.

    Its slope is continuous: a kink would show as a line in smooth skin.
    """
    inside = np.minimum(place, 1 - place) / FEATHER
    return (0.5 - 0.5 * np.cos(np.pi * inside.clip(0, 1))).astype(np.float32)


def _at(change: np.ndarray, square: CropGeometry, rows: slice, columns: slice) -> np.ndarray:
    """`change` (S, S, 3) float32, which covers `square`, at the pixels of the photograph: bicubic, antialiased."""
    from PIL import Image

    size = change.shape[0]
    x, y = size / square.width, size / square.height
    box = (
        max((columns.start - square.x0) * x, 0.0),
        max((rows.start - square.y0) * y, 0.0),
        min((columns.stop - square.x0) * x, float(size)),
        min((rows.stop - square.y0) * y, float(size)),
    )
    wanted = (columns.stop - columns.start, rows.stop - rows.start)
    planes = [
        Image.fromarray(np.ascontiguousarray(change[..., channel])).resize(wanted, Image.Resampling.BICUBIC, box=box)
        for channel in range(3)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
