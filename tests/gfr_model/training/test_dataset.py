"""Other people's trainers get what the project's own sees, from any number of workers."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gfr_model import PairDataset
from manifests import PAIRS, PAIRS_FILE, ConfigError, DataError, provenance, read_table, to_table, write_table
from manifests.degradation.space import PARAMETERS


@pytest.fixture(scope="module")
def pairs(make_pairs) -> Path:
    return make_pairs(train=5, val=2, size=256, persons=2)


def test_a_pair_is_the_manifests_pair(pairs: Path) -> None:
    data = PairDataset(pairs, "val", scale="4", fixed=True)
    rows = read_table(pairs / PAIRS_FILE, PAIRS).to_pylist()[5:]
    assert len(data) == 2
    for one, row in zip(data, rows, strict=True):
        assert (one["pair_id"], one["person"], one["scale"]) == (row["pair_id"], row["person"], 4.0)
        for role in ("target", "guide"):
            crop = np.asarray(Image.open(pairs / row[f"{role}_path"]))
            assert np.array_equal((one[role] * 255).round().byte().permute(1, 2, 0).numpy(), crop)
            assert np.allclose(one[f"{role}_landmarks"].numpy().ravel(), row[f"{role}_landmarks"])
        assert one["degraded"].shape == (3, 256, 256)
        assert 0.001 < (one["degraded"] - one["target"]).abs().mean() < 0.3
    with pytest.raises(IndexError):
        data[2]


@pytest.mark.parametrize("space", ["paper", "wide"])
def test_a_fixed_degradation_is_the_one_that_degrade_stores(pairs: Path, tmp_path: Path, space: str) -> None:
    from gfr_data.degradation.dataset import degrade_dataset
    from manifests import DEGRADED, DEGRADED_FILE
    from manifests.degradation.spaces import find_space

    degrade_dataset(pairs, tmp_path / "low", ["val"], find_space(space, scale="4,8"), seed=3)
    rows = read_table(tmp_path / "low" / DEGRADED_FILE, DEGRADED).to_pylist()
    for one, row in zip(PairDataset(pairs, "val", scale="4,8", space=space, seed=3, fixed=True), rows, strict=True):
        assert {name: row[name] for name in PARAMETERS} == pytest.approx({name: one[name] for name in PARAMETERS})
        low = Image.open(tmp_path / "low" / row["lq_path"]).resize((256, 256), Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(low) - one["degraded"].permute(1, 2, 0).numpy() * 255).mean() < 1


def test_workers_give_what_one_process_gives_and_draw_anew_each_epoch(pairs: Path) -> None:
    fixed = PairDataset(pairs, scale="8", fixed=True)
    alone, shared = (next(iter(DataLoader(fixed, batch_size=5, num_workers=count))) for count in (0, 2))
    assert torch.equal(alone["degraded"], shared["degraded"])

    loader = DataLoader(
        PairDataset(pairs, scale="2,3,4,5,6,7,8"), num_workers=2, generator=torch.Generator().manual_seed(7)
    )
    first, second = ([batch["degraded"] for batch in loader] for _ in range(2))
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert len({float(one.mean()) for one in [*first, *second]}) == 10  # no worker repeats another's draws
    loader.generator.manual_seed(7)
    assert all(torch.equal(a, b["degraded"]) for a, b in zip(first, loader, strict=True))


def test_a_mirrored_pair_has_mirrored_landmarks(pairs: Path) -> None:
    plain, data = PairDataset(pairs, fixed=True)[0], PairDataset(pairs, flip=True)
    looks = [data[0] for _ in range(12)]
    mirrored = [one for one in looks if torch.equal(one["target"], plain["target"].flip(-1))]
    assert 0 < len(mirrored) < 12
    left_eye = plain["target_landmarks"][36]  # its outer corner is the other eye's in the mirror
    assert torch.allclose(mirrored[0]["target_landmarks"][45], torch.tensor([255 - left_eye[0], left_eye[1]]))


def test_what_is_wrong_is_said_before_a_picture_is_read(pairs: Path) -> None:
    with pytest.raises(DataError, match="no split 'test'; it has train, val"):
        PairDataset(pairs, "test")
    with pytest.raises(ConfigError, match="scale"):
        PairDataset(pairs, scale="90")


def test_a_missing_crop_is_named_through_a_worker(make_pairs, tmp_path: Path) -> None:
    folder = make_pairs(train=1, val=0, size=256)
    (folder / "crops" / "000-guide.png").unlink()
    with pytest.raises(DataError, match="row 0, guide_path"):
        list(DataLoader(PairDataset(folder), num_workers=1))


def test_packages_load_their_front_door_when_it_is_named(repository: Path) -> None:
    code = (
        "import sys, gfr_model, gfr_data; assert 'torch' not in sys.modules and 'pydantic' not in sys.modules\n"
        "assert {'Restorer', 'PairDataset'} <= set(dir(gfr_model)) and 'build_pairs' in dir(gfr_data)\n"
        "from gfr_data import BuildConfig, build_pairs, parse_source; from gfr_model import PairDataset, Restorer\n"
        "try: gfr_model.restorer\nexcept AttributeError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert "no attribute 'restorer'" in run.stdout


def test_further_guides_are_those_of_the_table_and_black_where_there_are_no_more(pairs: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs, tmp_path / "pairs")
    rows = read_table(pairs / PAIRS_FILE, PAIRS).to_pylist()
    own = [rows[1], rows[2]]
    rows[0] |= {
        "more_guides_path": [row["target_path"] for row in own],
        "more_guides_hash": [row["target_hash"] for row in own],
        "more_guides_landmarks": [value for row in own for value in row["target_landmarks"]],
        "more_guides_source_path": [row["target_source_path"] for row in own],
        **{f"more_guides_{name}": [0.0, 0.0] for name in ("yaw", "pitch", "roll", "quality")},
    }
    write_table(tmp_path / "pairs" / PAIRS_FILE, to_table(rows, PAIRS), PAIRS, provenance("test", {}))
    data = PairDataset(tmp_path / "pairs", fixed=True, more_guides=3)
    first, second = data[0], data[1]
    assert (first["more_guides_count"], second["more_guides_count"]) == (2, 0)
    for number, row in enumerate(own):
        crop = np.asarray(Image.open(pairs / row["target_path"]))
        assert np.array_equal((first["more_guides"][number] * 255).round().byte().permute(1, 2, 0).numpy(), crop)
        assert np.allclose(first["more_guides_landmarks"][number].numpy().ravel(), row["target_landmarks"])
    assert not first["more_guides"][2].any()
    batch = next(iter(DataLoader(data, batch_size=2)))
    assert batch["more_guides"].shape == (2, 3, 3, 256, 256)
    assert "more_guides" not in PairDataset(tmp_path / "pairs", fixed=True)[0]
    (tmp_path / "pairs" / own[1]["target_path"]).unlink()
    with pytest.raises(DataError, match=r"row 0, more_guides_path: .* is missing"):
        data[0]
    with pytest.raises(ConfigError, match="more_guides is -1"):
        PairDataset(tmp_path / "pairs", more_guides=-1)
