"""Pictures in a page without anything from outside: bars and histograms as SVG, images as data URIs."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np


def data_uri(image: np.ndarray, side: int, quality: int = 82) -> str:
    """`image` (H, W, 3) uint8 as a JPEG data URI, its longer side at most `side` px."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def funnel(steps: Sequence[tuple[str, int, str]]) -> str:
    """Bars that shrink: (label, count, what fell out before it) a step."""
    most = max((count for _, count, _ in steps), default=1) or 1
    rows = []
    for label, count, lost in steps:
        share = 100 * count / most
        rows.append(
            f'<div class="step"><span class="label">{escape(label)}</span>'
            f'<span class="track"><span class="bar" style="width:{share:.2f}%"></span></span>'
            f'<span class="count">{count:,}</span><span class="lost">{escape(lost)}</span></div>'
        )
    return f'<div class="funnel">{"".join(rows)}</div>'


def histogram(kept: np.ndarray, rejected: np.ndarray, limits: Sequence[float], bins: int = 40) -> str:
    """Two stacked histograms as SVG, with a line at each of `limits`; values that are not finite are left out."""
    kept, rejected = kept[np.isfinite(kept)], rejected[np.isfinite(rejected)]
    values = np.concatenate([kept, rejected])
    if not len(values):
        return '<p class="none">not measured</p>'
    low, high = _range(values, limits)
    edges = np.linspace(low, high, bins + 1)
    below = np.histogram(np.clip(kept, low, high), edges)[0]
    above = np.histogram(np.clip(rejected, low, high), edges)[0]
    tallest = max(int((below + above).max()), 1)
    wide, tall, foot = 320.0, 110.0, 16.0
    step = wide / bins
    parts = []
    for number, (good, bad) in enumerate(zip(below.tolist(), above.tolist(), strict=True)):
        good_height, bad_height = tall * good / tallest, tall * bad / tallest
        x = number * step
        parts.append(_rect("good", x, tall - good_height, step, good_height))
        parts.append(_rect("bad", x, tall - good_height - bad_height, step, bad_height))
    for limit in limits:
        x = wide * (limit - low) / (high - low)
        parts.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{tall:.0f}"/>')
        anchor = "end" if x > wide / 2 else "start"
        shift = -4 if x > wide / 2 else 4
        parts.append(f'<text class="limit" x="{x + shift:.1f}" y="10" text-anchor="{anchor}">{limit:g}</text>')
    parts.append(f'<line class="axis" x1="0" x2="{wide:.0f}" y1="{tall:.0f}" y2="{tall:.0f}"/>')
    parts.append(f'<text x="0" y="{tall + foot - 3:.0f}">{low:.3g}</text>')
    parts.append(f'<text x="{wide:.0f}" y="{tall + foot - 3:.0f}" text-anchor="end">{high:.3g}</text>')
    return f'<svg class="histogram" viewBox="0 0 {wide:.0f} {tall + foot:.0f}" role="img">{"".join(parts)}</svg>'


def face(uri: str, points: np.ndarray, side: int = 256) -> str:
    """A crop with its (68, 2) landmarks in crop px over it."""
    dots = "".join(f'<circle cx="{x + 0.5:.1f}" cy="{y + 0.5:.1f}" r="1.7"/>' for x, y in points)
    return (
        f'<svg class="face" viewBox="0 0 {side} {side}"><image href="{uri}" width="{side}" height="{side}"/>'
        f"<g>{dots}</g></svg>"
    )


def _range(values: np.ndarray, limits: Sequence[float]) -> tuple[float, float]:
    """From the 0.5th to the 99.5th percentile, and every limit; the rest is counted in the outermost bars."""
    low, high = np.percentile(values, [0.5, 99.5])
    low, high = min(low, *limits, high), max(high, *limits, low)
    margin = 0.03 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def _rect(kind: str, x: float, y: float, wide: float, tall: float) -> str:
    if tall <= 0:
        return ""
    return f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{max(wide - 1, 0.5):.2f}" height="{tall:.2f}"/>'
