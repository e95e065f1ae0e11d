"""Tests of albums: plans, going on after errors and interruptions, never replacing anything unasked."""

import json
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
from gfr_model.restoration.album import FAILED, KEPT, RESTORED, AlbumConfig, plan_jobs, restore_album
from gfr_model.restoration.album_log import LOG_FILE, read_log
from gfr_model.restoration.faces import FoundFace
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
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    assert files == {
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


def test_the_same_command_again_does_nothing(album):
    run(album)
    before, eyes = contents(album.out), Eyes()
    summary, _ = run(album, eyes)
    assert summary.count(RESTORED) == 0
    assert summary.count(KEPT) == 3
    assert contents(album.out) == before
    assert not {"1.jpg", "2.png", "1.tif"} & {path.name for path in eyes.read_paths}


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
    assert 0 < len(half) < 7
    for path in (
        "alice/2.png",
        "alice/2.compare.png",
    ):  # killed in the middle of the line, which comes before the files
        (album.out / path).unlink()
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
    assert summary.outcomes[0].faces[0]["why"] == "the only one"
    assert Image.open(config.out).getexif()[0x010F] == "Camera"
    assert any("a.jpg: the only one" in line for line in lines)
    entry = read_log(config.out.parent)["result.webp"]
    assert entry.made_from["checkpoint"]
    with pytest.raises(DataError, match="only the photograph itself"):
        run(replace(config, guide=photo, out=tmp_path / "x.png"))


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
        ({"photos": ("empty",), "out": "new"}, DataError, "holds no photograph"),
    ],
)
def test_plans_that_cannot_be_are_refused(tmp_path, monkeypatch, change, error, message):
    monkeypatch.chdir(tmp_path)
    for name in ("x.jpg", "y.jpg", "x.bmp", "x.png"):
        save(tmp_path / name, 1)
    (tmp_path / "guides").mkdir()
    (tmp_path / "empty").mkdir()
    photos = tuple(Path(name) for name in change["photos"])
    config = AlbumConfig(photos, Path("run"), Path("guides"), Path(change.get("out", "new")))
    with pytest.raises(error, match=message):
        plan_jobs(config)


def test_the_log_tells_what_was_made_from_what(album):
    run(album)
    lines = [json.loads(line) for line in (album.out / LOG_FILE).read_text().splitlines()]
    assert len(lines) == 3
    assert all(len(line["made_from"]["photo"]) == 32 for line in lines)
    assert {line["output"] for line in lines} == {"alice/1.jpg", "alice/2.png", "bob/1.png"}
