"""`report.html`: one page that shows a build, nothing from outside: funnel, splits, pairs, what fell out and why."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gfr_data.report.summary import PAPER_PAIRS, BuildSummary, read_summary
from gfr_data.sources.layouts import Source
from manifests import FACES, FACES_FILE, PAIRS, PAIRS_FILE, REASONS, DataError, read_table, write_text
from manifests.pages.charts import data_uri, face, funnel, histogram
from manifests.pages.frame import page

PAIRS_SHOWN = 24  # of each split at most a share of these
FACES_SHOWN = 24  # of each reason
PERSONS_SHOWN = 400  # of each split
THUMBNAIL = 112  # px

# The columns that are drawn: title, unit, and the thresholds (names in the configuration's sections) that bound them.
MEASURES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("quality", "Overall quality", "", ()),
    ("detector_score", "Detector's score", "", ()),
    ("face_size", "Face size", "px", ("thresholds.face_size",)),
    ("bandwidth", "Effective resolution", "", ("thresholds.bandwidth",)),
    ("blockiness", "Blockiness", "", ("thresholds.blockiness",)),
    ("occlusion", "Occlusion", "", ("thresholds.occlusion",)),
    ("cartoon", "Cartoon", "", ("thresholds.cartoon",)),
    ("exposure", "Exposure", "", ("thresholds.exposure",)),
    ("yaw", "Yaw", "degrees", ("±thresholds.yaw", "±selection.guide_yaw")),
    ("pitch", "Pitch", "degrees", ("±thresholds.pitch", "±selection.guide_pitch")),
    ("roll", "Roll", "degrees", ("±thresholds.roll", "±selection.guide_roll")),
    ("eye_open_left", "Left eye's opening", "", ("selection.guide_eyes",)),
    ("eye_open_right", "Right eye's opening", "", ("selection.guide_eyes",)),
)
_QUALITY_REASONS = REASONS[REASONS.index("low_resolution") : REASONS.index("duplicate")]
_FACE_COLUMNS = [
    "dataset",
    "identity",
    "source_path",
    "status",
    "reason",
    "message",
    "box",
    "width",
    "height",
    "crop_path",
]


@dataclass(frozen=True)
class Build:
    """A build's folder, read."""

    folder: Path
    settings: dict[str, Any]
    faces: pa.Table
    pairs: pa.Table
    summary: BuildSummary


def write_report(folder: Path, out: Path, summary: BuildSummary | None = None) -> None:
    """Write the page of the build in `folder`. Photographs that are not there any more are left blank.

    `summary`: the build's, None reads the one that the finished build left.

    Raises DataError when the folder holds no build.
    """
    settings = folder / "build.json"
    if not settings.is_file():
        raise DataError(
            f"{folder} holds no build ({settings.name} is missing); name the folder of gfr-data build-pairs"
        )
    if summary is None:
        summary = read_summary(folder)
    columns = list(dict.fromkeys([*_FACE_COLUMNS, *(name for name, *_ in MEASURES)]))
    faces = read_table(folder / FACES_FILE, FACES, columns)
    pairs = read_table(folder / PAIRS_FILE, PAIRS)
    build = Build(folder, json.loads(settings.read_text(encoding="utf-8")), faces, pairs, summary)
    write_text(out, page(f"Pairs in {folder.resolve().name}", list(_sections(build))))


def _sections(build: Build) -> Iterator[tuple[str, str, str]]:
    """(title, introduction, content) of each part of the page."""
    yield "From photographs to pairs", _sources_line(build), funnel(_steps(build.summary))
    yield "Splits", "No person is in two of them. The paper's counts are of its §4.1.", _splits(build)
    yield "Pairs", "Left the target, right its guide, with their 68 landmarks.", _pairs(build)
    for reason in REASONS:
        if reason in build.summary.reasons:
            yield f"Fell out: {reason}", _reason_line(build, reason), _contact_sheet(build, reason)
    yield "Measures", "Blue: kept. Orange: fell out. Lines: the thresholds that bound the measure.", _histograms(build)
    yield "Persons", "", _persons(build)
    yield "Settings", "What decides the result; the same lies in build.json.", _settings(build)


def _sources_line(build: Build) -> str:
    return "; ".join(f"{source['dataset']} ({source['layout']})" for source in build.settings["sources"])


def _steps(summary: BuildSummary) -> list[tuple[str, int, str]]:
    lost = summary.reasons
    stages: list[tuple[str, tuple[str, ...]]] = [
        ("readable", ("unreadable",)),
        ("with one face", ("no_face", "multiple_faces")),
        ("good enough", _QUALITY_REASONS),
        ("not copies", ("duplicate",)),
        ("of persons free for the split", ("person_in_train", "person_in_other_split")),
    ]
    left = summary.photographs
    steps = [("photographs", left, f"{summary.identities:,} identities")]
    for label, reasons in stages:
        gone = [(lost[reason], reason) for reason in reasons if lost.get(reason)]
        left -= sum(count for count, _ in gone)
        steps.append((label, left, ", ".join(f"{count:,} {reason}" for count, reason in gone)))
    spare = summary.statuses["spare"]
    steps.append(("selected", left - spare, f"{spare:,} spare" if spare else ""))
    return steps


def _splits(build: Build) -> str:
    here, persons = build.summary.pairs, build.summary.persons
    rows = []
    for split in [*here, *(name for name in PAPER_PAIRS if name not in here)]:
        paper = f"{PAPER_PAIRS[split]:,}" if split in PAPER_PAIRS else "–"
        rows.append(
            f"<tr><td>{escape(split)}</td><td>{here.get(split, 0):,}</td><td>{persons.get(split, 0):,}</td>"
            f"<td>{paper}</td></tr>"
        )
    without = "".join(
        f"<tr><td>{escape(reason)}</td><td>{count:,}</td></tr>" for reason, count in build.summary.without_pair.items()
    )
    table = f"<table><tr><th>split</th><th>pairs</th><th>persons</th><th>paper</th></tr>{''.join(rows)}</table>"
    if without:
        table += f"<table><tr><th>identities without a pair</th><th></th></tr>{without}</table>"
    return f'<div class="tables">{table}</div>'


def _pairs(build: Build) -> str:
    splits = build.pairs["split"].to_pylist()
    names = list(build.summary.pairs)
    shown = []
    for name in names:
        rows = [row for row, split in enumerate(splits) if split == name]
        shown += _spread(rows, max(4, PAIRS_SHOWN // len(names)))
    if not shown:
        return "<p>There are none.</p>"
    return (
        f'<div class="pairs">{"".join(_pair(build.folder, row) for row in build.pairs.take(shown).to_pylist())}</div>'
    )


def _pair(folder: Path, row: dict[str, Any]) -> str:
    halves = []
    for role in ("target", "guide"):
        points = np.asarray(row[f"{role}_landmarks"]).reshape(68, 2)
        image = _open(folder / row[f"{role}_path"])
        uri = data_uri(image, 256) if image is not None else ""
        pose = " ".join(f"{angle} {row[f'{role}_{angle}']:+.0f}°" for angle in ("yaw", "pitch", "roll"))
        title = escape(f"{role}: {row[f'{role}_source_path']}\n{pose}\nquality {row[f'{role}_quality']:.2f}")
        halves.append(f'<div title="{title}">{face(uri, points)}</div>')
    caption = (
        f"<b>{escape(row['split'])}</b> {escape(row['dataset'])}/{escape(row['identity'])} · {escape(row['person'])}"
    )
    return f'<figure><div class="two">{"".join(halves)}</div><figcaption>{caption}</figcaption></figure>'


def _reason_line(build: Build, reason: str) -> str:
    count = build.summary.reasons[reason]
    return f"{count:,} photographs" + (f", {FACES_SHOWN} of them here" if count > FACES_SHOWN else "")


def _contact_sheet(build: Build, reason: str) -> str:
    rows = pc.indices_nonzero(pc.equal(build.faces["reason"], reason)).to_pylist()
    sources = {s["dataset"]: Source(s["layout"], Path(s["root"]), s["dataset"]) for s in build.settings["sources"]}
    faces = build.faces.take(_spread(rows, FACES_SHOWN)).to_pylist()
    return f'<div class="sheet">{"".join(_thumbnail(sources[row["dataset"]], row) for row in faces)}</div>'


def _thumbnail(source: Source, row: dict[str, Any]) -> str:
    image = _face_image(source, row)
    picture = (
        f'<img src="{data_uri(image, THUMBNAIL)}" alt="">' if image is not None else '<span class="blank">?</span>'
    )
    known = [f"{name} {row[name]:.3g}" for name, *_ in MEASURES if row[name] is not None]
    title = escape("\n".join([f"{row['dataset']}/{row['source_path']}", row["message"] or "", *known]))
    name = escape(f"{row['identity']}/{row['source_path'].rpartition('/')[2]}")
    return f'<figure title="{title}">{picture}<figcaption>{name}</figcaption></figure>'


def _face_image(source: Source, row: dict[str, Any]) -> np.ndarray | None:
    from gfr_data.faces.crop import crop, row_geometry

    image = _open(source.root / row["source_path"])
    if image is None or row["box"] is None:
        return image
    return crop(image, row_geometry(source.layout, np.array(row["box"]), row["height"], row["width"]), THUMBNAIL)


def _open(path: Path) -> np.ndarray | None:
    from gfr_data.faces.decode import Unreadable, read_image

    try:
        return read_image(path)
    except Unreadable:
        return None


def _histograms(build: Build) -> str:
    fell = pc.is_in(build.faces["status"], pa.array(["rejected", "unreadable"])).to_numpy()
    parts = []
    for name, title, unit, bounds in MEASURES:
        values = build.faces[name].to_numpy().astype(np.float64)
        limits = [limit for bound in bounds for limit in _limits(build.settings, bound)]
        label = f"{escape(title)}{f' <span>{unit}</span>' if unit else ''} <code>{name}</code>"
        parts.append(
            f"<figure><figcaption>{label}</figcaption>{histogram(values[~fell], values[fell], limits)}</figure>"
        )
    return f'<div class="histograms">{"".join(parts)}</div>'


def _limits(settings: dict[str, Any], bound: str) -> list[float]:
    section, _, name = bound.removeprefix("±").partition(".")
    value = settings[section].get(name)
    if value is None:
        return []
    return [-float(value), float(value)] if bound.startswith("±") else [float(value)]


def _persons(build: Build) -> str:
    whose: dict[str, set[str]] = {}
    for split, person in zip(build.pairs["split"].to_pylist(), build.pairs["person"].to_pylist(), strict=True):
        whose.setdefault(split, set()).add(person)
    parts = []
    for split in build.summary.pairs:
        names = sorted(whose[split])
        more = f" … and {len(names) - PERSONS_SHOWN:,} more" if len(names) > PERSONS_SHOWN else ""
        listed = escape(" · ".join(names[:PERSONS_SHOWN]) + more)
        opened = " open" if len(names) <= 40 else ""
        parts.append(f"<details{opened}><summary>{escape(split)}: {len(names):,}</summary><p>{listed}</p></details>")
    return "".join(parts)


def _settings(build: Build) -> str:
    return f"<details><summary>build.json</summary><pre>{escape(json.dumps(build.settings, indent=2))}</pre></details>"


def _spread(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` of `rows`, evenly spaced."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(number * (len(rows) - 1) / (most - 1))] for number in range(most)]
