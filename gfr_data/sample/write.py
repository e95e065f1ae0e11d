"""Write a sample dataset: photographs in the two layouts of the paper, exact landmarks, and what is known of each."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gfr_data.engine import Engine, run
from gfr_data.sample import album
from gfr_data.sample.defects import DEFECTS
from gfr_data.sample.folder import Fact, render_folder
from gfr_data.sample.person.identity import draw_identity
from gfr_data.sample.plan import CASIA, META, NAMES, TRAIN, Folder, plan_album, plan_folders
from manifests import Progress, silent, write_text
from manifests.folders import Kind, check, claimed

LANDMARKS, TRUTH, LABELS = "landmarks68.csv", "truth.csv", "labels.csv"
PICTURES = tuple(f"{name}/*.jpg" for name in ("vggface2", CASIA, album.ALBUM))
FOLDER = Kind("gfr-data sample", "sample.json", '{\n  "identities"', (LANDMARKS, TRUTH, LABELS, META, NAMES, *PICTURES))
RENDERER = 1  # counts up when the same seed would give other pictures


@dataclass(frozen=True)
class SampleSummary:
    out: str
    identities: int
    persons: int
    photographs: int  # all files, those with defects among them; the album's come on top
    defects: int
    written: int  # how many of them this call wrote
    changed: bool

    def text(self) -> str:
        """The counts, for a person."""
        what = f"{self.photographs} photographs of {self.persons} invented people in {self.identities} identities"
        return what + (f", {self.defects} of them with defects" if self.defects else "") + ", and an album"


def render_sample(
    out: str | Path,
    identities: int = 60,
    photos: int = 6,
    seed: int = 0,
    defects: bool = False,
    progress: Progress = silent,
    jobs: int = 1,
    overwrite: bool = False,
) -> SampleSummary:
    """Render a licence-free dataset of invented people into the folder `out`, and say what it holds.

    The same settings give the same bytes, whatever `jobs`; photographs that exist already are kept, so that an
    interrupted call is continued by the same one; with `overwrite` all are made anew. Raises ConfigError when `out`
    was made with other settings, DataError when it is somebody else's.
    """
    out = Path(out)
    folders = plan_folders(identities, photos, seed, tuple(DEFECTS) if defects else ())
    with claimed(out, FOLDER, _mark(identities, photos, seed, defects), overwrite):
        if _complete(out, folders):
            return _summarise(out, folders, written=0, changed=False)
        facts = _render(out, seed, folders, progress, jobs)
        _write_tables(out, folders, facts, seed)
    return _summarise(out, folders, written=sum(fact.written for fact in facts), changed=True)


def plan_sample(
    out: str | Path, identities: int, photos: int, seed: int, defects: bool, overwrite: bool = False
) -> SampleSummary:
    """Say what `render_sample` would write, and write nothing. Raises what it would raise before it begins."""
    check(Path(out), FOLDER, _mark(identities, photos, seed, defects), overwrite)
    folders = plan_folders(identities, photos, seed, tuple(DEFECTS) if defects else ())
    return _summarise(Path(out), folders, written=0, changed=False)


def _summarise(out: Path, folders: tuple[Folder, ...], written: int, changed: bool) -> SampleSummary:
    """Count what a plan holds."""
    shots = [shot for folder in folders for shot in folder.shots]
    persons = len({folder.person for folder in folders})
    return SampleSummary(
        str(out), len(folders), persons, len(shots), sum(bool(s.defect) for s in shots), written, changed
    )


def _mark(identities: int, photos: int, seed: int, defects: bool) -> str:
    settings = {"identities": identities, "photos": photos, "seed": seed, "defects": defects, "renderer": RENDERER}
    return json.dumps(settings, indent=2) + "\n"


def _complete(out: Path, folders: tuple[Folder, ...]) -> bool:
    tables = [LANDMARKS, TRUTH, LABELS, META, NAMES]
    paths = [shot.path for folder in folders for shot in folder.shots]
    return all((out / path).is_file() for path in [*tables, *paths, *album.PATHS])


def _render(out: Path, seed: int, folders: tuple[Folder, ...], progress: Progress, jobs: int) -> list[Fact]:
    total = sum(len(folder.shots) for folder in folders) + len(album.PATHS)
    results: dict[str, list[Fact]] = {}
    done = 0
    progress("rendering", 0, total)
    tasks = [partial(album.render_album, out, seed, *plan_album(len(folders), seed))]
    tasks += [partial(render_folder, out, seed, folder) for folder in folders]
    for facts in run(_call, tasks, Engine(jobs=jobs)):
        results[facts[0].identity] = facts
        done += len(facts)
        progress("rendering", done, total)
    return [fact for name in (*(folder.path for folder in folders), album.ALBUM) for fact in results[name]]


def _call(task: Callable[[], list[Fact]]) -> list[Fact]:
    return task()


def _write_tables(out: Path, folders: tuple[Folder, ...], facts: list[Fact], seed: int) -> None:
    points = [[fact.path, *fact.points] for fact in facts if fact.points]
    _write_csv(out / LANDMARKS, ["path", *(f"{axis}{k}" for k in range(68) for axis in "xy")], points)
    angles = [[f"{value:.3f}" for value in (fact.yaw, fact.pitch, fact.roll, *fact.eyes)] for fact in facts]
    truth = [[f.path, f.identity, f.person, *row, f.defect] for f, row in zip(facts, angles, strict=True)]
    columns = ["path", "identity", "person", "yaw", "pitch", "roll", "eye_left", "eye_right", "defect"]
    _write_csv(out / TRUTH, columns, truth)
    labels = [[fact.path, DEFECTS[fact.defect], fact.defect] for fact in facts if fact.defect]
    _write_csv(out / LABELS, ["file", "expected", "defect"], labels)
    casia = [folder for folder in folders if folder.kind == CASIA]
    write_text(out / NAMES, "".join(f"{folder.path.split('/')[-1]} {folder.name}\n" for folder in casia))
    lines = ["Class_ID, Name, Sample_Num, Flag, Gender\n"]
    for folder in folders:
        if folder.kind != CASIA:
            gender = "m" if draw_identity(seed, folder.person).look.male > 0.5 else "f"
            flag = int(folder.path.startswith(TRAIN))
            lines.append(f'{folder.path.split("/")[-1]}, "{folder.name}", {len(folder.shots)}, {flag}, {gender}\n')
    write_text(out / META, "".join(lines))


def _write_csv(path: Path, columns: list[str], rows: list[list[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
