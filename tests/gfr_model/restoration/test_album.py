"""Tests of albums: plans, going on after errors and interruptions, never replacing anything unasked."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gfr_model.restoration.album import FAILED, KEPT, RESTORED
from gfr_model.restoration.album_log import LOG_FILE, read_log
from gfr_model.restoration.album_page import PAGE
from gfr_model.restoration.jobs import PICTURES, AlbumConfig, plan_jobs
from gfr_model.restoration.restore import Options
from manifests import ConfigError, DataError
from tests.gfr_model.restoration.albums import Eyes, contents, run, save, states


def test_an_album_goes_on_past_what_cannot_be_restored(album):
    summary, lines = run(album)
    assert states(summary, album.photos[0]) == {
        "alice/1.jpg": RESTORED,
        "alice/2.png": RESTORED,
        "alice/nobody.png": FAILED,
        "bob/1.tif": RESTORED,
        "bob/broken.jpg": FAILED,
        "carol/1.png": FAILED,
    }
    files = {path.relative_to(album.out).as_posix() for path in album.out.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith(PICTURES)} == {
        PAGE,
        "alice/1.jpg",
        "alice/1.compare.png",
        "alice/2.png",
        "alice/2.compare.png",
        "bob/1.png",
        "bob/1.compare.png",
        LOG_FILE,
    }
    text = "\n".join(lines)
    for part in ("nobody.png: no face was found", "broken.jpg: cannot be read", "carol/1.png: no usable guide"):
        assert sum(part in line for line in lines) == 1, text
    guides = {Path(one.photo).name: one.faces[0]["guide"] for one in summary.outcomes if one.faces}
    assert "guides/bob/a.jpg" in guides["1.tif"]
    assert summary.record()["failed"] == 3
    assert summary.failed
    assert "notes.txt" in lines[0]
    listed = summary.text().splitlines()
    assert listed[0] == "3 restored, 3 not restored:"
    assert [line.split(":")[0].rpartition("/")[2] for line in listed[1:4]] == ["nobody.png", "broken.jpg", "1.png"]


def test_the_same_command_again_does_nothing(album):
    run(album)
    before, eyes = contents(album.out), Eyes()
    summary, _ = run(album, eyes)
    assert summary.count(RESTORED) == 0
    assert summary.count(KEPT) == 3
    assert contents(album.out) == before
    assert not {"1.jpg", "2.png", "1.tif"} & {path.name for path in eyes.read_paths}


@pytest.mark.parametrize("damage", [lambda values: "{", lambda values: json.dumps(values | {"files": 7})])
def test_a_damaged_line_of_the_log_is_said_and_overwrite_helps(album, damage):
    run(album)
    log = album.out / LOG_FILE
    first, *rest = log.read_bytes().splitlines(keepends=True)
    values = json.loads(first)
    log.write_bytes(f"{damage(values)}\n".encode() + b"".join(rest))
    summary, _ = run(album)
    failed = next(outcome for outcome in summary.outcomes if outcome.out.endswith(values["output"]))
    assert f"exists already, and {log} does not tell what made it" in failed.error
    assert summary.count(KEPT) == 2
    summary, _ = run(replace(album, overwrite=True))
    assert next(one for one in summary.outcomes if one.out == failed.out).state == RESTORED


def test_a_picture_of_a_face_that_a_killed_run_did_not_write_is_made_and_its_part_removed(album):
    run(album)
    before = contents(album.out)
    face = next((album.out / PICTURES).rglob("*.face1-output.jpg"))
    face.rename(face.with_name(".face.0123456789ab.part.jpg"))
    run(album)
    assert {name: content for name, content in contents(album.out).items() if name.suffix != ".jsonl"} == {
        name: content for name, content in before.items() if name.suffix != ".jsonl"
    }


@pytest.mark.parametrize("kind", ["gigabytes", "dangling"])
def test_what_is_no_file_of_a_photograph_is_not_read_to_know_it_again(album, kind):
    for folder in (album.photos[0] / "alice", album.guide / "alice"):
        if kind == "gigabytes":
            (folder / "odd.jpg").touch()
            os.truncate(folder / "odd.jpg", 1 << 40)
        else:
            (folder / "odd.jpg").symlink_to("nowhere.jpg")
    summary, _ = run(album)
    assert states(summary, album.photos[0])["alice/1.jpg"] == RESTORED


def test_guides_are_read_once_for_all_photographs_of_a_person(album):
    eyes = Eyes()
    run(album, eyes)
    assert sum(path.parts[-3:] == ("guides", "alice", "a.jpg") for path in eyes.read_paths) == 1


def test_an_interrupted_album_goes_on_and_ends_the_same(album, tmp_path):
    class Tired(Eyes):
        def read(self, path):
            if Path(path).name == "1.tif":
                raise KeyboardInterrupt
            return super().read(path)

    with pytest.raises(KeyboardInterrupt):
        run(album, Tired())
    half = contents(album.out)
    assert {path.parts[-2] for path in half if path.suffix != ".jsonl"} == {"alice"}
    for path in album.out.rglob("2.*"):  # killed in the middle of the line, which comes before the files
        path.unlink()
    with open(album.out / LOG_FILE, "r+b") as file:
        file.truncate((album.out / LOG_FILE).stat().st_size - 20)
    summary, _ = run(album)
    assert summary.count(KEPT) == 1
    whole = replace(album, out=tmp_path / "whole")
    run(whole)
    logs = read_log(album.out), read_log(whole.out)
    assert logs[0] == logs[1]
    first, second = contents(album.out), contents(whole.out)
    del first[Path(LOG_FILE)], second[Path(LOG_FILE)]
    assert first == second


@pytest.mark.parametrize("change", ["settings", "photograph", "guides"])
def test_results_made_from_something_else_stay_until_overwrite(album, change):
    run(album)
    if change == "settings":
        album = replace(album, options=Options(enlarge=2))
    elif change == "photograph":
        save(album.photos[0] / "alice/2.png", 99)
    else:
        save(album.guide / "alice/c.jpg", 98)
        save(album.guide / "bob/c.jpg", 97)
    before = contents(album.out)
    try:
        summary, _ = run(album)
        errors = [one.error for one in summary.outcomes]
    except DataError as error:
        errors = [str(error)]
    assert any("other settings or photographs" in error for error in errors)
    assert contents(album.out) == before
    summary, _ = run(replace(album, overwrite=True))
    assert summary.count(RESTORED) == 3
    assert contents(album.out) != before
    assert run(album)[0].count(KEPT) == 3


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["1.jpg", "1.compare.png"])
def test_files_of_others_are_never_replaced(album, name, overwrite):
    album = replace(album, overwrite=overwrite)
    mine = album.out / "alice" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    summary, _ = run(album)
    assert mine.read_bytes() == b"mine"
    failed = next(one for one in summary.outcomes if one.photo.endswith("alice/1.jpg"))
    assert f"{name} exists already" in failed.error


def test_a_comparison_can_be_asked_for_later(album):
    run(replace(album, compare=False))
    summary, _ = run(album)
    assert summary.count(RESTORED) == 3
    assert (album.out / "bob/1.compare.png").is_file()


def test_none_restored_is_an_error(album):
    for name in ("alice", "bob"):
        shutil.rmtree(album.guide / name)
    with pytest.raises(DataError, match=r"none of 6 photographs was restored; .*alice/1.jpg: no usable guide"):
        run(album)


def test_a_network_without_guide_needs_none(album, runs):
    with pytest.raises(ConfigError, match="needs a guide"):
        run(replace(album, guide=None))
    summary, _ = run(replace(album, guide=None, run=runs[1]))
    assert summary.count(RESTORED) == 4


def test_one_photograph_to_one_file_with_its_metadata(album, tmp_path):
    photo = album.photos[0] / "alice/1.jpg"
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    Image.open(photo).save(photo, exif=exif)
    config = AlbumConfig((photo,), album.run, album.guide / "alice/a.jpg", tmp_path / "new/result.webp")
    summary, lines = run(config)
    assert summary.outcomes[0].faces[0]["why"] == "the only one that can serve"
    assert Image.open(config.out).getexif()[0x010F] == "Camera"
    assert any("a.jpg: the only one" in line for line in lines)
    assert [path.name for path in config.out.parent.iterdir()] == ["result.webp"]
    with pytest.raises(DataError, match="only the photograph itself"):
        run(replace(config, guide=photo, out=tmp_path / "x.png"))


def test_one_photograph_is_known_again_and_what_somebody_made_of_it_stays(album, tmp_path):
    photo = album.photos[0] / "alice/1.jpg"
    config = AlbumConfig((photo,), album.run, album.guide / "alice", tmp_path / "a.png", compare=True)
    run(config)
    assert run(config)[0].count(KEPT) == 1
    with Image.open(config.out) as picture:  # somebody works on the result, and keeps what it says of itself
        picture.rotate(180).save(config.out, exif=picture.getexif())
    worked, compared = config.out.read_bytes(), tmp_path / "a.compare.png"
    compared.unlink()
    assert run(config)[0].count(RESTORED) == 1
    assert config.out.read_bytes() == worked
    assert compared.is_file()
    with pytest.raises(DataError, match="other settings"):
        run(replace(config, options=Options(strength=0.5)))
    assert run(replace(config, options=Options(strength=0.5), overwrite=True))[0].count(RESTORED) == 1
    config.out.write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(DataError, match=r"a\.png exists already and is no result.*remove .*a\.png"):
            run(replace(config, overwrite=overwrite))
    assert config.out.read_bytes() == b"mine"


def test_folders_inside_a_person_use_that_persons_guides(album, tmp_path):
    config = replace(album, photos=(album.photos[0] / "alice",), guide=album.guide / "alice")
    save(album.photos[0] / "alice/1964/3.png", 40)
    jobs = {job.photo.name: job.guide for job in plan_jobs(config)}
    assert set(jobs.values()) == {album.guide / "alice"}


def test_results_inside_the_folder_of_photographs_are_not_restored_again(album):
    config = replace(album, out=album.photos[0] / "restored")
    run(config)
    assert len(plan_jobs(config)) == 6


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"photos": ("missing.jpg",)}, DataError, "missing.jpg does not exist"),
        ({"photos": (".", "x.jpg")}, ConfigError, "one folder, or any number"),
        ({"photos": ("x.jpg",), "out": "result.bmp"}, ConfigError, "must end in"),
        ({"photos": ("x.jpg", "y.jpg"), "out": "result.png"}, ConfigError, "names a file"),
        ({"photos": ("x.jpg", "y.jpg"), "out": "y.jpg"}, ConfigError, "is a file"),
        ({"photos": ("x.jpg",), "out": "x.jpg"}, ConfigError, "among photographs that are read"),
        ({"photos": ("x.jpg",), "out": "guides/x.png"}, ConfigError, "among photographs that are read"),
        ({"photos": ("x.jpg", "y.jpg"), "out": "."}, ConfigError, "among photographs that are read"),
        ({"photos": ("x.bmp", "x.png"), "out": "new"}, ConfigError, "would both become"),
        ({"photos": ("nothing",), "out": "new"}, DataError, "holds no photograph"),
        ({"photos": ("x.jpg",), "out": "new.png", "only_kept": "kept"}, ConfigError, "name a folder with --out"),
        ({"photos": ("x.jpg",), "out": "new", "only_kept": "new/kept"}, ConfigError, "among photographs or results"),
        ({"photos": ("empty/more",), "out": "new", "only_kept": "empty"}, ConfigError, "among photographs or results"),
    ],
)
def test_plans_that_cannot_be_are_refused(tmp_path, monkeypatch, change, error, message):
    monkeypatch.chdir(tmp_path)
    for name in ("x.jpg", "y.jpg", "x.bmp", "x.png"):
        save(tmp_path / name, 1)
    (tmp_path / "guides").mkdir()
    save(tmp_path / "empty/more/x.jpg", 1)
    (tmp_path / "nothing").mkdir()
    photos = tuple(Path(name) for name in change["photos"])
    kept = Path(change["only_kept"]) if "only_kept" in change else None
    config = AlbumConfig(photos, Path("run"), Path("guides"), Path(change.get("out", "new")), only_kept=kept)
    with pytest.raises(error, match=message):
        plan_jobs(config)


def test_the_log_tells_what_was_made_from_what(album):
    run(album)
    lines = [json.loads(line) for line in (album.out / LOG_FILE).read_text().splitlines()]
    assert len(lines) == 3
    assert all(len(line["made_from"]["photo"]) == 32 for line in lines)
    assert {line["output"] for line in lines} == {"alice/1.jpg", "alice/2.png", "bob/1.png"}
