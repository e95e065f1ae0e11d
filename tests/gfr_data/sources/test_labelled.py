"""Labels and photographs of WebDataset's shards and of Parquet files belong together, wherever they lie."""

import json
import random
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfr_data.sources.layouts import left_out, list_identities
from gfr_data.sources.options import parse_source, with_columns
from gfr_data.sources.parts import read_bytes
from gfr_data.sources.source import Source
from manifests import ConfigError, DataError
from tests.gfr_data.packing import add, shard, tabulate


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three people with four 'photographs' that say who they show."""
    for person in ("Ada", "Bo", "Cy"):
        (tmp_path / "album" / person).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "album" / person / f"{person}_{number}.jpg").write_bytes(f"{person}{number}".encode() * 50)
    return tmp_path / "album"


def read_all(source: Source) -> dict[str, list[str]]:
    """Each identity with what its photographs say, read in an order that no file has."""
    known = [(one.name, *pair) for one in list_identities(source) for pair in zip(one.paths, one.parts, strict=True)]
    random.Random(1).shuffle(known)
    said: dict[str, list[str]] = {}
    for identity, name, part in known:
        said.setdefault(identity, []).append(read_bytes(source.root, name, part, 1000)[:4].decode().rstrip("AaBbCc"))
    return {identity: sorted(values) for identity, values in sorted(said.items())}


WANTED = {
    "Ada": ["Ada0", "Ada1", "Ada2", "Ada3"],
    "Bo": [f"Bo{n}" for n in range(4)],
    "Cy": [f"Cy{n}" for n in range(4)],
}


def test_samples_of_shards(album: Path, tmp_path: Path) -> None:
    source = parse_source(f"webdataset={shard(album, tmp_path / 'shards')}")
    assert read_all(source) == WANTED
    ada = next(list_identities(source))
    assert ada.paths == tuple(f"{n % 2:05d}.tar/Ada/Ada_{n}.jpg" for n in (0, 2, 1, 3))
    assert ada.person == "ada"
    assert len(list(list_identities(parse_source(f"webdataset={tmp_path / 'shards'}/*1.tar")))) == 3


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_rows_of_a_table(album: Path, tmp_path: Path, classes: bool, rows: int) -> None:
    source = parse_source(f"parquet={tabulate(album, tmp_path / 'table', rows, classes)}")
    if classes:
        (source,) = with_columns([source], ["identity=label"])
    assert read_all(source) == WANTED
    ada = next(list_identities(source))
    assert ada.paths[:2] == ("train-00000-of-00001.parquet/0/Ada_0.jpg", "train-00000-of-00001.parquet/1/Ada_2.jpg")


def test_bytes_alone_are_pictures_too_and_a_row_without_them_says_so(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([b"1", None, b"3"]), "identity": ["Ada", "Ada", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    source = parse_source(f"parquet={tmp_path / 'a.parquet'}")
    (ada,) = list_identities(source)
    assert ada.paths == ("0", "1")
    assert read_bytes(source.root, "0", ada.parts[0], 10) == b"1"
    with pytest.raises(OSError, match="no bytes"):
        read_bytes(source.root, "1", ada.parts[1], 10)
    assert "no label" in left_out(source)


def test_a_label_may_be_a_class_file_or_another_key(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        add(file, "0.jpg", b"1")
        add(file, "0.cls", b"7\n")
        add(file, "1.jpg", b"1")
        add(file, "1.json", json.dumps({"who": "Ada", "identity": "no"}).encode())
        add(file, "2.jpg", b"1")
    (source,) = with_columns([parse_source(f"webdataset={tmp_path / 'a.tar'}")], ["webdataset:identity=who"])
    assert [one.name for one in list_identities(source)] == ["7", "Ada"]
    assert "no label in" in left_out(source)
    assert ": 1 photographs" in left_out(source)


def test_a_sample_of_two_pictures_asks_which(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for kind, content in (("target.png", b"t"), ("guide.png", b"g"), ("json", b'{"identity": "Ada"}')):
            add(file, f"s/0.{kind}", content)
    source = parse_source(f"webdataset={tmp_path / 'a.tar'}")
    with pytest.raises(DataError, match=r"'s/0' has target.png, guide.png; say which: --columns image=NAME"):
        list(list_identities(source))
    (source,) = with_columns([source], ["image=target.png"])
    (ada,) = list_identities(source)
    assert read_bytes(source.root, ada.paths[0], ada.parts[0], 10) == b"t"


def test_a_missing_column_names_those_that_are_there(album: Path, tmp_path: Path) -> None:
    source = parse_source(f"parquet={tabulate(album, tmp_path / 'table')}")
    (other,) = with_columns([source], ["identity=label"])
    with pytest.raises(DataError, match=r"no column 'label', but image, identity; .*--columns identity=NAME"):
        list(list_identities(other))
    (other,) = with_columns([source], ["image=identity"])
    with pytest.raises(DataError, match="holds no pictures but string"):
        list(list_identities(other))
    (tmp_path / "table" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="damaged or no Parquet"):
        list(list_identities(source))


@pytest.mark.parametrize(
    ("text", "said"),
    [("image", "'image' is no ROLE=COLUMN"), ("person=x", "'person'"), ("mine:image=x", "is called 'mine'")],
)
def test_columns_that_cannot_be_used_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        with_columns([parse_source(f"parquet={tmp_path}")], [text])
    with pytest.raises(ConfigError, match="no source of"):
        with_columns([parse_source(f"folder={tmp_path}")], ["image=x"])
