"""What other tools read is what the pairs say."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gfr_data.export import EMBEDDED_FILE, export
from manifests import (
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    DataError,
    hash_bytes,
    hash_file,
    provenance,
    to_table,
    write_table,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pairs of two splits."""
    rows = []
    rng = np.random.default_rng(0)
    for number in range(5):
        row = {field.name: "x" if str(field.type) == "string" else 0.5 for field in PAIRS}
        row |= {"pair_id": f"p{number}", "split": "train" if number < 3 else "val", "person": f"person {number}"}
        for role in ("target", "guide"):
            path = tmp_path / "data" / f"{role}{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
            row |= {f"{role}_path": path.name, f"{role}_hash": hash_file(path), f"{role}_landmarks": [1.0] * 136}
        rows.append(row)
    write_table(tmp_path / "data" / PAIRS_FILE, to_table(rows, PAIRS), PAIRS, provenance("test", {}))
    return tmp_path / "data"


def test_tar_shards_hold_every_pair_with_its_pictures(folder: Path, tmp_path: Path) -> None:
    summary = export(folder, tmp_path / "out", "webdataset", size=2)
    assert summary.files == ("train-000000.tar", "train-000001.tar", "val-000000.tar")
    seen = []
    for name in summary.files:
        with tarfile.open(tmp_path / "out" / name) as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive}
        for key in sorted({file.partition(".")[0] for file in files}):
            row = json.loads(files[f"{key}.json"])
            assert hash_bytes(files[f"{key}.target.png"]) == row["target_hash"]
            assert hash_bytes(files[f"{key}.guide.png"]) == row["guide_hash"]
            seen.append(row["pair_id"])
    assert sorted(seen) == [f"p{number}" for number in range(5)]


def test_embedded_table_holds_every_pair_with_its_pictures(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out", "parquet-embedded")
    rows = pq.read_table(tmp_path / "out" / EMBEDDED_FILE).to_pylist()
    assert [row["pair_id"] for row in rows] == [f"p{number}" for number in range(5)]
    for row in rows:
        assert hash_bytes(row["target"]["bytes"]) == row["target_hash"]
        assert Image.open(io.BytesIO(row["guide"]["bytes"])).size == (8, 8)


@pytest.mark.parametrize("form", ["webdataset", "parquet-embedded"])
def test_export_has_the_same_bytes_twice(folder: Path, tmp_path: Path, form: str) -> None:
    for name in ("a", "b"):
        export(folder, tmp_path / name, form)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_embedded_table_loads_as_pictures_in_datasets(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export(folder, tmp_path / "out", "parquet-embedded")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "out" / EMBEDDED_FILE), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded[0]["target"].size == (8, 8)
    assert len(loaded[0]["target_landmarks"]) == 136


def test_existing_files_are_kept_without_overwrite(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out", "webdataset")
    with pytest.raises(DataError, match="--overwrite"):
        export(folder, tmp_path / "out", "parquet-embedded")
    export(folder, tmp_path / "out", "parquet-embedded", overwrite=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [EMBEDDED_FILE]


def test_folder_with_other_files_is_never_cleared(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("")
    with pytest.raises(DataError, match=r"not empty \(thesis\.txt\)"):
        export(folder, tmp_path / "out", "webdataset", overwrite=True)


def test_missing_picture_is_named_and_leaves_no_half_file(folder: Path, tmp_path: Path) -> None:
    (folder / "guide1.png").unlink()
    with pytest.raises(DataError, match=r"guide1\.png"):
        export(folder, tmp_path / "out", "parquet-embedded")
    assert list((tmp_path / "out").iterdir()) == []


def test_unknown_format_names_the_choices(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="webdataset, parquet-embedded"):
        export(folder, tmp_path / "out", "zip")
