"""Pictures for people: grids of what went in and came out, the flow as colours."""

import colorsys

import numpy as np
import torch
from torch import Tensor

GAP = 2  # px between pictures
HEAD, TITLE = 16, 10  # px for the column titles, and of their letters
READ_AT = 1200  # px to which pages shrink a wider grid: its titles are larger by as much
FULL_COLOUR = 0.125  # displacement, as a share of the side, that is drawn in full saturation


def to_levels(images: Tensor) -> Tensor:
    """Images in [0, 1] as uint8, rounded."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def grid(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Lay out named columns of pictures, each (B, S, S, 3) uint8, a row per sample; returns (H, W, 3) uint8."""
    from PIL import Image, ImageDraw, ImageFont

    count, size = next(iter(columns.values())).shape[:2]
    width = len(columns) * (size + GAP) - GAP
    enlarged = max(1.0, width / READ_AT)
    head = round(HEAD * enlarged)
    height = head + count * (size + GAP)
    page = np.full((height, width, 3), 255, dtype=np.uint8)
    for column, pictures in enumerate(columns.values()):
        left = column * (size + GAP)
        for row, picture in enumerate(pictures):
            top = head + row * (size + GAP)
            page[top : top + size, left : left + size] = picture
    image = Image.fromarray(page)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(TITLE * enlarged)
    for column, title in enumerate(columns):
        draw.text((column * (size + GAP) + 3, 2), title, fill=(0, 0, 0), font=font)
    return np.array(image)


def with_points(pictures: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pictures (B, S, S, 3) uint8 with a yellow dot at each of their points, (B, N, 2) px."""
    from PIL import Image, ImageDraw

    drawn = []
    for picture, places in zip(pictures, points, strict=True):
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        for x, y in places:
            if np.isfinite([x, y]).all():
                draw.ellipse((x - 1.2, y - 1.2, x + 1.2, y + 1.2), fill=(255, 220, 0))
        drawn.append(np.array(image))
    return np.stack(drawn)


def flow_picture(flow: np.ndarray) -> np.ndarray:
    """Draw absolute sampling positions (B, 2, S, S) in [-1, 1] as colours, (B, S, S, 3) uint8.

    Hue is the direction in which a pixel looks, saturation how far; white looks at itself.
    """
    size = flow.shape[-1]
    line = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = flow[:, 0] - line, flow[:, 1] - line[:, None]
    hue = (np.arctan2(y, x) / (2 * np.pi)) % 1
    saturation = np.clip(np.hypot(x, y) / 2 / FULL_COLOUR, 0, 1)
    wheel = np.array([colorsys.hsv_to_rgb(h / 256, 1, 1) for h in range(256)], dtype=np.float32)
    colour = wheel[(hue * 256).astype(np.int64) % 256]
    return np.round(255 * (1 - saturation[..., None] * (1 - colour))).astype(np.uint8)
