"""Write a sample dataset: photographs in the two layouts of the paper, exact landmarks, and what is known of each."""

import csv
import io
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gfr_data.sample.defects import BROKEN, DEFECTS, break_file, defective, defective_scene, jpeg_quality
from gfr_data.sample.identity import draw_identity
from gfr_data.sample.landmarks import landmarks
from gfr_data.sample.person import Person, make_person
from gfr_data.sample.photograph import photograph
from gfr_data.sample.plan import CASIA, META, NAMES, TRAIN, Album, Shot, plan_albums
from gfr_data.sample.render import Posed, pose
from gfr_data.sample.scene import Scene, draw_scene
from manifests import DataError, Progress, silent, write_bytes, write_text

STATE = "sample.json"
LANDMARKS, TRUTH, LABELS = "landmarks68.csv", "truth.csv", "labels.csv"
RENDERER = 1  # counts up when the same seed would give other pictures


@dataclass(frozen=True)
class Settings:
    identities: int
    photos: int
    seed: int
    defects: bool
    renderer: int = RENDERER


@dataclass(frozen=True)
class SampleSummary:
    out: str
    identities: int
    persons: int
    photographs: int  # all files, those with defects among them
    defects: int
    written: int  # how many of them this call wrote
    changed: bool

    def text(self) -> str:
        """The counts, for a person."""
        what = f"{self.photographs} photographs of {self.persons} invented people in {self.identities} identities"
        return what + (f", {self.defects} of them with defects" if self.defects else "")


@dataclass(frozen=True)
class Fact:
    """What is known of one photograph."""

    path: str
    identity: str
    person: str
    defect: str
    yaw: float
    pitch: float
    roll: float
    eyes: tuple[float, float]
    points: tuple[float, ...] | None  # 136 numbers; None where there is no face or no picture
    written: bool


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
    interrupted call is continued by the same one. Raises DataError when `out` holds anything else.
    """
    out = Path(out)
    settings = Settings(identities, photos, seed, defects)
    albums = plan_albums(identities, photos, seed, tuple(DEFECTS) if defects else ())
    _claim(out, settings, overwrite)
    if _complete(out, albums):
        return _summarise(out, albums, written=0, changed=False)
    facts = _render(out, seed, albums, progress, jobs)
    _write_tables(out, albums, facts, seed)
    return _summarise(out, albums, written=sum(fact.written for fact in facts), changed=True)


def plan_sample(out: str | Path, identities: int, photos: int, seed: int, defects: bool) -> SampleSummary:
    """Say what `render_sample` would write, and write nothing."""
    albums = plan_albums(identities, photos, seed, tuple(DEFECTS) if defects else ())
    return _summarise(Path(out), albums, written=0, changed=False)


def _summarise(out: Path, albums: tuple[Album, ...], written: int, changed: bool) -> SampleSummary:
    """Count what a plan holds."""
    shots = [shot for album in albums for shot in album.shots]
    persons = len({album.person for album in albums})
    return SampleSummary(
        str(out), len(albums), persons, len(shots), sum(bool(s.defect) for s in shots), written, changed
    )


def _claim(out: Path, settings: Settings, overwrite: bool) -> None:
    """Make sure that `out` is empty, absent or of these settings; with `overwrite` remove another sample's files."""
    state = out / STATE
    wanted = json.dumps(asdict(settings), indent=2) + "\n"
    if state.is_file():
        if state.read_text(encoding="utf-8") == wanted:
            return
        if not overwrite:
            raise DataError(
                f"{out} holds a sample made with other settings ({STATE}); choose another folder or --overwrite"
            )
        for name in (TRAIN.split("/")[0], CASIA):
            shutil.rmtree(out / name, ignore_errors=True)
        for name in (LANDMARKS, TRUTH, LABELS, STATE):
            (out / name).unlink(missing_ok=True)
    elif out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out} is not empty and no sample made by this command; choose another folder")
    elif out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; choose a folder")
    write_text(state, wanted)


def _complete(out: Path, albums: tuple[Album, ...]) -> bool:
    tables = [LANDMARKS, TRUTH, LABELS, META, NAMES]
    paths = [shot.path for album in albums for shot in album.shots]
    return all((out / path).is_file() for path in [*tables, *paths])


def _render(out: Path, seed: int, albums: tuple[Album, ...], progress: Progress, jobs: int) -> list[Fact]:
    total = sum(len(album.shots) for album in albums)
    results: dict[str, list[Fact]] = {}
    done = 0
    progress("rendering", 0, total)
    for facts in _run(out, seed, albums, jobs):
        results[facts[0].identity] = facts
        done += len(facts)
        progress("rendering", done, total)
    return [fact for album in albums for fact in results[album.folder]]


def _run(out: Path, seed: int, albums: tuple[Album, ...], jobs: int) -> Iterable[list[Fact]]:
    if jobs == 1:
        return (render_album(out, seed, album) for album in albums)
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    return pool(delayed(render_album)(out, seed, album) for album in albums)


def render_album(out: Path, seed: int, album: Album) -> list[Fact]:
    """Make the photographs of one identity that are missing; what is known of all."""
    import cv2

    cv2.setNumThreads(1)  # one album is one process's work
    person = make_person(seed, album.person)
    facts = []
    for shot in album.shots:
        scene = _scene(seed, album, shot)
        missing = not (out / shot.path).is_file()
        if missing:
            write_bytes(out / shot.path, _take(person, scene, shot))
        facts.append(_fact(album, shot, pose(person, scene), missing))
    return facts


def _scene(seed: int, album: Album, shot: Shot) -> Scene:
    if shot.defect:
        return defective_scene(seed, album.person, shot.photo, shot.defect)
    return draw_scene(seed, album.person, shot.photo, album.kind)


def _take(person: Person, scene: Scene, shot: Shot) -> bytes:
    """The bytes of a photograph's file."""
    import cv2

    defect = shot.defect
    taken = defective(person, scene, shot.photo, defect) if defect else photograph(person, scene, shot.photo)
    quality = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality(defect, scene.jpeg_quality)]
    _, content = cv2.imencode(".jpg", cv2.cvtColor(taken.image, cv2.COLOR_RGB2BGR), quality)
    return break_file(content.tobytes(), defect)


def _fact(album: Album, shot: Shot, posed: Posed, written: bool) -> Fact:
    scene = posed.scene
    visible = shot.defect != "no_face" and shot.defect not in BROKEN
    points = tuple(round(float(value), 3) for value in landmarks(posed).ravel()) if visible else None
    eyes = scene.expression.eyes
    return Fact(
        shot.path, album.folder, album.name, shot.defect, scene.yaw, scene.pitch, scene.roll, eyes, points, written
    )


def _write_tables(out: Path, albums: tuple[Album, ...], facts: list[Fact], seed: int) -> None:
    points = [[fact.path, *fact.points] for fact in facts if fact.points]
    _write_csv(out / LANDMARKS, ["path", *(f"{axis}{k}" for k in range(68) for axis in "xy")], points)
    angles = [[f"{value:.3f}" for value in (fact.yaw, fact.pitch, fact.roll, *fact.eyes)] for fact in facts]
    truth = [[f.path, f.identity, f.person, *row, f.defect] for f, row in zip(facts, angles, strict=True)]
    columns = ["path", "identity", "person", "yaw", "pitch", "roll", "eye_left", "eye_right", "defect"]
    _write_csv(out / TRUTH, columns, truth)
    labels = [[fact.path, DEFECTS[fact.defect], fact.defect] for fact in facts if fact.defect]
    _write_csv(out / LABELS, ["file", "expected", "defect"], labels)
    casia = [album for album in albums if album.kind == CASIA]
    write_text(out / NAMES, "".join(f"{album.folder.split('/')[-1]} {album.name}\n" for album in casia))
    lines = ["Class_ID, Name, Sample_Num, Flag, Gender\n"]
    for album in albums:
        if album.kind != CASIA:
            gender = "m" if draw_identity(seed, album.person).look.male > 0.5 else "f"
            flag = int(album.folder.startswith(TRAIN))
            lines.append(f'{album.folder.split("/")[-1]}, "{album.name}", {len(album.shots)}, {flag}, {gender}\n')
    write_text(out / META, "".join(lines))


def _write_csv(path: Path, columns: list[str], rows: list[list[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
