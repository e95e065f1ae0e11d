"""A sheet that shows degradation on one face: each parameter, and the two implementations with their difference."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gfr_data.degradation.crops import Crop, read_crop
from gfr_data.degradation.job import splits_to_degrade
from gfr_data.degradation.reference import degrade_image
from manifests import PAIRS, PAIRS_FILE, DataError, read_provenance, read_table
from manifests.crops import UnusableError
from manifests.degradation.chains import stack_chains
from manifests.degradation.draws import Degradation, stack
from manifests.degradation.passes import Chain, ChainSpace, Pass
from manifests.degradation.space import PAPER_SPACE
from manifests.degradation.spaces import AnyDraw, AnyDraws, Space, draw_one
from manifests.files import lone_path

if TYPE_CHECKING:
    from PIL import Image

Batched = Callable[[np.ndarray, AnyDraws], np.ndarray]  # (B, S, S, 3) uint8 -> (B, S, S, 3) float32, 0 to 255

Row = tuple[str, list[str], np.ndarray]  # title, a caption for each picture, the pictures

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
BEYOND: dict[str, tuple[Pass, ...]] = {
    "blur of two axes: sigma 4 px, ratio 0.3, turned": tuple(
        Pass(blur_sigma=4, blur_ratio=0.3, blur_angle=angle) for angle in range(0, 180, 30)
    ),
    "motion: 3 to 15 px, turned": tuple(
        Pass(motion_length=length, motion_angle=angle)
        for length, angle in ((3, 0), (5, 45), (8, 90), (10, 135), (13, 20), (15, 160))
    ),
}
LEGEND = "b blur, m motion, s scale, n noise, q quality; + is no JPEG of 4:2:0"
COLUMNS = 6
CAPTION, MARGIN, TITLE = 38, 8, 34  # px
AMPLIFIED = 64  # times, so that a difference of one grey level would be seen
INK, GROUND = (29, 36, 48), (255, 255, 255)


def preview_pairs(
    folder: Path,
    path: Path,
    splits: Sequence[str] | None,
    batched: Batched | None,
    space: Space = PAPER_SPACE,
    overwrite: bool = False,
) -> None:
    """Draw the sheet for the first target of the splits. Raises DataError when `path` exists or there is no target."""
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; give another --preview, or --overwrite")
    table = read_table(folder / PAIRS_FILE, PAIRS, ["split", "target_path", "target_hash"])
    chosen = splits_to_degrade(table, splits, folder / PAIRS_FILE)
    row = next(row for row, split in enumerate(table["split"].to_pylist()) if split in chosen)
    target, digest = (table[name][row].as_py() for name in ("target_path", "target_hash"))
    try:
        size = read_provenance(folder / PAIRS_FILE).crop_size
        image = read_crop(folder, Crop(target, digest, folder / PAIRS_FILE, row, "target_path", size))
    except UnusableError as error:
        raise DataError(f"{error}; build the pairs again") from error
    with lone_path(path) as part:
        draw_sheet(image, batched, space).save(part)


def draw_sheet(
    image: np.ndarray, batched: Batched | None = None, space: Space = PAPER_SPACE, seed: int = 0
) -> "Image.Image":
    """The sheet for `image` (S, S, 3) uint8 RGB; with `batched`, its results beside the reference's.

    Eq. 4 comes first; draws of another `space` are below it.
    """
    rows = []
    for name, values in ALONG.items():  # one parameter changes, the others are off
        changed = [Degradation(**{name: value}) for value in values]  # type: ignore[arg-type]
        pictures = _bytes(np.stack([degrade_image(image, one, len(image)).image for one in changed]))
        rows.append((TITLES[name], [f"{value:g}" for value in values], pictures))
    paper = [draw_one(PAPER_SPACE, seed, "preview", copy) for copy in range(COLUMNS)]
    rows += _both("drawn from all sets", image, paper, batched)
    if isinstance(space, ChainSpace):
        for name, passes in BEYOND.items():
            pictures = _bytes(np.stack([degrade_image(image, Chain(one), len(image)).image for one in passes]))
            rows.append((name, [_words(Chain(one)) for one in passes], pictures))
        draws = [draw_one(space, seed, "preview", copy) for copy in range(2 * COLUMNS)]
        shown = None if space.makes_webp else batched
        rows += _both(f"drawn beyond eq. 4 ({LEGEND})", image, draws[:COLUMNS], shown)
        rows += _both("drawn beyond eq. 4, too", image, draws[COLUMNS:], shown)
    return _compose(rows)


def _both(title: str, image: np.ndarray, draws: Sequence[AnyDraw], batched: Batched | None) -> list[Row]:
    """Rows of what both implementations make of `draws`."""
    reference = np.stack([degrade_image(image, one, len(image)).image for one in draws])
    rows = [(f"{title}: reference", [_words(one) for one in draws], _bytes(reference))]
    if batched is not None:
        singles = [one for one in draws if isinstance(one, Degradation)]
        stacked = stack(singles) if singles else stack_chains([one for one in draws if isinstance(one, Chain)])
        other = batched(np.stack([image] * COLUMNS), stacked)
        difference = np.abs(other - reference)
        worst = [f"at most {value:.5f} grey levels" for value in difference.max(axis=(1, 2, 3))]
        rows.append(("the same, batched", [""] * COLUMNS, _bytes(other)))
        rows.append((f"their difference, {AMPLIFIED} times", worst, _bytes(difference * AMPLIFIED)))
    return rows


def _words(one: AnyDraw) -> str:
    """A draw below its picture, a line for each pass."""
    if isinstance(one, Degradation):
        return f"blur {one.blur_sigma:g}, scale {one.scale:g}, noise {one.noise_sigma}, quality {one.jpeg_quality}"
    return "\nthen ".join(_pass_words(part) for part in one.passes)


def _pass_words(one: Pass) -> str:
    oblique = f"x{one.blur_sigma * one.blur_ratio:.1f} at {one.blur_angle:g}°" if one.blur_ratio < 1 else ""
    words = [f"b{one.blur_sigma:g}{oblique}"] if one.blur_sigma else []
    words += [f"m{one.motion_length:g} at {one.motion_angle:g}°"] if one.motion_length else []
    words += [f"s{one.scale:g}"] if one.scale > 1 else []
    words += [f"n{one.noise_sigma}"] if one.noise_sigma else []
    words += [f"q{one.jpeg_quality}{'' if one.codec == 'jpeg420' else '+'}"] if one.jpeg_quality else []
    return " ".join(words) or "nothing"


def _bytes(levels: np.ndarray) -> np.ndarray:
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def _compose(rows: list[Row]) -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFont

    side = rows[0][2].shape[1]
    cell, height = side + MARGIN, TITLE + side + CAPTION
    sheet = Image.new("RGB", (COLUMNS * cell + MARGIN, len(rows) * height + MARGIN), GROUND)
    pen = ImageDraw.Draw(sheet)
    title, caption = ImageFont.load_default(19), ImageFont.load_default(14)
    for number, (name, words, images) in enumerate(rows):
        top = number * height
        pen.text((MARGIN, top + MARGIN), name, fill=INK, font=title)
        for column, (text, image) in enumerate(zip(words, images, strict=True)):
            left = MARGIN + column * cell
            sheet.paste(Image.fromarray(image), (left, top + TITLE))
            pen.text((left, top + TITLE + side + 2), text, fill=INK, font=caption)
    return sheet
