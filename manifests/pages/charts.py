"""Pictures in a page without anything from outside: charts as SVG, images as data URIs.

The same values give the same bytes. Colours named in THEME are the style sheet's, so that a chart is light or dark as
its page is.
"""

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

COLOURS = (
    *("#3b6fd5", "#e8833b", "#2f9e6e", "#8a5cd1", "#c2447a", "#7b8b9f"),
    *("#b08900", "#1c9bb0", "#d1495b", "#6b8e23", "#8d6e63", "#5f71c5"),
)
INK, SOFT, LINE, AXIS, GOOD, BAD = "#1d2430", "#667085", "#e4e7ec", "#98a2b3", "#3366cc", "#b0520f"
THEME = {INK: "ink", SOFT: "soft", LINE: "line", AXIS: "axis", GOOD: "good", BAD: "bad"}
STYLE = {
    "svg.hashsalt": "gfr",
    "svg.fonttype": "path",
    "figure.dpi": 72,  # a unit of the SVG is a pixel
    "font.size": 10,
    "text.color": SOFT,
    "axes.edgecolor": AXIS,
    "axes.labelcolor": SOFT,
    "xtick.color": AXIS,
    "xtick.labelcolor": SOFT,
    "ytick.color": AXIS,
    "ytick.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "axes.axisbelow": True,
}
FEW = 9  # values that have a tick each
DOTTED = 12  # points of a line up to which each has a dot


@dataclass(frozen=True)
class Line:
    """One line of a chart, with a band where its bounds are known."""

    colour: str
    x: np.ndarray  # (N,), infinite for what stands apart at the right end
    y: np.ndarray  # (N,)
    low: np.ndarray | None = None  # (N,), NaN where there is no bound
    high: np.ndarray | None = None


def data_uri(image: np.ndarray, side: int | None = None, quality: int = 82) -> str:
    """`image` (H, W, 3) uint8 as a JPEG data URI, its longer side at most `side` px."""
    return encoded(jpeg(image, side, quality), "jpeg")


def jpeg(image: np.ndarray, side: int | None = None, quality: int = 82) -> bytes:
    """`image` (H, W, 3) uint8 as a JPEG file, its longer side at most `side` px."""
    from PIL import Image

    picture = Image.fromarray(image)
    if side is not None:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=quality, subsampling=0 if quality > 90 else -1)
    return content.getvalue()


def encoded(content: bytes, kind: str) -> str:
    """An image file's bytes as a data URI; `kind` is png or jpeg."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def lines(
    drawn: Sequence[Line],
    unit: str,  # under the x axis
    names: Mapping[float, str] | None = None,  # in the place of numbers there
    signed: bool = False,  # the values are differences: zero has a line, and numbers have a sign
    upright: str = "",  # beside the y axis
    marks: Mapping[float, str] | None = None,  # dashed lines at these x, with a word each
    logarithmic: bool = False,  # the y axis
) -> "Markup":
    """Lines in one frame as SVG."""

    def draw(axes: "Axes") -> None:
        moved, ends = _with_end(drawn, names or {})
        for line in moved:
            axes.plot(
                line.x, line.y, color=line.colour, linewidth=2, marker="o" * (len(line.x) <= DOTTED), markersize=5
            )
            if line.low is not None and line.high is not None:
                axes.fill_between(line.x, line.low, line.high, color=line.colour, alpha=0.15, linewidth=0)
                if len(line.x) == 1:
                    axes.vlines(line.x, line.low, line.high, color=line.colour)
        ticks = _ticks(np.unique(np.concatenate([line.x for line in moved])), ends)
        axes.set_xticks(ticks, [ends.get(x, f"{x:.6g}") for x in ticks])
        axes.set_xlabel(unit)
        axes.set_ylabel(upright)
        if logarithmic:
            axes.set_yscale("log")
            axes.minorticks_off()
        for at, word in (marks or {}).items():
            _mark(axes, at, word, left=at > (ticks[0] + ticks[-1]) / 2)
        axes.grid(axis="y")
        axes.tick_params(length=0)
        if signed:
            axes.axhline(0, color=AXIS, linewidth=1)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.3g}" if abs(value) > 1e-9 else "0")

    return _svg(draw, 380, 220)


def histogram(kept: np.ndarray, rejected: np.ndarray, limits: Sequence[float]) -> "Markup | None":
    """Two stacked histograms as SVG with a line at each of `limits`; None where no value is finite."""
    if not np.isfinite(np.concatenate([kept, rejected])).any():
        return None
    edges, good, bad = binned(kept, rejected, limits)

    def draw(axes: "Axes") -> None:
        wide = 0.88 * (edges[1] - edges[0])
        axes.bar(edges[:-1], good, wide, align="edge", color=GOOD)
        axes.bar(edges[:-1], bad, wide, bottom=good, align="edge", color=BAD)
        for limit in limits:
            _mark(axes, limit, f"{limit:g}", left=limit >= (edges[0] + edges[-1]) / 2)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)

    return _svg(draw, 330, 136)


def binned(
    kept: np.ndarray, rejected: np.ndarray, limits: Sequence[float], bins: int = 40
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges and counts of both; values that are not finite are left out.

    The edges go from the 0.5th to the 99.5th percentile and hold every limit; the rest counts in the outermost bins.
    """
    kept, rejected = kept[np.isfinite(kept)], rejected[np.isfinite(rejected)]
    low, high = np.percentile(np.concatenate([kept, rejected]), [0.5, 99.5])
    low, high = min(low, *limits, high), max(high, *limits, low)
    margin = 0.03 * (high - low) or 0.5
    edges = np.linspace(low - margin, high + margin, bins + 1)
    good, bad = (np.histogram(values.clip(edges[0], edges[-1]), edges)[0] for values in (kept, rejected))
    return edges, good, bad


def _mark(axes: "Axes", at: float, word: str, left: bool) -> None:
    """A dashed line at x with a word at its top, on its `left` or right."""
    axes.axvline(at, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(
        word,
        (at, 1),
        (-4 if left else 4, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        color=INK,
    )


def _with_end(drawn: Sequence[Line], names: Mapping[float, str]) -> tuple[list[Line], dict[float, str]]:
    """Bring what is infinite to a place behind the other values."""
    every = np.concatenate([line.x for line in drawn])
    finite = every[np.isfinite(every)] if np.isfinite(every).any() else np.zeros(1)
    end = float(finite.max() + (0.2 * np.ptp(finite) or 1.0))
    moved = [replace(line, x=np.where(np.isfinite(line.x), line.x, end)) for line in drawn]
    return moved, {x if math.isfinite(x) else end: name for x, name in names.items()}


def _ticks(values: np.ndarray, names: Mapping[float, str]) -> list[float]:
    """The values themselves where they are few and round, else round numbers; those with names in any case."""
    from matplotlib.ticker import MaxNLocator

    plain = [float(x) for x in values if x not in names]
    named = [float(x) for x in values if x in names]
    if len(plain) > FEW or any(f"{x:.3g}" != f"{x:.6g}" for x in plain):
        plain = [float(x) for x in MaxNLocator(5).tick_values(plain[0], plain[-1]) if plain[0] <= x <= plain[-1]]
    return plain + named


def _svg(draw: Any, wide: float, tall: float) -> "Markup":
    """What `draw` draws on a frame of `wide` by `tall` px, for the inside of a page."""
    import matplotlib.style
    from markupsafe import Markup
    from matplotlib.figure import Figure

    content = io.StringIO()
    with matplotlib.style.context(STYLE, after_reset=True):
        figure = Figure(figsize=(wide / 72, tall / 72), layout="constrained")
        draw(figure.subplots())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(content, format="svg", transparent=True, metadata=nothing)
    text = content.getvalue()
    # A page has several charts: their rules would be the whole page's, their groups' names several times in it.
    text = re.sub(
        r'<defs>\s*<style.*?</style>\s*</defs>| xmlns(:xlink)?="[^"]*"| id="[^"-]+_\d+"', "", text, flags=re.S
    )
    text = text[text.index("<svg") :]
    for colour, name in THEME.items():
        text = text.replace(colour, f"var(--{name})")
    return Markup(text)  # numbers and the program's own words
