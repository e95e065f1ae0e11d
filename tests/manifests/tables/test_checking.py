"""`validate_dataset` finds each way in which a folder can differ from its tables."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests import (
    FACES,
    PAIRS,
    PAIRS_FILE,
    DataError,
    hash_file,
    provenance,
    read_table,
    to_table,
    validate_dataset,
    write_parts,
    write_table,
)
from manifests.tables.schemas import MORE_GUIDES


def row(folder: Path, number: int, split: str, person: str) -> dict[str, object]:
    files = {}
    for role in ("target", "guide"):
        path = f"crops/{role}{number}.png"
        (folder / "crops").mkdir(exist_ok=True)
        (folder / path).write_bytes(f"{role} {number}".encode())
        files |= {f"{role}_path": path, f"{role}_hash": hash_file(folder / path)}
    values: dict[str, object] = {name: "x" for name in PAIRS.names if PAIRS.field(name).type == pa.string()}
    values |= {name: 0.0 for name in PAIRS.names if PAIRS.field(name).type == pa.float32()}
    values |= {"target_landmarks": [0.0] * 136, "guide_landmarks": [0.0] * 136}
    return values | files | {"pair_id": f"p{number}", "split": split, "person": person}


def save(folder: Path, rows: list[dict[str, object]]) -> None:
    write_table(folder / "pairs.parquet", to_table(rows, PAIRS), PAIRS, provenance("test", {}))


def test_a_sound_folder_has_no_problems(tmp_path: Path) -> None:
    save(tmp_path, [row(tmp_path, 0, "train", "ada"), row(tmp_path, 1, "val", "bob")])
    assert validate_dataset(tmp_path) == []


def test_a_person_in_two_splits_is_found(tmp_path: Path) -> None:
    save(tmp_path, [row(tmp_path, 0, "train", "ada"), row(tmp_path, 1, "val", "ada")])
    assert validate_dataset(tmp_path) == ["pairs.parquet: person 'ada' is in several splits: train, val"]


def test_a_photograph_in_two_splits_is_found(tmp_path: Path) -> None:
    first, second = row(tmp_path, 0, "train", "ada"), row(tmp_path, 1, "val", "bob")
    second |= {"guide_path": first["target_path"], "guide_hash": first["target_hash"]}
    save(tmp_path, [first, second])
    (problem,) = validate_dataset(tmp_path)
    assert "one photograph" in problem


def test_missing_and_changed_files_and_repeated_keys_are_found(tmp_path: Path) -> None:
    first, second = row(tmp_path, 0, "train", "ada"), row(tmp_path, 1, "train", "ada")
    save(tmp_path, [first, second])
    stamp = pq.read_schema(tmp_path / "pairs.parquet").metadata
    twice = to_table([first, second | {"pair_id": "p0"}], PAIRS).replace_schema_metadata(stamp)
    pq.write_table(twice, tmp_path / "pairs.parquet")  # as only somebody else would
    (tmp_path / "crops/target0.png").unlink()
    (tmp_path / "crops/guide1.png").write_bytes(b"other")
    problems = "\n".join(validate_dataset(tmp_path))
    assert "crops/target0.png is missing" in problems
    assert "crops/guide1.png has other bytes" in problems
    assert "rows 0 and 1 have the same pair_id" in problems


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds none of"):
        validate_dataset(tmp_path)


def test_damage_to_a_part_that_no_table_names_is_found(tmp_path: Path) -> None:
    """Shards and parts of scores: a command would go on from them."""
    save(tmp_path, [row(tmp_path, 0, "train", "ada")])
    part = tmp_path / "work" / "00000.parquet"
    write_table(part, to_table([row(tmp_path, 1, "val", "bob")], PAIRS), PAIRS, provenance("test", {}))
    assert validate_dataset(tmp_path) == []
    content = bytearray(part.read_bytes())
    content[content.index(b"gfr.version")] ^= 1
    part.write_bytes(content)
    assert validate_dataset(tmp_path) == ["work/00000.parquet has other bytes than when it was written"]


def test_further_guides_are_files_like_all_others(tiny_pairs: Path, tmp_path: Path) -> None:
    """Missing, of other bytes, in another split, or lists of two lengths: each is said."""
    table = read_table(tiny_pairs / PAIRS_FILE, PAIRS)
    paths, digests = (table[f"target_{name}"].to_pylist() for name in ("path", "hash"))
    shutil.copytree(tiny_pairs, tmp_path / "pairs")

    def problems(more: list[tuple[str, str]], points: int) -> list[str]:
        rows = table.to_pylist()
        rows[0] |= {f"{MORE_GUIDES}_{name}": [] for name in ("yaw", "pitch", "roll", "quality", "source_path")}
        rows[0] |= {f"{MORE_GUIDES}_path": [p for p, _ in more], f"{MORE_GUIDES}_hash": [d for _, d in more]}
        rows[0] |= {f"{MORE_GUIDES}_landmarks": [0.5] * points}
        for name in ("yaw", "pitch", "roll", "quality", "source_path"):
            rows[0][f"{MORE_GUIDES}_{name}"] = ["x"] * len(more) if name == "source_path" else [0.0] * len(more)
        write_table(tmp_path / "pairs" / PAIRS_FILE, to_table(rows, PAIRS), PAIRS, provenance("test", {}))
        return validate_dataset(tmp_path / "pairs")

    assert problems([(paths[1], digests[1]), (paths[2], digests[2])], 2 * 136) == []
    assert any("has other bytes" in one or "two different" in one for one in problems([(paths[1], digests[2])], 136))
    assert any("crops/none.png is missing" in one for one in problems([("crops/none.png", "0" * 32)], 136))
    assert any("is in several splits" in one for one in problems([(paths[-1], digests[-1])], 136))
    assert any("not one length" in one for one in problems([(paths[1], digests[1])], 2 * 136))
    with pytest.raises(DataError, match="leaves the table's folder"):
        problems([("../x.png", "0" * 32)], 136)


def test_a_face_is_named_by_its_row_whatever_part_it_is_read_in(tmp_path: Path) -> None:
    names = ("dataset", "subset", "identity", "person")
    rows = [dict.fromkeys(names, "x") | {"source_path": f"{n}.jpg", "status": "spare"} for n in range(5)]
    rows[3] |= {"status": "rejected", "reason": "ugly"}
    rows[4] |= {"source_path": "1.jpg"}
    parts = (to_table(rows[at : at + 2], FACES) for at in (0, 2, 4))
    write_parts(tmp_path / "faces.parquet", parts, FACES, provenance("test", {}))
    assert validate_dataset(tmp_path) == [
        "faces.parquet: rows 1 and 4 have the same dataset, source_path: ('x', '1.jpg')",
        "faces.parquet: row 3: rejected without a known reason ('ugly')",
    ]
