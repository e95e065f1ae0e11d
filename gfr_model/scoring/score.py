"""Degraded observations and methods -> `scores.parquet`: how close each method comes to the truth, image by image.

SCORES/scores.parquet   one row per (observation, method); written last
SCORES/parts/...        the rows of one method for PART observations, whole or absent
SCORES/panels/...       kept pictures of some observations: input, guide, warped guide, output, truth, flow
SCORES/score.json       what is scored, by hash, so that two inputs never mix

Killed anywhere and run again, what is missing is scored; a row with an error is tried again.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from gfr_model.scoring.job import PANELS, PARTS, Job, Part, ScoreConfig, prepare, read_part
from gfr_model.scoring.measuring import Values, add_landmarks, measure
from gfr_model.scoring.methods import Method
from gfr_model.scoring.observations import Batch, Guide, load, pose_difference, pose_of
from gfr_model.scoring.panels import Scored, write_panels
from manifests import (
    SCORES,
    SCORES_FILE,
    DataError,
    Progress,
    Provenance,
    provenance,
    read_provenance,
    read_schema,
    read_table,
    settings_of,
    silent,
    to_table,
    write_table,
    write_text,
)
from manifests.files import safe_name
from manifests.folders import Kind, check, claimed, json_changes, remove

TOOL = "gfr-eval score"
SETTINGS_FILE = "score.json"
PICTURES = ("*.png", "*.npy", "*.json")
FILES = (SCORES_FILE, f"{PARTS}/*.parquet", *(f"{PANELS}/{pattern}" for pattern in PICTURES))
CHANGES = partial(json_changes, growing=("methods",))
FOLDER = Kind(TOOL, SETTINGS_FILE, '{\n "degraded"', FILES, lambda out: settings_of(out / SCORES_FILE, TOOL))


@dataclass(frozen=True)
class ScoreSummary:
    """What a folder of scores holds."""

    methods: dict[str, dict[str, float | None]]  # means of psnr and ssim, over all rows that have them
    rows: int
    errors: int  # rows without a score
    first_error: str
    scored: int  # rows that this call computed
    changed: bool  # whether anything was done

    def record(self) -> dict[str, Any]:
        """The summary for a program: JSON has no infinity, so that a PSNR of equal images is null."""
        means = {
            name: {
                metric: value if value is not None and math.isfinite(value) else None for metric, value in mean.items()
            }
            for name, mean in self.methods.items()
        }
        return asdict(self) | {"methods": means}

    def text(self) -> str:
        """The summary as lines for a person."""
        lines = [
            f"{name}: PSNR {mean['psnr']:.2f} dB, SSIM {mean['ssim']:.4f}"
            if mean["psnr"] is not None and mean["ssim"] is not None
            else f"{name}: no score"
            for name, mean in self.methods.items()
        ]
        lines.append(f"{self.rows:,} rows, {self.scored:,} of them new")
        if self.errors:
            lines.append(f"{self.errors:,} rows have no score, the first because {self.first_error}")
        return "\n".join(lines)


def score(config: ScoreConfig, progress: Progress = silent) -> ScoreSummary:
    """Score every method on every observation and write the table. Does nothing where all is done.

    Methods that the folder holds from an earlier call stay in its table. A file that cannot be read gives a row with
    an `error`, and the rest goes on. Raises ConfigError when `out` was made from other inputs, DataError when it is
    somebody else's or nothing can be scored.
    """
    job = prepare(config)
    now = _settings(job)
    with claimed(config.out, FOLDER, _mark(now), config.overwrite, CHANGES) as before:
        # Methods of earlier calls stay.
        settings = now | {"methods": (json.loads(before)["methods"] if before else {}) | now["methods"]}
        if before != _mark(settings):
            write_text(config.out / SETTINGS_FILE, _mark(settings))
        return _score(job, settings, progress)


def _score(job: Job, settings: dict[str, Any], progress: Progress) -> ScoreSummary:
    """Score what is missing; write the table where it is another one."""
    scored = _score_missing(job, progress)
    found = _collect(job, settings)
    if all(one.row["error"] for one in found):
        raise DataError(f"nothing could be scored: {found[0].row['error']}")
    rows = write_panels(job, found, progress)
    table = to_table(rows, SCORES)
    made_by = provenance(TOOL, settings)
    path = job.config.out / SCORES_FILE
    stale = not _holds(path, table, made_by)
    if stale:
        write_table(path, table, SCORES, made_by)
    return summarise(rows, scored, changed=stale or scored > 0)


def _holds(path: Path, table: pa.Table, made_by: Provenance) -> bool:
    """Whether a file holds this very table, whole."""
    try:
        return path.is_file() and read_provenance(path) == made_by and read_table(path, SCORES).equals(table)
    except DataError:  # damaged: it is written again
        return False


def plan(config: ScoreConfig) -> dict[str, Any]:
    """What `score` would do; writes nothing. Raises what it would raise before it begins."""
    job = prepare(config)
    settings = _settings(job)
    stays = bool(check(config.out, FOLDER, _mark(settings), config.overwrite, CHANGES))
    return {
        "observations": sum(len(folder.rows) for folder in job.folders),
        "methods": settings["methods"],
        "protocol": job.protocol,
        "missing": sum(not (stays and _is_done(job, part, method)) for part in job.parts for method in job.methods),
    }


def summarise(rows: Sequence[dict[str, Any]], scored: int, changed: bool) -> ScoreSummary:
    """Means by method."""
    methods: dict[str, dict[str, float | None]] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        good = [row for row in rows if row["method"] == name and row["psnr"] is not None]
        methods[name] = {
            metric: sum(row[metric] for row in good) / len(good) if good else None for metric in ("psnr", "ssim")
        }
    errors = [row["error"] for row in rows if row["error"]]
    return ScoreSummary(methods, len(rows), len(errors), errors[0] if errors else "", scored, changed)


def _settings(job: Job) -> dict[str, Any]:
    config = job.config
    return {
        "degraded": [folder.table_hash for folder in job.folders],
        "splits": sorted(config.splits),
        "limit": config.limit,
        "protocol": job.protocol,
        "methods": {method.name: method.kind for method in job.methods},
    }


def _mark(settings: dict[str, Any]) -> str:
    return json.dumps(settings, indent=1, ensure_ascii=False) + "\n"


def _score_missing(job: Job, progress: Progress) -> int:
    """Score the parts that are not there; returns the number of rows."""
    missing = {
        number: methods
        for number, part in enumerate(job.parts)
        if (methods := [method for method in job.methods if not _is_done(job, part, method)])
    }
    parts = job.parts
    scored, total = 0, sum(len(parts[number].rows) * len(methods) for number, methods in missing.items())
    if total:
        progress("score", 0, total)
    for number, methods in missing.items():
        part = parts[number]
        loaded: dict[tuple[str, ...], tuple[Batch | None, dict[int, str]]] = {}  # by the guides' files
        for method in methods:
            guides = method.guides(part.folder, part.rows)
            key = tuple(guide.path if guide is not None else "" for guide in guides)
            if key not in loaded:
                loaded[key] = load(part.folder, part.rows, guides, job.device)
            rows = score_part(job, part, method, guides, *loaded[key])
            for place, row in enumerate(rows):  # pictures of an earlier score
                remove(job.config.out / Scored(part.number, part.start + place, row).panel, PICTURES)
            write_table(job.file(part, method), to_table(rows, SCORES), SCORES, provenance(TOOL, {}))
            scored += len(rows)
            progress("score", scored, total)
    return scored


def _is_done(job: Job, part: Part, method: Method) -> bool:
    """Whether a part is scored, without an error. Raises DataError when a restored file has changed since."""
    path = job.file(part, method)
    if not path.is_file():
        return False
    try:
        complete = set(SCORES.names) <= set(read_schema(path).names)  # a version before may have measured less
        table = read_table(path, SCORES)  # all of it: a column that is damaged would stop every later call
    except DataError:  # damaged: scored again
        return False
    if not complete or table["error"].null_count < table.num_rows:
        return False
    changed = method.changed(part.folder, part.rows, table["checkpoint_hash"].to_pylist())
    if changed:
        raise DataError(f"{changed} since it was scored; give another --out, or --overwrite")
    return True


def _collect(job: Job, settings: dict[str, Any]) -> list[Scored]:
    """The rows of all methods that the folder holds: folder by folder, method by method."""
    found: list[Scored] = []
    for number in range(len(job.folders)):
        for name in settings["methods"]:
            for part in (part for part in job.parts if part.number == number):
                path = job.config.out / PARTS / safe_name(name) / part.name
                if path.is_file():  # a method of an earlier call that was interrupted may lack some
                    rows = read_part(path, name)
                    found += [Scored(number, part.start + place, row) for place, row in enumerate(rows)]
    return found


def score_part(
    job: Job, part: Part, method: Method, guides: Sequence[Guide | None], batch: Batch | None, errors: dict[int, str]
) -> list[dict[str, Any]]:
    """One row for each of the part's observations; `errors` has those that `batch` could not hold, by place."""
    values: dict[int, Values] = {}
    hashes: dict[int, str] = {}
    if batch is not None:
        output = method.restore(part.folder, part.rows, batch)
        errors, hashes = errors | output.errors, output.hashes
        if output.places:
            truth = batch.truth[[batch.places.index(place) for place in output.places]]
            points = [part.rows[place]["target_landmarks"] for place in output.places]
            targets = torch.tensor(points, dtype=torch.float32).unflatten(1, (-1, 2))
            values = dict(zip(output.places, measure(job, output, truth, targets), strict=True))
            add_landmarks(values, targets, guides, output)
    return [
        _row(job, row, method, guides[place], hashes.get(place), values.get(place, {}), errors.get(place))
        for place, row in enumerate(part.rows)
    ]


def _row(
    job: Job,
    row: dict[str, Any],
    method: Method,
    guide: Guide | None,
    file_hash: str | None,
    values: Values,
    error: str | None,
) -> dict[str, Any]:
    """One row of the table."""
    pose = guide.pose if guide is not None else pose_of(row, "guide")
    about = {
        "method": method.name,
        "checkpoint_hash": method.checkpoint_hash if file_hash is None else file_hash,
        "pose_difference": pose_difference(pose_of(row, "target"), pose),
        "protocol": job.protocol + method.protocol,
        "error": error,
    }
    return {name: row.get(name) for name in SCORES.names} | about | values
