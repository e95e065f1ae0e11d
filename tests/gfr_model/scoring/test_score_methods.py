"""What is scored: runs, random guides, files that others restored, learned metrics, pictures."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gfr_data.degradation.reference import decode, upsample
from gfr_model.scoring.score import score
from manifests import DEGRADED, DEGRADED_FILE, ConfigError, DataError, read_table
from manifests.tables.schemas import BICUBIC
from tests.gfr_model.scoring.rows import copied, image, rows_of


def test_another_method_is_added_to_those_that_are_there(config, evaluation):
    score(config)
    added = score(replace(config, runs=(f"plain={evaluation.without_guide}",)))
    assert (added.scored, added.rows) == (7, 21)
    assert list(added.methods) == [BICUBIC, "net", "plain"]


def test_a_random_guide_is_another_person_s_and_only_for_those_who_look_at_it(config, evaluation):
    runs = (f"net={evaluation.run}", f"plain={evaluation.without_guide}")
    summary = score(replace(config, runs=runs, random_guide=True))
    assert list(summary.methods) == [BICUBIC, "net", "net(R)", "plain"]
    own, other = rows_of(config, "net"), rows_of(config, "net(R)")
    assert all(r["landmark_error_initial"] != o["landmark_error_initial"] for r, o in zip(own, other, strict=True))
    assert all("guide of another person, seed 0" in row["protocol"] for row in other)
    assert not any("another person" in row["protocol"] for row in own)
    with pytest.raises(ConfigError, match=r"methods.net\(R\): "):
        score(replace(config, runs=runs, random_guide=True, seed=1))


def test_restored_files_are_scored_by_the_same_protocol(config, evaluation, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    table = read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist()
    for number, row in enumerate(table):
        enlarged = np.rint(upsample(decode((evaluation.at4 / row["lq_path"]).read_bytes()))).astype(np.uint8)
        name = Path(row["lq_path"]).with_suffix(".png").name
        if number == 1:
            (folder / "lq").mkdir()
            name = f"lq/{name}"
        if number != 5:
            Image.fromarray(enlarged).save(folder / name)
    config = replace(config, runs=(), restored=(f"theirs={folder}",))
    assert score(config).errors == 1
    theirs, bicubic = rows_of(config, "theirs"), rows_of(config, BICUBIC)
    for number, (row, base) in enumerate(zip(theirs, bicubic, strict=True)):
        assert row["psnr"] == (None if number == 5 else base["psnr"])
        assert row["ssim"] == (None if number == 5 else base["ssim"])
    assert "is missing" in theirs[5]["error"]
    assert len({row["checkpoint_hash"] for row in theirs}) == 7


def test_each_restored_file_belongs_to_its_own_row_where_others_are_lost(config, evaluation, tmp_path):
    folder = copied(evaluation, tmp_path)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    table = read_table(folder / DEGRADED_FILE, DEGRADED).to_pylist()
    for row in table:
        shutil.copy(folder / row["target_path"], theirs / Path(row["lq_path"]).with_suffix(".png").name)
    (folder / table[0]["lq_path"]).unlink()
    (theirs / Path(table[4]["lq_path"]).with_suffix(".png").name).unlink()
    score(replace(config, folders=(folder,), runs=(), restored=(f"theirs={theirs}",)))
    found = rows_of(config, "theirs")
    assert [row["error"] is None for row in found] == [False, True, True, True, False, True, True]
    assert all(row["psnr"] in (None, float("inf")) for row in found)
    assert Path(table[4]["lq_path"]).stem in found[4]["error"]


def test_a_restored_file_that_changed_after_it_was_scored_is_noticed(config, evaluation, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    table = read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist()
    for row in table:
        shutil.copy(evaluation.at4 / row["target_path"], folder / Path(row["lq_path"]).with_suffix(".png").name)
    config = replace(config, runs=(), restored=(f"theirs={folder}",), panels=7)
    assert score(config).methods["theirs"]["psnr"] == float("inf")
    path = folder / Path(table[0]["lq_path"]).with_suffix(".png").name
    Image.new("RGB", (256, 256)).save(path)
    with pytest.raises(DataError, match=f"{path.name} has changed"):
        score(config)
    score(replace(config, overwrite=True))
    assert [row["psnr"] for row in rows_of(config, "theirs")].count(float("inf")) == 6
    kept = [row for row in rows_of(config, "theirs") if row["panel"] is not None]
    assert kept
    for row in kept:
        output = image(config.out / row["panel"] / "output.png")
        assert (output == 0).all() == (row["pair_id"] == table[0]["pair_id"])


def test_a_restored_image_of_another_size_is_an_error_of_its_row(config, evaluation, tmp_path):
    row = read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist()[0]
    (tmp_path / "small").mkdir()
    Image.new("RGB", (128, 128)).save(tmp_path / "small" / Path(row["lq_path"]).with_suffix(".png").name)
    score(replace(config, runs=(), restored=(f"small={tmp_path / 'small'}",)))
    assert "128x128 px, but must be 256x256" in rows_of(config, "small")[0]["error"]


def test_a_restored_file_that_never_ends_is_an_error_of_its_row(config, evaluation, tmp_path):
    """A file of 20 GB that takes no room, or a link to a device: no more is read than a picture may hold."""
    row = read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist()[0]
    (tmp_path / "huge").mkdir()
    file = tmp_path / "huge" / Path(row["lq_path"]).with_suffix(".png").name
    file.touch()
    os.truncate(file, 20 << 30)
    score(replace(config, runs=(), restored=(f"huge={tmp_path / 'huge'}",)))
    assert "cannot be read (larger than 16 MB)" in rows_of(config, "huge")[0]["error"]


def test_with_several_sets_restored_files_lie_apart(config, evaluation, tmp_path):
    row = read_table(evaluation.at8 / DEGRADED_FILE, DEGRADED).to_pylist()[0]
    name = Path(row["lq_path"]).with_suffix(".png").name
    (tmp_path / "theirs/at8").mkdir(parents=True)
    for place in (tmp_path / "theirs", tmp_path / "theirs/at8"):
        shutil.copy(evaluation.at8 / row["target_path"], place / name)
    folders = (evaluation.at4, evaluation.at8)
    score(replace(config, folders=folders, runs=(), restored=(f"theirs={tmp_path / 'theirs'}",)))
    good = [row for row in rows_of(config, "theirs") if row["error"] is None]
    assert [row["scale"] for row in good] == [8.0]


def test_pictures_of_the_best_and_the_worst_are_kept(config):
    score(replace(config, panels=4))
    kept = [row for row in rows_of(config, "net") if row["panel"] is not None]
    assert len(kept) == 4
    base = {row["pair_id"]: row["psnr"] for row in rows_of(config, BICUBIC)}
    for split in ("test-vggface2", "test-webface"):
        gains = {r["pair_id"]: r["psnr"] - base[r["pair_id"]] for r in rows_of(config, "net") if r["split"] == split}
        shown = {row["pair_id"] for row in kept if row["split"] == split}
        assert {min(gains, key=gains.get), max(gains, key=gains.get)} == shown
    for row in kept:
        panel = config.out / row["panel"]
        assert {p.name for p in panel.iterdir()} == {
            *("input.png", "guide.png", "warped.png", "output.png", "truth.png", "flow.npy", "panel.json")
        }
        truth, output = image(panel / "truth.png").astype(float), image(panel / "output.png").astype(float)
        assert 10 * np.log10(255**2 / ((truth - output) ** 2).mean()) == pytest.approx(row["psnr"], abs=1e-6)
        assert np.load(panel / "flow.npy").shape == (2, 256, 256)


@pytest.mark.parametrize("name", ["flow.npy", "guide.png", "panel.json"])
def test_a_damaged_picture_is_kept_anew_by_the_same_command(config, name):
    score(config)
    file = min((config.out / "panels/net").iterdir()) / name
    content = file.read_bytes()
    for damaged in (content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], b"", None):
        file.unlink() if damaged is None else file.write_bytes(damaged)
        score(config)
        assert file.read_bytes() == content


def test_learned_metrics_that_the_user_supplies_are_asked(config, tmp_path):
    class Embedding(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3)) - 0.5

    class Distance(torch.nn.Module):
        def forward(self, images: torch.Tensor, truths: torch.Tensor) -> torch.Tensor:
            return (images - truths).abs().mean(dim=(1, 2, 3), keepdim=True)

    torch.jit.script(Embedding()).save(tmp_path / "embedding.pt")
    torch.jit.script(Distance()).save(tmp_path / "distance.pt")
    asked = replace(
        config, identity_weights=tmp_path / "embedding.pt", lpips_weights=tmp_path / "distance.pt", panels=9
    )
    for weights in ("identity_weights", "lpips_weights"):
        with pytest.raises(DataError, match=r"is a TorchScript program.*--trust-program"):
            score(replace(config, **{weights: getattr(asked, weights)}))
    score(replace(asked, trust_program=True))
    for row in rows_of(config):
        output, truth = (image(config.out / row["panel"] / f"{name}.png") / 255 for name in ("output", "truth"))
        assert row["lpips"] == pytest.approx(np.abs(output - truth).mean(), abs=1e-5)
        first, second = (part.mean(axis=(0, 1)) - 0.5 for part in (output, truth))
        wanted = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        assert row["identity_similarity"] == pytest.approx(wanted, abs=1e-4)
        assert "identity similarity by" in row["protocol"]


def test_what_is_not_a_learned_metric_is_refused(config, tmp_path):
    (tmp_path / "junk.pt").write_bytes(b"\x80\x04junk")
    with pytest.raises(DataError, match="not a TorchScript file"):
        score(replace(config, identity_weights=tmp_path / "junk.pt"))
    with pytest.raises(DataError, match="there is no such file"):
        score(replace(config, lpips_weights=tmp_path / "nothing.pt"))
    assert not config.out.exists()


def test_what_a_network_sees_of_each_image_is_kept_for_tables(config, tmp_path):
    class Embedding(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

    class Distance(torch.nn.Module):
        def forward(self, images: torch.Tensor, truths: torch.Tensor) -> torch.Tensor:
            return (images - truths).square().mean(dim=(1, 2, 3))

    torch.jit.script(Embedding()).save(tmp_path / "embedding.pt")
    torch.jit.script(Distance()).save(tmp_path / "distance.pt")
    asked = replace(config, set_weights=tmp_path / "embedding.pt", dists_weights=tmp_path / "distance.pt", panels=9)
    with pytest.raises(DataError, match=r"is a TorchScript program.*--trust-program"):
        score(asked)
    score(replace(asked, trust_program=True))
    for row in rows_of(config):
        output, truth = (image(config.out / row["panel"] / f"{name}.png") / 255 for name in ("output", "truth"))
        assert np.frombuffer(row["features"], "<f4") == pytest.approx(output.mean((0, 1)), abs=1e-5)
        assert np.frombuffer(row["truth_features"], "<f4") == pytest.approx(truth.mean((0, 1)), abs=1e-5)
        assert row["dists"] == pytest.approx(((output - truth) ** 2).mean(), abs=1e-6)
        assert "DISTS by" in row["protocol"]
        assert "distance of sets by" in row["protocol"]
    assert not score(replace(asked, trust_program=True)).changed


@pytest.mark.parametrize(
    ("option", "name", "missing"),
    [
        ("lpips_weights", "lpips", "alexnet"),
        ("dists_weights", "dists", "dists"),
        ("niqe_weights", "niqe", "niqe"),
        ("set_weights", "inception-fid", "inception-fid"),
    ],
)
def test_what_a_named_metric_lacks_is_said_with_the_command_that_gets_it(
    config, tmp_path, monkeypatch, option, name, missing
):
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    with pytest.raises(DataError, match=f"`gfr-data weights get {missing}` gets them"):
        score(replace(config, **{option: name}))
    assert not config.out.exists()
