"""Tests of albums: plans, going on after errors and interruptions, never replacing anything unasked."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gfr_data.faces.crop import crop
from gfr_model.checkpoint import MODEL_FILE, write
from gfr_model.config import TrainConfig
from gfr_model.networks.build import build_network
from gfr_model.restoration.album import FAILED, KEPT, RESTORED, restore_album
from gfr_model.restoration.album_log import LOG_FILE, read_log
from gfr_model.restoration.album_page import PAGE
from gfr_model.restoration.faces import FoundFace, Quality
from gfr_model.restoration.jobs import PICTURES, AlbumConfig, plan_jobs
from gfr_model.restoration.marks import MARKS_FILE, copy_kept
from gfr_model.restoration.restore import Options
from manifests import ConfigError, DataError
from manifests.crops import CropGeometry

FRONT = np.array([(-20.0, -20), (20, -20), (0, 3), (-18, 21), (18, 21)])


class Eyes:
    """Finds a face in the middle of every picture that is not dark."""

    def __init__(self):
        self.read_paths = []

    def read(self, path):
        self.read_paths.append(Path(path))
        try:
            return np.asarray(Image.open(path).convert("RGB"))
        except OSError as error:
            raise DataError(f"{path} cannot be read: damaged") from error

    def find(self, image):
        if image.mean() < 20:
            return []
        x, y = image.shape[1] / 2, image.shape[0] / 2
        return [FoundFace(CropGeometry(x - 30, y - 30, 60.0, 60.0), 0.9, FRONT / 2 + [x, y])]

    def cut(self, image, square, size):
        return crop(image, square, size)

    def measure(self, image, square):
        return Quality(5.0)


def save(path, seed, size=(160, 100), dark=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 10 if dark else 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(levels).save(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run folders of small untrained networks: with guide, without."""
    folders = []
    for variant in ("full", "-WG"):
        config = TrainConfig(width=2, variant=variant, image_size=32, output_skip=True)
        with torch.random.fork_rng():
            torch.manual_seed(5)
            network = build_network(config)
        folders.append(tmp_path_factory.mktemp("run"))
        tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
        write(folders[-1] / MODEL_FILE, tensors, config, {})
    return folders


@pytest.fixture
def album(tmp_path, runs):
    """Photographs and guides of two persons; one photograph shows nobody, one is damaged, one person has no guides."""
    photos = tmp_path / "photos"
    for number, name in enumerate(("alice/1.jpg", "alice/2.png", "bob/1.tif")):
        save(photos / name, number)
    save(photos / "alice/nobody.png", 7, dark=True)
    save(photos / "carol/1.png", 8)
    (photos / "bob/broken.jpg").write_bytes(b"no picture")
    (photos / "alice/notes.txt").write_text("1964")
    for number, name in enumerate(("alice/a.jpg", "alice/b.jpg", "bob/a.jpg")):
        save(tmp_path / "guides" / name, 20 + number)
    return AlbumConfig((photos,), runs[0], tmp_path / "guides", tmp_path / "out", compare=True)


def run(config, eyes=None):
    lines = []
    return restore_album(config, lambda: eyes or Eyes(), say=lines.append), lines


def contents(folder):
    """All files but the page, which says what the very last call could not restore."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != PAGE]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def states(summary, root):
    return {Path(one.photo).relative_to(root).as_posix(): one.state for one in summary.outcomes}


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


@pytest.mark.parametrize("name", ["1.jpg", "1.compare.png"])
def test_files_of_others_are_never_replaced(album, name):
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
    with pytest.raises(DataError, match=r"a\.png exists already"):
        run(config)
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


def mark(album, **marks):
    entries = read_log(album.out)
    given = {name: {"mark": value, "file": entries[name].files[name]} for name, value in marks.items()}
    (album.out / MARKS_FILE).write_text(json.dumps({"marks": given}))


def test_what_was_marked_to_be_kept_is_copied_and_nothing_else(album, tmp_path):
    album = replace(album, compare=False)
    run(album)
    mark(album, **{"alice/1.jpg": "keep", "alice/2.png": "reject"})
    kept = replace(album, only_kept=tmp_path / "kept")
    summary, _ = run(kept)
    assert summary.kept.copied == ("alice/1.jpg",)
    assert (summary.kept.rejected, summary.kept.unmarked) == (("alice/2.png",), ("bob/1.png",))
    assert contents(tmp_path / "kept") == {Path("alice/1.jpg"): (album.out / "alice/1.jpg").read_bytes()}
    assert "1 kept photographs copied, 1 rejected, 1 without a mark" in summary.text()
    again, _ = run(kept)
    assert again.kept.there == ("alice/1.jpg",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "save the marks there"),
        (b"{}", "holds no marks"),
        (b'{"marks": {"alice/1.jpg": {"mark": "burn", "file": "x"}}}', "a mark is 'burn'"),
        (b"[" * 100_000, "holds no marks"),
    ],
)
def test_without_marks_nothing_is_copied(album, tmp_path, content, message):
    if content is not None:
        album.out.mkdir()
        (album.out / MARKS_FILE).write_bytes(content)
    with pytest.raises(DataError, match=message):
        run(replace(album, only_kept=tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()


def test_marks_name_results_alone_and_hold_for_the_file_that_was_looked_at(album, tmp_path):
    run(album)
    entries, out = read_log(album.out), tmp_path / "kept"
    (tmp_path / "secret").write_text("x")
    given = {"../secret": {"mark": "keep", "file": "x"}, "alice/1.jpg": {"mark": "keep", "file": "0" * 32}}
    (album.out / MARKS_FILE).write_text(json.dumps({"marks": given}))
    found = copy_kept(album.out, entries, out)
    assert found.changed == ("alice/1.jpg",)
    assert found.copied == ()
    assert not out.exists()
    mark(album, **{"alice/1.jpg": "keep", "alice/2.png": "keep"})
    (out / "alice").mkdir(parents=True)
    for name in ("alice/1.jpg", "bob/1.png"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"mine")
    found = copy_kept(album.out, entries, out)
    assert found.copied == ("alice/2.png",)
    assert len(found.failed) == 2
    assert (out / "alice/1.jpg").read_bytes() == (out / "bob/1.png").read_bytes() == b"mine"


def test_the_page_shows_each_photograph_with_guide_reason_and_change_and_stays_if_it_is_anothers(album):
    run(album)
    page = (album.out / PAGE).read_text()
    for part in (
        "Guide a.jpg: the only one",
        "fits best of 2",
        "all of the change",
        "grey levels on average",
    ):
        assert part in page, part
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 3 * 5
    assert all((album.out / source).is_file() for source in sources)
    assert "carol/1.png: no usable guide" in page
    assert not re.search(r"https?://", page)
    (album.out / PAGE).write_text("<p>mine")
    summary, lines = run(album)
    assert (album.out / PAGE).read_text() == "<p>mine"
    assert summary.page == ""
    assert any("stays as it is" in line for line in lines)


def test_marks_given_in_a_browser_are_what_the_next_call_keeps(album, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra dev")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    album = replace(album, compare=False)
    run(album)
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script("delete window.showSaveFilePicker")  # which asks a person
        page.goto((album.out / PAGE).as_uri())
        rows = page.locator("#rows .row")
        rows.nth(0).locator("[data-mark=reject]").click()
        rows.nth(1).locator("[data-mark=keep]").click()
        page.reload()  # marks outlive the page
        assert page.locator("#count").inner_text() == "1 kept, 1 rejected, 1 without a mark"
        page.locator("#shown").select_option("none")
        assert [row.is_visible() for row in rows.all()] == [False, False, True]
        page.locator("#rest").click()
        with page.expect_download() as download:
            page.locator("#save").click()
        download.value.save_as(album.out / MARKS_FILE)
        browser.close()
    summary, _ = run(replace(album, only_kept=tmp_path / "kept"))
    assert summary.kept.copied == ("alice/2.png", "bob/1.png")
    assert summary.kept.rejected == ("alice/1.jpg",)
