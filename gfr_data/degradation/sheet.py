"""A sheet that shows eq. 4 on one face: along each parameter, and the two implementations with their difference."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gfr_data.degradation.crops import Crop, read_crop
from gfr_data.degradation.dataset import splits_to_degrade
from gfr_data.degradation.reference import degrade_image
from manifests import PAIRS, PAIRS_FILE, DataError, read_table
from manifests.crops import CROP_SIZE, UnusableError
from manifests.degradation.draws import Degradation, Draws, draw, stack
from manifests.degradation.space import PAPER_SPACE
from manifests.files import lone_path

if TYPE_CHECKING:
    from PIL import Image

Batched = Callable[[np.ndarray, Draws], np.ndarray]  # (B, S, S, 3) uint8 -> (B, S, S, 3) float32, 0 to 255

ALONG: dict[str, tuple[float, ...]] = {
    "blur_sigma": (0, 1, 1.5, 2, 2.5, 3),
    "scale": (1, 2, 3, 4, 6, 8),
    "noise_sigma": (0, 1, 2, 4, 5, 7),
    "jpeg_quality": (0, 40, 30, 20, 15, 10),
}
TITLES = {
    "blur_sigma": "blur: standard deviation in px",
    "scale": "scale: downsampled by",
    "noise_sigma": "noise: standard deviation in grey levels",
    "jpeg_quality": "JPEG quality (0: lossless)",
}
COLUMNS = 6
CAPTION, MARGIN, TITLE = 22, 8, 34  # px
AMPLIFIED = 64  # times, so that a difference of one grey level would be seen
INK, GROUND = (29, 36, 48), (255, 255, 255)


def preview_pairs(
    folder: Path, path: Path, splits: Sequence[str] | None, batched: Batched | None, overwrite: bool = False
) -> None:
    """Draw the sheet for the first target of the splits. Raises DataError when `path` exists or there is no target."""
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; give another --preview, or --overwrite")
    table = read_table(folder / PAIRS_FILE, PAIRS, ["split", "target_path", "target_hash"])
    chosen = splits_to_degrade(table, splits, folder / PAIRS_FILE)
    row = next(row for row, split in enumerate(table["split"].to_pylist()) if split in chosen)
    target, digest = (table[name][row].as_py() for name in ("target_path", "target_hash"))
    try:
        image = read_crop(folder, Crop(target, digest, folder / PAIRS_FILE, row, "target_path"))
    except UnusableError as error:
        raise DataError(f"{error}; build the pairs again") from error
    with lone_path(path) as part:
        draw_sheet(image, batched).save(part)


def draw_sheet(image: np.ndarray, batched: Batched | None = None, seed: int = 0) -> "Image.Image":
    """The sheet for `image` (256, 256, 3) uint8 RGB; with `batched`, its results beside the reference's."""
    rows = []
    for name, values in ALONG.items():  # one parameter changes, the others are off
        changed = [Degradation(**{name: value}) for value in values]  # type: ignore[arg-type]
        pictures = _bytes(np.stack([degrade_image(image, one).image for one in changed]))
        rows.append((TITLES[name], [f"{value:g}" for value in values], pictures))
    draws = [draw(PAPER_SPACE, seed, "preview", copy) for copy in range(COLUMNS)]
    reference = np.stack([degrade_image(image, one).image for one in draws])
    words = [
        f"blur {one.blur_sigma:g}, scale {one.scale:g}, noise {one.noise_sigma}, quality {one.jpeg_quality}"
        for one in draws
    ]
    rows.append(("drawn from all sets: reference", words, _bytes(reference)))
    if batched is not None:
        other = batched(np.stack([image] * COLUMNS), stack(draws))
        difference = np.abs(other - reference)
        worst = [f"at most {value:.5f} grey levels" for value in difference.max(axis=(1, 2, 3))]
        rows.append(("the same, batched", [""] * COLUMNS, _bytes(other)))
        rows.append((f"their difference, {AMPLIFIED} times", worst, _bytes(difference * AMPLIFIED)))
    return _compose(rows)


def _bytes(levels: np.ndarray) -> np.ndarray:
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def _compose(rows: list[tuple[str, list[str], np.ndarray]]) -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFont

    cell, height = CROP_SIZE + MARGIN, TITLE + CROP_SIZE + CAPTION
    sheet = Image.new("RGB", (COLUMNS * cell + MARGIN, len(rows) * height + MARGIN), GROUND)
    pen = ImageDraw.Draw(sheet)
    title, caption = ImageFont.load_default(19), ImageFont.load_default(14)
    for number, (name, words, images) in enumerate(rows):
        top = number * height
        pen.text((MARGIN, top + MARGIN), name, fill=INK, font=title)
        for column, (text, image) in enumerate(zip(words, images, strict=True)):
            left = MARGIN + column * cell
            sheet.paste(Image.fromarray(image), (left, top + TITLE))
            pen.text((left, top + TITLE + CROP_SIZE + 2), text, fill=INK, font=caption)
    return sheet
