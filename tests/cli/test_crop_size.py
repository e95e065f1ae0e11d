"""The whole road with crops of 512 px, on rendered people: build, degrade, train, score, restore, export."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cli.data import main as data
from cli.eval import main as evaluate
from cli.train import main as train
from manifests import (
    DEGRADED,
    DEGRADED_FILE,
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    SCORES,
    SCORES_FILE,
    read_provenance,
    read_schema,
    read_table,
)
from manifests.crops import at_size
from manifests.tables.io import CROP_KEY

SMALL = (
    "width=2",
    "max_steps=2",
    "image_size=512",
    "warp_epochs=0.01",
    "discriminator_width=2",
    "window=0",
    "samples=1",
)


def call(program: object, *arguments: object) -> Result:
    return CliRunner().invoke(program, [str(argument) for argument in arguments])  # type: ignore[arg-type]


def done(program: object, *arguments: object) -> str:
    found = call(program, *arguments)
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with people, and their builds of both sizes, degraded, at `pairs512`, `pairs256`, `low512`."""
    from gfr_data.sample.write import render_sample

    root = tmp_path_factory.mktemp("road")
    render_sample(root / "people", identities=6, photos=3, seed=3)
    for size in (512, 256):  # rendered faces are not large enough to be ground truth for either by the rules
        done(data, *build(root, size), "--out", root / f"pairs{size}")
    done(data, "degrade", root / "pairs512", "--out", root / "low512", "--scale", 4, "--jobs", 1, *splits(root))
    return root


def build(root: Path, size: int) -> tuple[object, ...]:
    given = ("--source", f"vggface2={root}/people/vggface2", "--landmarks", f"file:{root}/people/landmarks68.csv")
    return ("build-pairs", *given, "--crop-size", size, "--set", "selection.target_side=0", "--jobs", 1)


def splits(root: Path) -> list[str]:
    names = sorted(set(read_table(root / "pairs512" / PAIRS_FILE, PAIRS)["split"].to_pylist()))
    return [part for name in names for part in ("--split", name)]


def test_a_build_of_512_px_has_the_pairs_of_one_of_256_in_larger_crops(road: Path) -> None:
    small, large = (read_table(road / f"pairs{size}" / PAIRS_FILE, PAIRS).to_pylist() for size in (256, 512))
    assert [row["pair_id"] for row in large] == [row["pair_id"] for row in small] != []
    for one, other in zip(small, large, strict=True):
        for role in ("target", "guide"):
            assert Image.open(road / "pairs512" / other[f"{role}_path"]).size == (512, 512)
            wanted = (np.array(one[f"{role}_landmarks"]) + 0.5) * 2 - 0.5
            np.testing.assert_allclose(other[f"{role}_landmarks"], wanted, atol=1e-3)
            shrunk = Image.open(road / "pairs512" / other[f"{role}_path"]).resize((256, 256), Image.Resampling.BOX)
            difference = np.asarray(shrunk).astype(int) - np.asarray(
                Image.open(road / "pairs256" / one[f"{role}_path"])
            )
            assert np.abs(difference).mean() < 3  # the same square of the photograph
        assert (one["target_yaw"], one["target_quality"]) == (other["target_yaw"], other["target_quality"])
    faces = [read_table(road / f"pairs{size}" / FACES_FILE, FACES) for size in (256, 512)]
    for one, other in zip(*(table["landmarks"].to_pylist() for table in faces), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(other, at_size(np.array(one, np.float32), 512), atol=1e-4)


def test_the_size_is_recorded_and_another_one_does_not_mix_with_it(road: Path) -> None:
    for folder, file in (("pairs512", PAIRS_FILE), ("pairs512", FACES_FILE), ("low512", DEGRADED_FILE)):
        assert read_provenance(road / folder / file).crop_size == 512
        assert CROP_KEY in read_schema(road / folder / file).metadata
    assert read_provenance(road / "pairs256" / PAIRS_FILE).crop_size == 256
    assert CROP_KEY not in read_schema(road / "pairs256" / PAIRS_FILE).metadata  # as it always was
    assert "crop_size" not in (road / "pairs256" / "build.json").read_text()
    told = read_schema(road / "pairs512" / PAIRS_FILE).field("target_path").metadata[b"description"]
    assert b"512x512" in told
    for folder in ("pairs512", "low512"):
        assert "is sound" in done(data, "validate", road / folder)
    assert "nothing to do" in done(data, *build(road, 512), "--out", road / "pairs512")
    other = call(data, *build(road, 256), "--out", road / "pairs512")
    assert other.exit_code == 2
    assert "other settings" in other.output
    for size, message in ((300, "is not one of"), (512, "--recipe paper crops 256 px")):
        refused = call(data, *build(road, size), "--recipe", "paper", "--out", road / "none")
        assert refused.exit_code == 2
        assert message in refused.output


def test_a_target_has_to_be_twice_as_large(road: Path) -> None:
    settings = json.loads((road / "pairs512" / "build.json").read_text())
    assert settings["crop_size"] == 512
    plan = [*build(road, 512)[:-4], "--set", "selection.target_side=100", "--jobs", 1]
    done(data, *plan, "--out", road / "strict")
    settings = json.loads((road / "strict" / "build.json").read_text())
    assert settings["selection"]["target_side"] == 200
    sides = read_table(road / "strict" / FACES_FILE, FACES, ["role", "crop_side"]).to_pylist()
    assert all(row["crop_side"] >= 200 for row in sides if row["role"] == "target")


def test_degraded_photographs_scale_with_their_crops(road: Path) -> None:
    for row in read_table(road / "low512" / DEGRADED_FILE, DEGRADED).to_pylist():
        assert Image.open(road / "low512" / row["lq_path"]).size == (128, 128)
        assert Image.open(road / "low512" / row["target_path"]).size == (512, 512)
    done(data, "degrade", road / "pairs512", "--preview", road / "sheet.png", *splits(road)[:2])


def test_what_is_trained_on_512_px_is_scored_and_restores_at_512_px(road: Path, tmp_path: Path) -> None:
    settings = [part for one in SMALL for part in ("--set", one)]
    done(train, road / "pairs512", "--out", road / "run", "--vgg-face", "off", *settings)
    done(evaluate, "score", road / "low512", "--run", road / "run", "--out", road / "scores", "--panels", 1)
    rows = read_table(road / "scores" / SCORES_FILE, SCORES).to_pylist()
    assert {row["method"] for row in rows} == {"bicubic", "run"}
    assert all(row["psnr"] is not None and row["protocol"].startswith("gfr-1: 512x512") for row in rows)
    panel = next(row["panel"] for row in rows if row["panel"])
    assert Image.open(road / "scores" / panel / "output.png").size == (512, 512)
    done(evaluate, "report", road / "scores")

    photographs = sorted((road / "people" / "vggface2" / "train").rglob("*.jpg"))
    out = tmp_path / "out.png"
    done(evaluate, "restore", photographs[0], "--run", road / "run", "--guide", photographs[1], "--out", out)
    assert Image.open(out).size == Image.open(photographs[0]).size


def test_where_sizes_do_not_fit_it_is_said_which_do(road: Path, tmp_path: Path) -> None:
    found = call(evaluate, "score", road / "low512", "--run", "default", "--out", tmp_path / "scores")
    assert found.exit_code == 1
    assert "restores images of 256 px, but crops are 512 px: train a run with --set image_size=512" in found.output
    done(data, "degrade", road / "pairs256", "--out", tmp_path / "low256", "--scale", 4, "--jobs", 1, *splits(road))
    mixed = call(evaluate, "score", road / "low512", tmp_path / "low256", "--out", tmp_path / "scores")
    assert mixed.exit_code == 2
    assert "crops of 256 and 512 px; score them apart" in mixed.output
    wrong = call(train, road / "pairs512", "--out", tmp_path / "run", "--vgg-face", "off", "--set", "width=2")
    assert wrong.exit_code == 1
    assert "is 512x512 px, but must be 256x256" in wrong.output
    assert "set image_size to theirs" in wrong.output


def test_crops_of_512_px_are_exported_and_read_as_pairs(road: Path, tmp_path: Path) -> None:
    from gfr_model import PairDataset

    for form in ("webdataset", "parquet-embedded"):
        done(data, "export", road / "pairs512", "--format", form, "--out", tmp_path / form)
    assert "512x512" in (tmp_path / "parquet-embedded" / "README.md").read_text()
    one = PairDataset(road / "pairs512", splits(road)[1], scale="4", fixed=True, more_guides=1)[0]
    assert one["degraded"].shape == one["guide"].shape == (3, 512, 512)
    assert one["more_guides"].shape == (1, 3, 512, 512)
