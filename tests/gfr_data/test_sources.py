"""A build from files of many photographs is the build from the folder: the same pairs, whatever happens on the way."""

import csv
import io
import os
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.report.build_page import write_report
from gfr_data.sources.options import parse_source, with_columns, with_tables
from manifests import FACES, FACES_FILE, PAIRS, PAIRS_FILE, ConfigError, DataError, read_table, validate_dataset
from tests.gfr_data.builds import contents, survive_kills
from tests.gfr_data.packing import NEEDS_GZIP, dealt, files_in, pack, shard, tabulate

KILLS = int(os.environ.get("GFR_KILLS", "2"))
POINTS = "landmarks68.csv"
PEOPLE = 2
TABLE = "train-00000-of-00001.parquet"
FORMS = ("tar", pytest.param("tar.gz", marks=NEEDS_GZIP), "zip", "webdataset", "parquet")


def points_of(people: Path, names: dict[str, str], copies: dict[str, str], out: Path) -> None:
    """The points of CASIA-WebFace's photographs and their copies, by what `names` calls them."""
    with open(people / POINTS, newline="") as file:
        header, *rows = csv.reader(file)
    points = {row[0].removeprefix("casia-webface/"): row[1:] for row in rows}
    points |= {path: points[original] for path, original in copies.items()}
    named = [[names[path], *numbers] for path, numbers in points.items() if path in names]
    with open(out, "w", newline="") as file:
        csv.writer(file).writerows([header, *named])


def packed(people: Path, room: Path, form: str) -> str:
    """Some of the rendered people in `room`, as `form` has them, with their points; the --source that it is."""
    album = room / "album"
    for person in sorted(path for path in (people / "casia-webface").iterdir() if path.is_dir())[:PEOPLE]:
        shutil.copytree(person, album / person.name)
    first = files_in(album)[0]
    (first.parent / "broken.jpg").write_bytes(b"no photograph")
    (first.parent / "twin.jpg").write_bytes(first.read_bytes())
    names = {path: f"album.{form}/{path.relative_to(album).as_posix()}" for path in files_in(album)}
    root, layout = room / f"album.{form}", "folder"
    if form == "folder":
        shutil.copytree(album, root)
    elif form == "webdataset":
        layout = form
        for number, path in enumerate(files_in(album)):
            names[path] = f"album.{form}/{number % 2:05d}.tar/{path.relative_to(album).as_posix()}"
        shard(album, root)
    elif form == "parquet":
        layout = form
        names = {path: f"album.{form}/{TABLE}/{row}/{path.name}" for row, path in enumerate(dealt(album))}
        tabulate(album, root)
    else:
        pack(album, root)
    called = {path.relative_to(album).as_posix(): name for path, name in names.items()}
    points_of(people, called, {f"{first.parent.name}/twin.jpg": f"{first.parent.name}/{first.name}"}, room / POINTS)
    shutil.rmtree(album)
    return f"{layout}:album={root}"


def config_of(source: str, out: Path, jobs: int = 1) -> BuildConfig:
    room = Path(source.partition("=")[2]).parent
    return BuildConfig(
        sources=(parse_source(source),), out=out, landmarks=f"file:{room / POINTS}", shard_photographs=5,
        engine=Engine(jobs=jobs),
    )  # fmt: skip


def said(out: Path) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """What a build's tables say, but for the names of photographs in their files."""
    own = {"source_path", "target_source_path", "guide_source_path", "more_guides_source_path", "message"}
    tables = read_table(out / FACES_FILE, FACES), read_table(out / PAIRS_FILE, PAIRS)
    faces, pairs = ([{k: v for k, v in row.items() if k not in own} for row in table.to_pylist()] for table in tables)
    return sorted(faces, key=lambda row: (row["identity"], row["content_hash"] or "", row["status"])), pairs


@pytest.fixture(scope="module")
def of_folder(people: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, object]:
    room = tmp_path_factory.mktemp("room")
    build_pairs(config_of(packed(people, room, "folder"), room / "pairs"))
    return said(room / "pairs")


@pytest.mark.parametrize("form", FORMS)
def test_the_same_pairs_from_every_form(people: Path, of_folder: object, tmp_path: Path, form: str) -> None:
    config = config_of(packed(people, tmp_path / "room", form), tmp_path / "pairs")
    assert build_pairs(config).changed
    assert said(tmp_path / "pairs") == of_folder
    pairs = read_table(tmp_path / "pairs" / PAIRS_FILE, PAIRS).to_pylist()
    targets = {(row["identity"], row["target_path"]) for row in pairs}
    assert len(pairs) >= PEOPLE
    for row in pairs:  # an identity's other targets are further guides
        more = {(row["identity"], path) for path in row["more_guides_path"]}
        assert more == {one for one in targets if one[0] == row["identity"]} - {(row["identity"], row["target_path"])}
        assert len(row["more_guides_landmarks"]) == 136 * len(more)
    assert validate_dataset(tmp_path / "pairs") == []
    assert not build_pairs(config).changed
    write_report(tmp_path / "pairs", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count('class="blank"') == 1  # broken.jpg: the pictures of all others are found


def test_two_processes_give_the_same_bytes(people: Path, tmp_path: Path) -> None:
    source = packed(people, tmp_path / "room", "zip")
    for jobs in (1, 2):
        build_pairs(config_of(source, tmp_path / str(jobs) / "pairs", jobs))
    assert contents(tmp_path / "1" / "pairs") == contents(tmp_path / "2" / "pairs")


BUILD_ALONE = """
import sys
from pathlib import Path
from gfr_data.build import build_pairs
from tests.gfr_data.test_sources import config_of
build_pairs(config_of(sys.argv[1], Path(sys.argv[2])))
"""


@pytest.mark.parametrize("form", ["tar", "parquet"])
def test_killed_builds_end_with_the_bytes_of_an_undisturbed_one(
    people: Path, tmp_path: Path, repository: Path, form: str
) -> None:
    source, out = packed(people, tmp_path / "room", form), tmp_path / "pairs"
    command = [sys.executable, "-c", BUILD_ALONE, source, str(out)]
    survive_kills(command, out, KILLS, 0.5, repository)


class StopError(Exception):
    pass


def stopped_before(config: BuildConfig, stage: str) -> None:
    def progress(now: str, done: int, total: int, note: str = "") -> None:
        if now == stage:
            raise StopError

    with pytest.raises(StopError):
        build_pairs(config, progress)


def test_an_archive_that_is_packed_anew_meanwhile_is_indexed_anew(people: Path, tmp_path: Path) -> None:
    source = packed(people, tmp_path / "room", "tar")
    config, archive = config_of(source, tmp_path / "pairs"), tmp_path / "room" / "album.tar"
    build_pairs(config)
    wanted = contents(tmp_path / "pairs")
    again = replace(config, out=tmp_path / "again" / "pairs")
    stopped_before(again, "crop")
    content = archive.read_bytes()
    archive.unlink()
    with pytest.raises(DataError, match=r"cannot read .*album\.tar"):
        build_pairs(again)
    with tarfile.open(archive, "w") as new, tarfile.open(fileobj=io.BytesIO(content)) as old:
        for entry in reversed(old.getmembers()):  # the same photographs at other places
            new.addfile(entry, old.extractfile(entry))
    build_pairs(again)
    assert contents(again.out) == wanted


def test_an_archive_that_goes_while_it_is_examined_is_an_error_and_no_row(people: Path, tmp_path: Path) -> None:
    source = packed(people, tmp_path / "room", "tar")
    config, archive = config_of(source, tmp_path / "pairs"), tmp_path / "room" / "album.tar"

    def progress(now: str, done: int, total: int, note: str = "") -> None:
        if now == "examine":
            archive.unlink(missing_ok=True)

    content = archive.read_bytes()
    with pytest.raises(DataError, match="changed or removed since it was indexed"):
        build_pairs(config, progress)
    archive.write_bytes(content)
    assert build_pairs(config).statuses["unreadable"] == 1  # broken.jpg alone


def test_columns_are_part_of_what_a_build_is_made_with(people: Path, tmp_path: Path) -> None:
    config = config_of(packed(people, tmp_path / "room", "parquet"), tmp_path / "pairs")
    other = replace(config, sources=with_columns(config.sources, ["identity=who"]))
    assert config.made_by() != other.made_by()
    assert "columns" not in config.result_settings()["sources"][0]


def test_given_pairs_are_made_as_given_and_checked_as_all_others(people: Path, tmp_path: Path) -> None:
    room = tmp_path / "room"
    packed(people, room, "folder")
    root = room / "album.folder"
    (one, two) = sorted(path.name for path in root.iterdir())
    good = {name: [f"{name}/{p.name}" for p in sorted((root / name).glob("0*.jpg"))] for name in (one, two)}
    rows = [
        (good[one][0], [good[one][1], good[one][2], f"{one}/broken.jpg"], "test"),
        (good[one][1], [f"{one}/broken.jpg"], "test"),  # no reference of it can be used
        (good[two][0], [good[two][1]], "train"),
        (good[two][2], [good[two][1], good[two][0]], "train"),
    ]
    with open(room / "pairs.csv", "w", newline="") as file:
        csv.writer(file).writerows([("gt_image", "ref_image", "split"), *rows])
    (source,) = with_tables([parse_source(f"mapping:album={root}")], [str(room / "pairs.csv")])
    config = replace(config_of(f"folder:album={root}", tmp_path / "pairs"), sources=(source,))
    summary = build_pairs(config)
    assert validate_dataset(config.out) == []
    pairs = read_table(config.out / PAIRS_FILE, PAIRS).to_pylist()
    given = {row[0]: (row[1], row[2]) for row in rows}
    assert {row["target_source_path"] for row in pairs} <= {good[one][0], good[two][0], good[two][2]}
    assert pairs, summary
    for row in pairs:
        references, split = given[row["target_source_path"]]
        assert row["guide_source_path"] in references
        assert {row["guide_source_path"], *row["more_guides_source_path"]} <= set(references)
        assert row["split"] == {"test": "test-album", "train": "train"}[split] or row["split"] == "val"
    assert not build_pairs(config).changed
    (room / "pairs.csv").write_text((room / "pairs.csv").read_text() + "\n")
    with pytest.raises(ConfigError, match="tables_hash"):
        build_pairs(config)
