"""`report.html`: one page that shows a build, nothing from outside: funnel, splits, pairs, what fell out and why."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gfr_data.examination.index import Photograph, read_some
from gfr_data.examination.work import WORK, Work
from gfr_data.report.summary import BuildSummary, read_summary
from gfr_data.sources.addresses import joined
from gfr_data.sources.names import name_of
from gfr_data.sources.source import source_from_json
from manifests import (
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    REASONS,
    DataError,
    read_provenance,
    read_rows,
    read_table,
)
from manifests.crops import UnusableError, at_size, read_picture
from manifests.files import write_lone
from manifests.pages.charts import data_uri, histogram
from manifests.pages.frame import render, require_page

TEMPLATE = Path(__file__).parent / "templates" / "build.html"
PAIRS_SHOWN = 24  # of each split at most a share of these
FACES_SHOWN = 24  # of each reason
PERSONS_SHOWN = 400  # of each split
THUMBNAIL = 112  # px
SHOWN = 256  # px of a pair's crops, and of the landmarks on them

# The columns that are drawn: title, unit, and the thresholds (names in the configuration's sections) that bound them.
MEASURES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("quality", "Overall quality", "", ()),
    ("detector_score", "Detector's score", "", ()),
    ("face_size", "Face size", "px", ("thresholds.face_size",)),
    ("crop_side", "Side of what is cropped", "px", ("selection.target_side",)),
    ("crop_inside", "Share of what is cropped that is inside", "", ("selection.guide_inside",)),
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
LIKENESS = ("likeness", "Likeness to the identity's other faces", "", ("persons.likeness",))
_LABEL_REASONS = REASONS[REASONS.index("wrong_person") : REASONS.index("duplicate")]
_QUALITY_REASONS = REASONS[REASONS.index("low_resolution") : REASONS.index("wrong_person")]
# The columns that are read of all faces, and of those that are shown.
_COUNTED = ("status", "reason", *(name for name, *_ in (*MEASURES, LIKENESS)))
_SHOWN = tuple(name for name in FACES.names if name not in ("landmarks", "landmark_scores", "keypoints"))


@dataclass(frozen=True)
class Build:
    """A build's folder, read: of millions of faces what is counted, all columns only of those that are shown."""

    folder: Path
    settings: dict[str, Any]
    faces: pa.Table  # _COUNTED
    summary: BuildSummary
    crop_size: int  # px

    def path_of(self, dataset: str, source_path: str) -> str:
        """The path of a photograph as a file of decisions has it."""
        roots = {source["dataset"]: source["root"] for source in self.settings["sources"]}
        return joined(roots[dataset], source_path)


def write_report(folder: Path, out: Path, summary: BuildSummary | None = None) -> None:
    """Write the page of the build in `folder`. Photographs that are not there as they were examined are left blank.

    `summary`: the build's, None reads the one that the finished build left.

    Raises DataError when the folder holds no build, a crop that is shown is missing or damaged, or somebody else's file
    is where the page shall be; ConfigError when that has no page's name.
    """
    require_page(out, folder / "report.html")
    if summary is None:
        summary = read_summary(folder)
    faces = read_table(folder / FACES_FILE, FACES, _COUNTED)
    made_by = read_provenance(folder / PAIRS_FILE)
    build = Build(folder, json.loads(made_by.config), faces, summary, made_by.crop_size)
    pairs = read_table(folder / PAIRS_FILE, PAIRS, ["split", "person"])
    page = render(
        TEMPLATE,
        title=f"Pairs in {folder.resolve().name}",
        lines=(),
        sources="; ".join(f"{source['dataset']} ({source['layout']})" for source in build.settings["sources"]),
        summary=summary,
        steps=_steps(summary),
        splits=_splits(summary),
        pairs=_pairs(build, pairs),
        rejected=_rejected(build),
        most_faces=FACES_SHOWN,
        measures=list(_measures(build)),
        persons=_persons(build, pairs),
        decided=_decided(build),
        most_persons=PERSONS_SHOWN,
        settings=json.dumps(build.settings, indent=2),
    )
    write_lone(out, page.encode())


def _steps(summary: BuildSummary) -> list[tuple[str, int, str]]:
    lost = summary.reasons
    stages: list[tuple[str, tuple[str, ...]]] = [
        ("readable", ("unreadable",)),
        ("with one face", ("no_face", "multiple_faces")),
        ("good enough", _QUALITY_REASONS),
        *([("under the right name", _LABEL_REASONS)] if summary.compared else []),
        ("not copies", ("duplicate",)),
        ("not rejected by a person", ("decided",)),
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


def _splits(summary: BuildSummary) -> list[tuple[str, int, int, int | None]]:
    """Pairs and persons of each split, and the paper's pairs."""
    names = dict.fromkeys([*summary.pairs, *summary.paper])
    return [(name, summary.pairs.get(name, 0), summary.persons.get(name, 0), summary.paper.get(name)) for name in names]


def _pairs(build: Build, pairs: pa.Table) -> list[dict[str, Any]]:
    """Some pairs of each split, with their pictures."""
    shown: list[int] = []
    for name in build.summary.pairs:
        places = pc.indices_nonzero(pc.equal(pairs["split"], name)).to_numpy()
        shown += _spread(places, max(4, PAIRS_SHOWN // len(build.summary.pairs)))
    rows = read_rows(build.folder / PAIRS_FILE, PAIRS, shown).to_pylist()
    return [row | {role: _half(build, row, role) for role in ("target", "guide")} for row in rows]


def _half(build: Build, row: dict[str, Any], role: str) -> dict[str, Any]:
    try:
        path, digest = build.folder / row[f"{role}_path"], row[f"{role}_hash"]
        image = read_picture(path, digest, build.crop_size, build.folder)
    except UnusableError as error:
        raise DataError(f"{error}; build the pairs again") from error
    return {
        "path": build.path_of(row["dataset"], row[f"{role}_source_path"]),
        "uri": data_uri(image, SHOWN),
        "points": at_size(np.asarray(row[f"{role}_landmarks"]).reshape(68, 2), SHOWN, build.crop_size).tolist(),
        "pose": " ".join(f"{angle} {row[f'{role}_{angle}']:+.0f}°" for angle in ("yaw", "pitch", "roll")),
        "source": row[f"{role}_source_path"],
        "quality": row[f"{role}_quality"],
    }


def _rejected(build: Build) -> list[tuple[str, int, list[dict[str, str]]]]:
    """Each reason, how many faces fell out for it, and some of them."""
    reasons = build.faces["reason"]
    places = {
        reason: _spread(pc.indices_nonzero(pc.equal(reasons, reason)).to_numpy(), FACES_SHOWN)
        for reason in build.summary.reasons
    }
    shown = [row for rows in places.values() for row in rows]
    rows = iter(read_rows(build.folder / FACES_FILE, FACES, shown, _SHOWN).to_pylist())
    photographs = iter(_photographs(build, shown))
    return [
        (reason, build.summary.reasons[reason], [_face(build, next(photographs), next(rows)) for _ in own])
        for reason, own in places.items()
    ]


def _face(build: Build, photograph: Photograph, row: dict[str, Any]) -> dict[str, str]:
    """A face that fell out: name, picture and what was measured."""
    image = _face_image(photograph, row)
    known = [f"{name} {row[name]:.3g}" for name, *_ in MEASURES if row[name] is not None]
    return {
        "uri": "" if image is None else data_uri(image, THUMBNAIL),
        "title": "\n".join([f"{row['dataset']}/{row['source_path']}", row["message"] or "", *known]),
        "path": build.path_of(row["dataset"], row["source_path"]),
        "name": f"{row['identity']}/{row['source_path'].rpartition('/')[2]}",
    }


def _photographs(build: Build, rows: Sequence[int]) -> list[Photograph]:
    """The photographs of some rows of `faces`: where they are, the index knows; without it each is taken for a file."""
    sources = [source_from_json(values) for values in build.settings["sources"]]
    try:
        work = Work(build.folder / WORK, read_provenance(build.folder / WORK / "index.parquet"))
        if rows and json.loads(work.made_by.config)["sources"] == build.settings["sources"]:
            return list(read_some(work, rows, sources))
    except DataError:
        pass
    datasets = {source.dataset: source for source in sources}
    names = ("dataset", "subset", "identity", "person", "source_path")
    found = read_rows(build.folder / FACES_FILE, FACES, rows, names)
    return [
        Photograph(row, datasets[dataset], subset, identity, person, name_of(path), None)
        for row, (dataset, subset, identity, person, path) in zip(
            rows, zip(*(found[name].to_pylist() for name in names), strict=True), strict=True
        )
    ]


def _face_image(photograph: Photograph, row: dict[str, Any]) -> np.ndarray | None:
    """The face, or the photograph where it has none; None where the photograph is not the one that was examined.

    A table of somebody else's may not put any file of the machine into a page.
    """
    from gfr_data.faces.crop import crop_decoded, row_geometry, whole_image
    from gfr_data.faces.decode import Unreadable, read_photograph
    from gfr_data.faces.reduction import for_crop

    geometry = None
    if row["box"] is not None:
        geometry = row_geometry(photograph.source.layout, np.array(row["box"]), row["height"], row["width"])
    try:
        found = read_photograph(photograph.read, lambda w, h: for_crop(geometry or whole_image(h, w), w, h, THUMBNAIL))
    except (Unreadable, DataError):
        return None
    if found.digest != row["content_hash"]:
        return None
    return found.image if geometry is None else crop_decoded(found, geometry, THUMBNAIL)


def _decided(build: Build) -> list[tuple[str, str, str]]:
    """Path, decision and why of all photographs that were decided about."""
    if not build.summary.decisions:
        return []
    faces = read_table(
        build.folder / FACES_FILE, FACES, ["dataset", "source_path", "decision", "decision_why"], repeats=True
    )
    rows = faces.filter(pc.is_valid(faces["decision"])).to_pylist()
    return [
        (build.path_of(row["dataset"], row["source_path"]), row["decision"], row["decision_why"] or "") for row in rows
    ]


def _measures(build: Build) -> Iterator[tuple[str, str, str, Any]]:
    """Name, title, unit and histogram of each measure."""
    fell = pc.is_in(build.faces["status"], pa.array(["rejected", "unreadable"])).to_numpy()
    for name, title, unit, bounds in [*MEASURES, *([LIKENESS] if build.summary.compared else [])]:
        values = build.faces[name].to_numpy().astype(np.float64)
        limits = [limit for bound in bounds for limit in _limits(build.settings, bound)]
        yield name, title, unit, histogram(values[~fell], values[fell], limits)


def _limits(settings: dict[str, Any], bound: str) -> list[float]:
    section, _, name = bound.removeprefix("±").partition(".")
    value = settings[section].get(name)
    if value is None:
        return []
    return [-float(value), float(value)] if bound.startswith("±") else [float(value)]


def _persons(build: Build, pairs: pa.Table) -> dict[str, list[str]]:
    """The names of each split's persons."""
    found = pairs.group_by(["split", "person"]).aggregate([])
    return {
        split: sorted(found.filter(pc.equal(found["split"], split))["person"].to_pylist())
        for split in build.summary.pairs
    }


def _spread(rows: np.ndarray, most: int) -> list[int]:
    """At most `most` of `rows`, evenly spaced."""
    if len(rows) <= most:
        return [int(row) for row in rows]
    return [int(rows[round(number * (len(rows) - 1) / (most - 1))]) for number in range(most)]
