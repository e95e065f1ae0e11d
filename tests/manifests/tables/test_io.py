"""Tables keep their contract: what is written can be read back, and what breaks the contract is refused by name."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests import (
    DEGRADED,
    FACES,
    PAIRS,
    PAIRS_FILE,
    SCHEMA_VERSION,
    SCORES,
    DataError,
    provenance,
    read_provenance,
    read_table,
    to_table,
    unsafe_path,
    validate_dataset,
    write_table,
)
from manifests.tables import io
from manifests.tables.io import VERSION_KEY
from manifests.tables.parts import read_parts, read_rows, regrouped

MADE_BY = provenance("test", {"seed": 1})


def pair(number: int = 0, **changes: object) -> dict[str, object]:
    landmarks = np.arange(136, dtype=np.float32).tolist()
    row: dict[str, object] = {name: f"{name}-{number}" for name in PAIRS.names if PAIRS.field(name).type == pa.string()}
    row |= {name: 0.5 for name in PAIRS.names if PAIRS.field(name).type == pa.float32()}
    row |= {"target_landmarks": landmarks, "guide_landmarks": landmarks, "split": "train"}
    return row | changes


def test_a_table_reads_back_as_it_was_written(tmp_path: Path) -> None:
    table = to_table([pair(0), pair(1)], PAIRS)
    write_table(tmp_path / "pairs.parquet", table, PAIRS, MADE_BY)
    assert read_table(tmp_path / "pairs.parquet", PAIRS).to_pylist() == table.to_pylist()
    assert read_provenance(tmp_path / "pairs.parquet") == MADE_BY


def test_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(20)]
    halves = pa.concat_tables([to_table(rows[:7], PAIRS), to_table(rows[7:], PAIRS)])
    write_table(tmp_path / "whole.parquet", to_table(rows, PAIRS), PAIRS, MADE_BY)
    write_table(tmp_path / "halves.parquet", halves, PAIRS, MADE_BY)
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "halves.parquet").read_bytes()


def test_additional_columns_survive(tmp_path: Path) -> None:
    table = to_table([pair()], PAIRS).append_column("note", pa.array(["mine"]))
    write_table(tmp_path / "pairs.parquet", table, PAIRS, MADE_BY)
    assert read_table(tmp_path / "pairs.parquet", PAIRS).column("note").to_pylist() == ["mine"]


@pytest.mark.parametrize("columns", [None, ["method", "psnr_face"]])
def test_a_table_of_before_a_column_was_added_is_read_without_it(tmp_path: Path, columns: list[str] | None) -> None:
    row: dict[str, object] = dict.fromkeys(SCORES.names)
    row |= {f.name: {pa.string(): "x", pa.float32(): 0.5}.get(f.type, 0) for f in SCORES if not f.nullable}
    file = tmp_path / "scores.parquet"
    write_table(file, to_table([row], SCORES).append_column("note", pa.array(["mine"])), SCORES, MADE_BY)
    pq.write_table(pq.read_table(file).drop_columns(["psnr_face", "ssim_face"]), file)
    found = read_table(file, SCORES, columns)
    assert found.column("psnr_face").to_pylist() == [None]
    assert found.schema.names == (columns or [*SCORES.names, "note"])
    pq.write_table(pq.read_table(file).drop_columns(["psnr"]), file)
    with pytest.raises(DataError, match="lacks the column psnr;"):
        read_table(file, SCORES)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.png", "a/../../b.png", "C:/x.png", "a\\b.png", ""])
def test_a_path_that_leaves_the_folder_is_refused_with_its_row_and_column(path: str, tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    good = to_table([pair(0), pair(1)], PAIRS)
    bad = to_table([pair(0), pair(1, target_path=path)], PAIRS)
    with pytest.raises(DataError, match="row 1, column target_path"):
        write_table(file, bad, PAIRS, MADE_BY)
    assert not file.exists()
    write_table(file, good, PAIRS, MADE_BY)
    pq.write_table(bad.replace_schema_metadata(pq.read_schema(file).metadata), file)  # as somebody else might
    with pytest.raises(DataError, match="row 1, column target_path"):
        read_table(file, PAIRS)


@given(st.lists(st.sampled_from(["a", "b c", "ü", "..x", "1.png"]), min_size=1, max_size=4))
def test_paths_below_the_folder_are_accepted(parts: list[str]) -> None:
    assert unsafe_path("/".join(parts)) is None


def test_a_missing_column_a_wrong_type_and_a_null_are_refused_by_name(tmp_path: Path) -> None:
    file, table = tmp_path / "pairs.parquet", to_table([pair()], PAIRS)
    write_table(file, table, PAIRS, MADE_BY)
    stamp = pq.read_schema(file).metadata
    index = table.schema.get_field_index("split")
    cases = {
        "lacks the column split": table.drop_columns(["split"]),
        "column split has type int64": table.set_column(index, "split", pa.array([1])),
        "row 0, column split: has no value": table.set_column(index, "split", pa.array([None], pa.string())),
    }
    for message, broken in cases.items():
        pq.write_table(broken.replace_schema_metadata(stamp), file)
        with pytest.raises(DataError, match=message):
            read_table(file, PAIRS)


def test_another_schema_version_a_foreign_table_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    with pytest.raises(DataError, match="does not exist"):
        read_table(file, PAIRS)
    table = to_table([pair()], PAIRS)
    pq.write_table(table, file)
    with pytest.raises(DataError, match="not written by this project"):
        read_table(file, PAIRS)
    pq.write_table(table.replace_schema_metadata({"gfr.schema_version": "99"}), file)
    with pytest.raises(DataError, match="schema version 99"):
        read_table(file, PAIRS)
    file.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_table(file, PAIRS)


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_landmarks_that_are_not_finite_are_refused_with_their_row_and_column(value: float, tmp_path: Path) -> None:
    rows = [pair(number) for number in range(3)]
    rows[1]["guide_landmarks"] = [1.0] * 135 + [value]
    table = to_table(rows, PAIRS)
    with pytest.raises(DataError, match=r"row 1, column guide_landmarks: has landmarks that are not finite"):
        write_table(tmp_path / PAIRS_FILE, table, PAIRS, provenance("test", {}))
    stamped = table.replace_schema_metadata({VERSION_KEY: str(SCHEMA_VERSION).encode()})
    pq.write_table(stamped, tmp_path / PAIRS_FILE)  # by another program
    with pytest.raises(DataError, match=r"row 1, column guide_landmarks"):
        read_table(tmp_path / PAIRS_FILE, PAIRS)
    assert read_table(tmp_path / PAIRS_FILE, PAIRS, ["target_landmarks"]).num_rows == 3
    assert "row 1, column guide_landmarks" in validate_dataset(tmp_path)[0]


def test_an_interrupted_write_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pairs.parquet"
    write_table(file, to_table([pair()], PAIRS), PAIRS, MADE_BY)
    before = file.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full_disk)
    with pytest.raises(DataError, match="No space left on device"):
        write_table(file, to_table([pair(1)], PAIRS), PAIRS, MADE_BY)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.parquet"]


@pytest.mark.parametrize("schema", [FACES, PAIRS, DEGRADED, SCORES])
def test_every_column_is_described_and_geometry_has_a_unit(schema: pa.Schema) -> None:
    for column in schema:
        assert column.metadata[b"description"], column.name
        if column.name in {"width", "height", "box"} or column.name.endswith(("yaw", "pitch", "roll", "landmarks")):
            assert column.metadata[b"unit"], column.name


@pytest.mark.parametrize("columns", [None, ["pair_id", "split", "target_landmarks"]])
def test_no_bit_of_a_table_changes_unnoticed(tmp_path: Path, columns: list[str] | None) -> None:
    """Neither one that is a value, nor one of the footer, which Parquet itself does not check, nor one of the seal."""
    generator = np.random.default_rng(0)
    rows = [pair(n, target_landmarks=generator.uniform(0, 255, 136).astype(np.float32).tolist()) for n in range(40)]
    file = tmp_path / "pairs.parquet"
    write_table(file, to_table(rows, PAIRS), PAIRS, MADE_BY)
    content = file.read_bytes()
    sealed = content.index(b"gfr.seal")
    places = [*generator.integers(0, len(content), 100), *range(sealed, sealed + 60, 3), len(content) - 8]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << generator.integers(8)
        file.write_bytes(damaged)
        with pytest.raises(DataError):
            read_table(file, PAIRS, columns)
    file.write_bytes(content)
    assert read_table(file, PAIRS, columns).num_rows == 40


def test_a_table_that_another_program_wrote_anew_is_read(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    write_table(file, to_table([pair(0), pair(1)], PAIRS), PAIRS, MADE_BY)
    pq.write_table(pq.read_table(file).slice(1), file)
    assert read_table(file, PAIRS)["pair_id"].to_pylist() == ["pair_id-1"]


@pytest.mark.parametrize("split", ["../../x", "/tmp/x", "a/b", ".hidden", "", "x" * 101, "a\nb", "a\0b"])
def test_a_split_that_could_not_name_a_file_is_refused(split: str, tmp_path: Path) -> None:
    """Exports are called by it: `../../x` would be written outside the folder that the user named."""
    file = tmp_path / "pairs.parquet"
    bad = to_table([pair(0), pair(1, split=split)], PAIRS)
    with pytest.raises(DataError, match="row 1, column split"):
        write_table(file, bad, PAIRS, MADE_BY)
    write_table(file, to_table([pair(0)], PAIRS), PAIRS, MADE_BY)
    pq.write_table(bad.replace_schema_metadata(pq.read_schema(file).metadata), file)
    with pytest.raises(DataError, match="row 1, column split"):
        read_table(file, PAIRS)


def test_two_pairs_of_one_name_are_refused_by_their_rows(tmp_path: Path) -> None:
    """All observations of both would be written to one file."""
    file = tmp_path / "pairs.parquet"
    bad = to_table([pair(0), pair(1), pair(0)], PAIRS)
    with pytest.raises(DataError, match="rows 0 and 2 have the same pair_id: pair_id-0"):
        write_table(file, bad, PAIRS, MADE_BY)
    write_table(file, to_table([pair(0)], PAIRS), PAIRS, MADE_BY)
    pq.write_table(bad.replace_schema_metadata(pq.read_schema(file).metadata), file)
    with pytest.raises(DataError, match="rows 0 and 2 have the same pair_id"):
        read_table(file, PAIRS, ["pair_id", "split"])
    assert read_table(file, PAIRS, repeats=True).num_rows == 3


def test_a_table_is_read_in_parts_that_count_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    table = to_table([pair(number) for number in range(5)], PAIRS)
    io.write_parts(path, [table], PAIRS, MADE_BY, group=2)
    parts = list(read_parts(path, PAIRS))
    assert [(first, part.num_rows) for first, part in parts] == [(0, 2), (2, 2), (4, 1)]
    assert pa.concat_tables([part for _, part in parts]).equals(read_table(path, PAIRS))
    stamp = pq.read_schema(path).metadata
    bad = to_table([pair(n, target_path="../x" if n == 3 else "x") for n in range(5)], PAIRS)
    pq.write_table(bad.replace_schema_metadata(stamp), path, row_group_size=2)  # as only somebody else would
    with pytest.raises(DataError, match="row 3, column target_path"):
        list(read_parts(path, PAIRS))


def test_some_rows_are_those_of_the_table_in_the_order_that_was_asked(tmp_path):
    path = tmp_path / PAIRS_FILE
    io.write_parts(path, [to_table([pair(number) for number in range(7)], PAIRS)], PAIRS, MADE_BY, group=2)
    whole = read_table(path, PAIRS)
    for rows in ([], [3], [6, 0, 5, 0]):
        assert read_rows(path, PAIRS, rows).to_pylist() == whole.take(pa.array(rows, pa.int64())).to_pylist()
    assert [first for first, _ in read_parts(path, PAIRS, ["split"], [3, 6])] == [2, 6]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 9])
def test_rows_that_are_grouped_anew_are_the_same_rows(size):
    table = to_table([pair(number) for number in range(7)], PAIRS)
    parts = list(regrouped([table.slice(0, 3), table.slice(3, 1), table.slice(4, 3)], size))
    assert pa.concat_tables(parts).equals(table)
    assert {part.num_rows for part in parts[:-1]} <= {size}
    assert 0 < parts[-1].num_rows <= size
