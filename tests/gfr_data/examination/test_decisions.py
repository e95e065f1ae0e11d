"""What a person decided is read as it stands, for the photograph that is named, or refused with its line."""

from pathlib import Path

import pytest

from gfr_data.examination.decisions import Decision, find_decided, read_decisions
from gfr_data.examination.index import write_index
from gfr_data.examination.work import Work
from gfr_data.sources.layouts import list_identities
from gfr_data.sources.options import parse_source
from gfr_data.sources.source import Source
from manifests import DataError, provenance
from tests.gfr_data.packing import pack

HEAD = "path,decision,why\n"


def indexed(tmp_path: Path, source: Source) -> Work:
    work = Work(tmp_path / "work", provenance("test", {}))
    write_index(work, ((0, one) for one in list_identities(source)), size=1)
    return work


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("ada/1.jpg", "ada/2.jpg", "bo/1.jpg", "bo/odd\\%41 name.jpg"):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).write_bytes(b"x")
    return tmp_path / "album"


def test_a_photograph_is_named_absolutely_or_from_the_files_folder_or_as_the_tables_have_it(
    album: Path, tmp_path: Path
) -> None:
    lines = ["album/ada/1.jpg,reject,not she", f"{album}/bo/1.jpg,guide,", f"{album}/bo/odd%5C%41 name.jpg,keep,fine"]
    (tmp_path / "d.csv").write_text(HEAD + "\n".join(lines) + "\n")
    source = parse_source(f"folder={album}")
    assert find_decided(indexed(tmp_path, source), (source,), tmp_path / "d.csv") == {
        0: {0: Decision("reject", "not she")},
        1: {0: Decision("guide", ""), 1: Decision("keep", "fine")},
    }


def test_a_photograph_inside_a_file_is_named_as_if_that_were_a_folder(album: Path, tmp_path: Path) -> None:
    source = parse_source(f"folder={pack(album, tmp_path / 'album.tar')}")
    (tmp_path / "d.csv").write_text(f"{HEAD}album.tar/ada/2.jpg,keep,\n")
    found = find_decided(indexed(tmp_path, source), (source,), tmp_path / "d.csv")
    assert found == {0: {1: Decision("keep", "")}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,decision\n", "lacks the column 'path'"),
        (f"{HEAD}a.jpg,maybe,\n", "line 2: 'maybe' for 'a.jpg' is none of keep, reject, guide"),
        (f"{HEAD}a.jpg\n", "line 2: '' for"),
        (f"{HEAD}a.jpg,keep,\na.jpg,reject,\n", "line 3: a.jpg has another decision above"),
        (b"\xff\xfe\x00", "cannot read the decisions"),
        (None, "cannot read the decisions .*No such file"),
    ],
)
def test_a_file_that_decides_nothing_clear_is_refused(tmp_path: Path, text: str | bytes | None, said: str) -> None:
    if text is not None:
        (tmp_path / "d.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=said):
        read_decisions(tmp_path / "d.csv")


def test_a_decision_about_nothing_is_an_error_and_not_silence(album: Path, tmp_path: Path) -> None:
    source = parse_source(f"folder={album}")
    (tmp_path / "d.csv").write_text(f"{HEAD}album/ada/1.jpg,keep,\nada/9.jpg,keep,\n")
    with pytest.raises(DataError, match=r"about 1 that are no photographs of the sources: ada/9.jpg"):
        find_decided(indexed(tmp_path, source), (source,), tmp_path / "d.csv")
