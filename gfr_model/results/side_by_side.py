"""Restorations side by side: the pictures of each observation that were kept, each once in the page."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gfr_model.pictures import FULL_COLOUR, flow_picture
from gfr_model.results.panel import read_panel_file
from gfr_model.results.scores import OBSERVATION
from manifests import Progress, hash_bytes
from manifests.pages.charts import data_uri
from manifests.tables.schemas import FLOW_FILE

JPEG_QUALITY = 92


@dataclass(frozen=True)
class Restored:
    """A row of scores and its pictures."""

    row: dict[str, Any]  # None for what was not measured; `gain` over bicubic in dB
    pictures: dict[str, str]  # key in the page's pictures by title: input, output, and what else there is


class Pictures:
    """The pictures of a page, each once: {key: data URI}."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, str] = {}

    def add(self, panel: str, name: str) -> str | None:
        """The key of a kept picture, None where it is missing or unreadable. Raises DataError when it is damaged."""
        from PIL import Image

        content = read_panel_file(self.folder / panel, f"{name}.png")
        try:
            return None if content is None else self._keep(np.array(Image.open(io.BytesIO(content)).convert("RGB")))
        except (OSError, ValueError):  # of an earlier version, whose panels do not tell
            return None

    def add_flow(self, panel: str) -> tuple[str, str | None]:
        """Title and key of a kept flow as a picture; full colour is its own longest way. Raises as `add` does."""
        content = read_panel_file(self.folder / panel, FLOW_FILE)
        try:
            flow = np.load(io.BytesIO(content or b""), allow_pickle=False).astype(np.float32)[None]
        except (EOFError, OSError, ValueError):
            return "flow", None
        size = flow.shape[-1]
        line = np.linspace(-1, 1, size, dtype=np.float32)
        still = np.stack(np.meshgrid(line, line))[None]
        longest = float(np.quantile(np.hypot(*(flow - still)[0]), 0.99))  # in [-1, 1]'s unit
        scaled = still + (flow - still) * (2 * FULL_COLOUR / max(longest, 1e-6))
        return f"flow, up to {longest * (size - 1) / 2:.0f} px", self._keep(flow_picture(scaled)[0])

    def _keep(self, image: np.ndarray) -> str:
        key = hash_bytes(image.tobytes())[:12]
        if key not in self.found:
            self.found[key] = data_uri(image, quality=JPEG_QUALITY)
        return key


def side_by_side(shown: pd.DataFrame, pictures: Pictures, progress: Progress) -> Iterator[Restored]:
    """The rows of scores that have pictures. The pictures themselves are left in `pictures`."""
    kept = shown[shown["panel"].notna()]
    done = 0
    for _, group in kept.groupby(OBSERVATION, sort=False):
        panels = dict(zip(group["method"], group["panel"], strict=True))
        for row in group.astype(object).where(group.notna(), None).to_dict("records"):
            found = _pictures(row["method"], panels, pictures)
            done += 1
            progress("page", done, len(kept))
            if "input" in found and "output" in found:
                yield Restored(row, found)


def _pictures(method: str, panels: dict[str, str], pictures: Pictures) -> dict[str, str]:
    """Title and key of each picture of an observation that is there, the other methods' outputs among them."""
    panel = panels[method]
    found = {
        "input": pictures.add(panel, "input"),
        "guide": pictures.add(panel, "guide"),
        "warped guide": pictures.add(panel, "warped"),
        **dict([pictures.add_flow(panel)]),
        "output": pictures.add(panel, "output"),
        "truth": pictures.add(panel, "truth"),
    }
    found |= {f"by {name}": pictures.add(other, "output") for name, other in panels.items() if name != method}
    return {title: key for title, key in found.items() if key is not None}
