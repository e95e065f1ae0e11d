"""Pairs that are given: read as their authors wrote them, one person a photograph, one split a person."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.sources.layouts import left_out, list_identities
from gfr_data.sources.options import parse_source, with_columns, with_tables
from gfr_data.sources.source import Identity, Source
from manifests import ConfigError, DataError
from tests.gfr_data.packing import pack

REF_LDM = """gt_image,lq_image,ref_image
00001.png,lq/00001.png,"['00002.png', '00003.png']"
00002.png,lq/00002.png,"['00001.png']"
sub/00009.png,lq/00009.png,['sub/00010.png']
"""


def mapped(root: Path, *tables: Path) -> Source:
    (source,) = with_tables([parse_source(f"mapping:ffhq={root}")], [str(table) for table in tables])
    return source


def told(source: Source) -> dict[str, tuple[str, dict[str, tuple[str, ...]]]]:
    """Each identity with its split and the references of its targets."""

    def targets(one: Identity) -> dict[str, tuple[str, ...]]:
        return {path: own for path, own in zip(one.paths, one.references, strict=True) if own}

    return {one.name: (one.subset, targets(one)) for one in list_identities(source)}


def test_files_of_ref_ldm_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    lists = tmp_path / "file_list"
    lists.mkdir()
    (lists / "train_references_arcface0-04.csv").write_text(REF_LDM)
    (lists / "test_references.csv").write_text("gt_image,ref_image\n7.png,\"['8.png', '7.png']\"\n")
    (lists / "val.csv").write_text("gt_image,ref_image\n5.png,\"['6.png']\"\n")
    source = mapped(tmp_path / "images", *sorted(lists.iterdir()))
    assert told(source) == {
        "00001.png": ("train", {"00001.png": ("00002.png", "00003.png"), "00002.png": ("00001.png",)}),
        "sub/00009.png": ("train", {"sub/00009.png": ("sub/00010.png",)}),
        "5.png": ("val", {"5.png": ("6.png",)}),
        "7.png": ("test", {"7.png": ("8.png",)}),  # nobody guides himself
    }
    assert all(one.person == f"ffhq:{one.name}" for one in list_identities(source))


def test_identity_and_split_may_be_columns_and_columns_may_be_called_otherwise(tmp_path: Path) -> None:
    table = pa.table({"photo": ["a.jpg", "b.jpg"], "guides": [["b.jpg"], ["a.jpg", "c.jpg"]], "who": ["Ada", "Ada"]})
    pq.write_table(table.append_column("part", pa.array(["Valid", "validation"])), tmp_path / "pairs.parquet")
    source = parse_source(f"mapping={tmp_path / 'pairs.parquet'}")
    with pytest.raises(DataError, match=r"no column 'target', but photo, guides, who, part; .*--columns target=NAME"):
        list(list_identities(source))
    (source,) = with_columns([source], ["target=photo,references=guides,identity=who,split=part"])
    assert told(source) == {"Ada": ("val", {"a.jpg": ("b.jpg",), "b.jpg": ("a.jpg", "c.jpg")})}
    assert [one.person for one in list_identities(source)] == ["ada"]


def test_a_person_in_two_splits_stays_in_the_first_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("target,references,split\n1.jpg,2.jpg,test\n2.jpg,3.jpg,train\n8.jpg,9.jpg,test\n")
    source = parse_source(f"mapping={tmp_path}")
    assert told(source) == {"1.jpg": ("train", {"2.jpg": ("3.jpg",)}), "8.jpg": ("test", {"8.jpg": ("9.jpg",)})}
    assert "in an earlier split: 1 targets" in left_out(source)


def test_a_photograph_of_two_persons_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("target,references,identity\n1.jpg,2.jpg,Ada\n3.jpg,2.jpg,Bo\n")
    with pytest.raises(DataError, match=r"2.jpg is of 'Ada' in .*p.csv, row 1, and of 'Bo' in .*p.csv, row 2"):
        list(list_identities(parse_source(f"mapping={tmp_path}")))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("../1.jpg,2.jpg", "leaves"),
        ("1.jpg,/etc/2.jpg", "is absolute"),
        (",2.jpg", "is empty"),
        ("1.jpg,[2.jpg", "no list of paths"),
        ("1.jpg,\"[__import__('os')]\"", "no list of paths"),
        ('1.jpg,"[7]"', "row 1: 7 is empty"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "p.csv").write_text(f"target,references\n{row}\n")
    with pytest.raises(DataError, match=rf"p\.csv, row 1: .*{said}|{said}"):
        list(list_identities(parse_source(f"mapping={tmp_path}")))


def test_photographs_of_a_mapping_may_lie_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(b"1")
    (tmp_path / "p.csv").write_text("target,references\n1.jpg,2.jpg\n")
    archive = pack(tmp_path / "images", tmp_path / "images.tar")
    (one,) = list_identities(mapped(archive, tmp_path / "p.csv"))
    assert [part.form for part in one.parts if part] == ["stored", "!No such file in the archive"]


def test_options_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    source = parse_source(f"mapping={tmp_path}")
    with pytest.raises(DataError, match="no table of pairs"):
        list(list_identities(source))
    with pytest.raises(DataError, match=r"--mapping none\.csv is no file"):
        with_tables([source], ["none.csv"])
    with pytest.raises(ConfigError, match="no source has the layout mapping"):
        with_tables([parse_source(f"folder={tmp_path}")], ["none.csv"])


NAMES = st.sampled_from([f"{n}.jpg" for n in range(9)])
ROWS = st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=3), st.sampled_from(["train", "val", "test"])), min_size=1)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_every_photograph_has_one_person_whatever_is_given(rows, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("root")
    targets, references, splits = map(list, zip(*rows, strict=True))
    lists = pa.array(references, pa.list_(pa.string()))
    pq.write_table(pa.table({"target": targets, "references": lists, "split": splits}), root / "p.parquet")
    people = list(list_identities(parse_source(f"mapping={root}")))
    photographs = [path for one in people for path in one.paths]
    assert len(photographs) == len(set(photographs))
    whose = {path: (one.name, one.subset) for one in people for path in one.paths}
    for one in people:
        for path, own in zip(one.paths, one.references, strict=True):
            assert path not in own
            assert {whose[other] for other in own} <= {whose[path]}
