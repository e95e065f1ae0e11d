"""Restorations side by side, as HTML: a divider to drag, and the pictures of each observation."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.pictures import FULL_COLOUR, flow_picture
from gfr_model.results.scores import observation
from gfr_model.scoring.panels import FLOW_FILE
from manifests import Progress, hash_bytes

JPEG_QUALITY = 92
ORDERS = (("gain", "largest gain"), ("loss", "largest loss"), ("psnr", "PSNR"), ("pose", "pose difference"))


@dataclass(frozen=True)
class Shown:
    """A row of scores beside bicubic's of the same observation."""

    row: dict[str, Any]
    gain: float  # dB over bicubic


class Pictures:
    """The pictures of a page, each once: {key: data URI}."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, str] = {}

    def add(self, panel: str, name: str) -> str | None:
        """The key of a kept picture, None where it is missing or unreadable."""
        from PIL import Image

        try:
            with Image.open(self.folder / panel / f"{name}.png") as file:
                return self._keep(np.array(file.convert("RGB")))
        except (OSError, ValueError):
            return None

    def add_flow(self, panel: str) -> tuple[str, str] | None:
        """Title and key of a kept flow as a picture; full colour is its own longest way."""
        try:
            flow = np.load(self.folder / panel / FLOW_FILE, allow_pickle=False).astype(np.float32)[None]
        except (OSError, ValueError):
            return None
        size = flow.shape[-1]
        line = np.linspace(-1, 1, size, dtype=np.float32)
        still = np.stack(np.meshgrid(line, line))[None]
        longest = float(np.quantile(np.hypot(*(flow - still)[0]), 0.99))  # in [-1, 1]'s unit
        scaled = still + (flow - still) * (2 * FULL_COLOUR / max(longest, 1e-6))
        return f"flow, up to {longest * (size - 1) / 2:.0f} px", self._keep(flow_picture(scaled)[0])

    def _keep(self, image: np.ndarray) -> str:
        key = hash_bytes(image.tobytes())[:12]
        if key not in self.found:
            self.found[key] = _data_uri(image)
        return key


def _data_uri(image: np.ndarray) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def side_by_side(shown: Sequence[Shown], pictures: Pictures, progress: Progress) -> tuple[str, int]:
    """Controls and a row of pictures for each observation and method that has some; and how many rows there are.

    The pictures themselves are left in `pictures`, for the script to put in.
    """
    panels: dict[tuple[Any, ...], dict[str, str]] = {}
    for one in shown:
        if one.row["panel"] is not None:
            panels.setdefault(observation(one.row), {})[one.row["method"]] = one.row["panel"]
    with_panel = [one for one in shown if one.row["panel"] is not None]
    kept, parts = [], []
    for done, one in enumerate(with_panel, start=1):
        if part := _row(one, done, panels[observation(one.row)], pictures):
            kept.append(one)
            parts.append(part)
        progress("page", done, len(with_panel))
    if not kept:
        return "", 0
    methods = dict.fromkeys(one.row["method"] for one in kept)
    places = dict.fromkeys(_where(one.row) for one in kept)
    controls = (
        _select("method", "Method", [(name, name) for name in methods])
        + _select("where", "Of", [("", "all splits and scales"), *((name, name) for name in places)])
        + _select("order", "First", [*ORDERS, ("table", "order of the table")])
    )
    return f'<div class="controls">{controls}</div><div id="rows">{"".join(parts)}</div>', len(kept)


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    choices = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options)
    # The browser would remember a choice that another page made.
    return f'<label>{label}<select id="{name}" autocomplete="off">{choices}</select></label>'


def _where(row: dict[str, Any]) -> str:
    return f"{row['split']} {row['scale']:g}×"


def _row(one: Shown, place: int, panels: dict[str, str], pictures: Pictures) -> str:
    """Divider, facts and pictures of one observation; empty where its pictures are gone."""
    row = one.row
    films = _films(row["method"], panels, pictures)
    keys = dict(films)
    if "input" not in keys or "output" not in keys:
        return ""
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(title == "output").lower()}">'
        f'<img data-picture="{key}" alt="{escape(title)}"><span>{escape(title)}</span></button>'
        for title, key in films
    )
    attributes = {
        "method": row["method"],
        "where": _where(row),
        "gain": f"{one.gain:.4f}",
        "psnr": f"{row['psnr']:.4f}",
        "pose": f"{row['pose_difference']:.2f}",
        "place": str(place),
    }
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in attributes.items())
    return (
        f'<div class="row" {data}><div class="divider">'
        f'<img class="after" data-picture="{keys["output"]}" alt="output">'
        f'<img class="before" data-picture="{keys["input"]}" alt="input">'
        f'<input type="range" min="0" max="100" step="0.1" value="50" autocomplete="off" '
        f'aria-label="where the input ends"><i></i><b class="left">input</b><b class="right">output</b></div>'
        f'<div>{_about(one)}<div class="films">{buttons}</div></div></div>\n'
    )


def _films(method: str, panels: dict[str, str], pictures: Pictures) -> list[tuple[str, str]]:
    """Title and key of each picture of an observation that is there, the other methods' outputs among them."""
    panel = panels[method]
    flow = pictures.add_flow(panel)
    found = [
        ("input", pictures.add(panel, "input")),
        ("guide", pictures.add(panel, "guide")),
        ("warped guide", pictures.add(panel, "warped")),
        flow or ("flow", None),
        ("output", pictures.add(panel, "output")),
        ("truth", pictures.add(panel, "truth")),
        *((f"by {name}", pictures.add(other, "output")) for name, other in panels.items() if name != method),
    ]
    return [(title, key) for title, key in found if key is not None]


def _about(one: Shown) -> str:
    row = one.row
    facts = [
        f"PSNR {row['psnr'] - one.gain:.2f} → {row['psnr']:.2f} dB",
        f"SSIM {row['ssim']:.3f}",
        _where(row),
        f"blur {row['blur_sigma']:g}, noise {row['noise_sigma']:g}, "
        + (f"JPEG {row['jpeg_quality']}" if row["jpeg_quality"] else "lossless"),
        f"pose {row['pose_difference']:.0f}° apart",
    ]
    if row["landmark_error"] is not None:
        facts.append(f"landmarks {row['landmark_error_initial']:.1f} → {row['landmark_error']:.1f} px")
    for name, title in (("lpips", "perceptual distance"), ("identity_similarity", "identity similarity")):
        if row[name] is not None:
            facts.append(f"{title} {row[name]:.3f}")
    facts.append(f"{row['person']} · {row['pair_id']}")
    kind = "up" if one.gain >= 0 else "down"
    listed = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    return f'<div class="about"><strong class="{kind}">{one.gain:+.2f} dB</strong>{listed}</div>'
