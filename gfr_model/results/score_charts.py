"""Curves as SVG: how the gain over bicubic depends on what an observation is like."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from gfr_model.results.statistics import Interval, bootstrap

COLOURS = (
    "#3b6fd4",
    "#e8833a",
    "#2f9e6e",
    "#8a5cd1",
    "#c2447a",
    "#5b6b7f",
    "#b08900",
    "#1c9bb0",
    "#d1495b",
    "#6b8e23",
    "#8d6e63",
    "#3f51b5",
)
WIDE, TALL, LEFT, RIGHT, TOP, FOOT = 380.0, 220.0, 40.0, 12.0, 12.0, 36.0  # px of a chart and its margins
MOST_VALUES = 9  # different values that have a point each; more are cut into BINS of equal size
BINS = 6


@dataclass(frozen=True)
class Curve:
    """Mean gain of one method by one property."""

    method: str
    colour: str
    points: tuple[tuple[float, Interval], ...]  # property, gain in dB


def curve(method: str, colour: str, x: np.ndarray, gain: np.ndarray, persons: np.ndarray) -> Curve:
    """Means of `gain` (N,) where `x` (N,) is about the same, with bootstrap intervals by person.

    Infinite values of `x` stand for themselves.
    """
    values = np.unique(x)
    if len(values) > MOST_VALUES:
        edges = np.unique(np.quantile(x[np.isfinite(x)], np.linspace(0, 1, BINS + 1)))
        which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
        which = np.where(np.isfinite(x), which, len(edges))
    else:
        which = np.searchsorted(values, x)
    points = []
    for part in np.unique(which):
        inside = which == part
        points.append((float(x[inside].mean()), bootstrap(gain[inside], persons[inside])))
    return Curve(method, colour, tuple(points))


def chart(curves: Sequence[Curve], unit: str, names: dict[float, str] | None = None) -> str:
    """The curves in one frame with bands for their intervals; `names` replaces numbers on the x axis.

    What is infinite is drawn at the right, behind the other values.
    """
    names = names or {}
    curves, names = _with_end(curves, names)
    xs = sorted({x for one in curves for x, _ in one.points})
    lows = [value for one in curves for _, gain in one.points for value in (gain.mean, gain.low, gain.high)]
    finite = [value for value in lows if math.isfinite(value)]
    low, high = min(0.0, *finite), max(0.0, *finite)
    margin = 0.08 * (high - low) or 0.5
    low, high = low - margin, high + margin
    x0, x1 = (xs[0], xs[-1]) if xs[-1] > xs[0] else (xs[0] - 1, xs[0] + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDE - LEFT - RIGHT) * (0.03 + 0.94 * (x - x0) / (x1 - x0)),
            TOP + (TALL - TOP - FOOT) * (high - y) / (high - low),
        )

    parts = [_grid(low, high, at(x0, 0)[1], lambda y: at(x0, y)[1])]
    parts += [_band(one, at) for one in curves]
    parts += [_line(one, at) for one in curves]
    for x in _ticks(xs, names):
        parts.append(_text(at(x, low)[0], TALL - FOOT + 15, names.get(x, f"{x:.3g}"), "middle"))
    parts.append(_text((LEFT + WIDE - RIGHT) / 2, TALL - 5, unit, "middle", "unit"))
    return f'<svg class="chart" viewBox="0 0 {WIDE:.0f} {TALL:.0f}" role="img">{"".join(parts)}</svg>'


def ranked(gains: dict[str, tuple[str, np.ndarray]]) -> str:
    """Each image's gain, sorted from the largest: {method: (colour, gains)}."""
    curves = []
    for method, (colour, gain) in gains.items():
        ordered = np.sort(gain)[::-1]
        places = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), 120)).round().astype(int))
        share = 100 * (places + 0.5) / len(ordered)
        points = [
            (float(x), Interval(float(y), math.nan, math.nan)) for x, y in zip(share, ordered[places], strict=True)
        ]
        curves.append(Curve(method, colour, tuple(points)))
    return chart(curves, "share of the images, %")


def legend(colours: dict[str, str]) -> str:
    """What colour is which method."""
    chips = "".join(f'<span><i style="background:{c}"></i>{escape(name)}</span>' for name, c in colours.items())
    return f'<div class="legend">{chips}</div>'


def _grid(low: float, high: float, zero: float, place: Callable[[float], float]) -> str:
    step = _round_step((high - low) / 4)
    parts = []
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        y = place(number * step)
        parts.append(f'<line class="grid" x1="{LEFT:.0f}" x2="{WIDE - RIGHT:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 6, y + 3.5, f"{number * step:+.3g}" if number else "0", "end"))
    parts.append(f'<line class="axis" x1="{LEFT:.0f}" x2="{WIDE - RIGHT:.0f}" y1="{zero:.1f}" y2="{zero:.1f}"/>')
    return "".join(parts)


def _with_end(curves: Sequence[Curve], names: dict[float, str]) -> tuple[list[Curve], dict[float, str]]:
    """Bring infinity to a place behind the other values."""
    finite = sorted({x for one in curves for x, _ in one.points if math.isfinite(x)}) or [0.0]
    end = finite[-1] + (0.2 * (finite[-1] - finite[0]) or 1.0)
    moved = [
        Curve(one.method, one.colour, tuple((x if math.isfinite(x) else end, gain) for x, gain in one.points))
        for one in curves
    ]
    return moved, {x if math.isfinite(x) else end: name for x, name in names.items()}


def _ticks(xs: Sequence[float], names: dict[float, str]) -> list[float]:
    """The values themselves where they are few and round, else round numbers; those that have names in any case."""
    plain = [x for x in xs if x not in names]
    if len(plain) > MOST_VALUES or any(f"{x:.3g}" != f"{x:.6g}" for x in plain):
        step = _round_step((plain[-1] - plain[0]) / 5)
        numbers = range(math.ceil(plain[0] / step), math.floor(plain[-1] / step) + 1)
        plain = [number * step for number in numbers]
    return plain + [x for x in xs if x in names]


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def _band(one: Curve, at: Callable[[float, float], tuple[float, float]]) -> str:
    bounded = [(x, gain) for x, gain in one.points if math.isfinite(gain.low)]
    if len(bounded) < 2:
        return ""
    edge = [at(x, gain.high) for x, gain in bounded] + [at(x, gain.low) for x, gain in reversed(bounded)]
    return f'<polygon points="{_points(edge)}" fill="{one.colour}" fill-opacity=".13"/>'


def _line(one: Curve, at: Callable[[float, float], tuple[float, float]]) -> str:
    places = [at(x, gain.mean) for x, gain in one.points]
    line = f'<polyline points="{_points(places)}" fill="none" stroke="{one.colour}" stroke-width="2"/>'
    if len(places) > 12:
        return line
    dots = []
    for (x, y), (value, gain) in zip(places, one.points, strict=True):
        said = escape(f"{one.method}: {gain.mean:+.2f} dB at {value:.3g}")
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{one.colour}"><title>{said}</title></circle>')
        if len(one.points) == 1 and math.isfinite(gain.low):
            low, high = at(value, gain.low)[1], at(value, gain.high)[1]
            dots.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{one.colour}"/>')
    return line + "".join(dots)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text{attribute} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
