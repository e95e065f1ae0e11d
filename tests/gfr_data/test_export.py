"""What other tools read is what the pairs say."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gfr_data.export import export
from manifests import (
    PAIRS,
    PAIRS_FILE,
    ConfigError,
    DataError,
    hash_bytes,
    hash_file,
    provenance,
    read_table,
    to_table,
    write_table,
)

SPLITS = ("train", "train", "train", "val", "test-web-face")


def _any(kind: pa.DataType) -> object:
    """A value of a column; two of a list."""
    if pa.types.is_list(kind):
        return [_any(kind.value_type)] * 2
    return "x" if kind == pa.string() else 0.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pairs of three splits."""
    rows = []
    rng = np.random.default_rng(0)
    for number in range(5):
        row = {field.name: _any(field.type) for field in PAIRS}
        row |= {"pair_id": f"p{number}", "split": SPLITS[number], "person": f"person {number}"}
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
    assert summary.files == ("test-web-face-000000.tar", "train-000000.tar", "train-000001.tar", "val-000000.tar")
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


def test_no_two_pairs_have_one_key_where_splits_have_dots(folder: Path, tmp_path: Path) -> None:
    table = read_table(folder / PAIRS_FILE, PAIRS)
    splits = pa.array(["test.1", "test.1", "test.2", "test_1", "test"])
    table = table.set_column(table.schema.get_field_index("split"), PAIRS.field("split"), splits)
    write_table(folder / PAIRS_FILE, table, PAIRS, provenance("test", {}))
    keys: list[str] = []
    for name in export(folder, tmp_path / "out", "webdataset").files:
        with tarfile.open(tmp_path / "out" / name) as archive:
            keys += [member.name.partition(".")[0] for member in archive if member.name.endswith(".json")]
            assert {member.name.partition(".")[0] for member in archive} <= set(keys)
    assert len(set(keys)) == 5


def test_embedded_tables_hold_every_pair_with_its_pictures(folder: Path, tmp_path: Path) -> None:
    summary = export(folder, tmp_path / "out", "parquet-embedded")
    tables = [file for file in summary.files if file.endswith(".parquet")]
    assert tables == [f"data/{name}-00000-of-00001.parquet" for name in ("test_web_face", "train", "validation")]
    rows = [row for file in tables for row in pq.read_table(tmp_path / "out" / file).to_pylist()]
    assert sorted(row["pair_id"] for row in rows) == [f"p{number}" for number in range(5)]
    for row in rows:
        assert hash_bytes(row["target"]["bytes"]) == row["target_hash"]
        assert Image.open(io.BytesIO(row["guide"]["bytes"])).size == (8, 8)


@pytest.mark.parametrize("form", ["webdataset", "parquet-embedded"])
def test_export_has_the_same_bytes_twice(folder: Path, tmp_path: Path, form: str) -> None:
    for name in ("a", "b"):
        export(folder, tmp_path / name, form)
    for path in filter(Path.is_file, (tmp_path / "a").rglob("*")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.parametrize("way", ["by its card", "by its files"])
def test_no_test_pair_is_loaded_for_training(folder: Path, tmp_path: Path, way: str) -> None:
    datasets = pytest.importorskip("datasets", reason="needs datasets")
    out, cache = tmp_path / "out", str(tmp_path / "cache")
    export(folder, out, "parquet-embedded")
    if way == "by its card":
        loaded = datasets.load_dataset(str(out), cache_dir=cache)
    else:
        (out / "README.md").unlink()
        loaded = datasets.load_dataset("parquet", data_dir=str(out), cache_dir=cache)
    assert {name: rows["pair_id"][:] for name, rows in loaded.items()} == {
        "train": ["p0", "p1", "p2"],
        "validation": ["p3"],
        "test_web_face": ["p4"],
    }
    assert loaded["train"][0]["target"].size == (8, 8)
    assert len(loaded["train"][0]["target_landmarks"]) == 136


def test_croissant_metadata_is_valid_and_leads_to_the_rows(folder: Path, tmp_path: Path) -> None:
    croissant = pytest.importorskip("mlcroissant", reason="needs mlcroissant")
    export(folder, tmp_path / "out", "parquet-embedded")
    read = croissant.Dataset(jsonld=str(tmp_path / "out" / "croissant.json"))
    assert {records.id for records in read.metadata.record_sets} == {"train", "validation", "test_web_face"}
    rows = list(read.records(record_set="train"))
    assert [row["train/pair_id"] for row in rows] == [b"p0", b"p1", b"p2"]
    assert rows[0]["train/target"].size == (8, 8)
    assert len(rows[0]["train/target_landmarks"]) == 136


def test_card_tells_pairs_persons_and_columns(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out", "parquet-embedded")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| `train` | 3 | 3 |" in text
    assert "| `target_landmarks` | 68 iBUG points of the target | crop px |" in text
    assert "consent" in text


@pytest.mark.parametrize(("form", "size"), [("webdataset", 1), ("parquet-embedded", 1000)])
def test_an_interrupted_export_goes_on_without_looking_at_what_is_finished(
    folder: Path, tmp_path: Path, form: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    export(folder, whole, form, size=size)

    def stops(stage: str, done: int, total: int) -> None:
        if (stage, done) in (("export", 3), ("export train", 3)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(folder, out, form, stops, size=size)
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix in (".tar", ".parquet")}
    assert finished
    with pytest.raises(DataError, match="not empty"):
        export(folder, out, form, size=size + 1)  # another export
    read: list[str] = []
    monkeypatch.setattr("gfr_data.export.decode_picture", lambda content, path, *sides: read.append(path.name))
    summary = export(folder, out, form, size=size)
    assert len(read) == 2 * (5 - len(finished))  # of a pair each
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    files = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    assert set(summary.files) == files == {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert all((out / name).read_bytes() == (whole / name).read_bytes() for name in files)


def test_existing_files_are_kept_without_overwrite(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out", "webdataset")
    with pytest.raises(DataError, match="--overwrite"):
        export(folder, tmp_path / "out", "parquet-embedded")
    export(folder, tmp_path / "out", "parquet-embedded", overwrite=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"data", "README.md", "croissant.json"}
    export(folder, tmp_path / "out", "webdataset", overwrite=True)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".tar"}


def test_a_readme_of_somebody_else_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("my project")
    with pytest.raises(DataError, match="not empty"):
        export(folder, out, "parquet-embedded", overwrite=True)
    assert (out / "README.md").read_text() == "my project"


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


@pytest.mark.parametrize("form", ["webdataset", "parquet-embedded"])
def test_a_crop_that_is_a_link_to_another_place_is_not_given_away(folder: Path, tmp_path: Path, form: str) -> None:
    """Even where its hash is the table's: whoever made the table may know the file, and the reader is who has it."""
    secret = (folder / "guide1.png").rename(tmp_path / "secret.png")
    (folder / "guide1.png").symlink_to(secret)
    with pytest.raises(DataError, match=r"guide1\.png is a link that leaves"):
        export(folder, tmp_path / "out", form)


def test_a_crop_with_other_bytes_is_not_exported(folder: Path, tmp_path: Path) -> None:
    (folder / "guide1.png").write_bytes((folder / "guide0.png").read_bytes())
    with pytest.raises(DataError, match="other bytes than its table says"):
        export(folder, tmp_path / "out", "webdataset")
