"""A dataset in a file is the dataset in a folder: the same people, the same names, the same bytes."""

import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfr_data.sources.layouts import left_out, list_identities
from gfr_data.sources.options import parse_source
from gfr_data.sources.parts import read_bytes
from gfr_data.sources.source import Identity, Source
from manifests import DataError
from tests.gfr_data.packing import ARCHIVES, add, pack

NAMES = st.sampled_from(["a", "a-b", "a.b", "b", "B", "é", "0", "%5C", "a b", ".h", "__x"])
TREES = st.dictionaries(st.tuples(NAMES, NAMES) | st.tuples(NAMES, NAMES, NAMES), st.binary(max_size=9), min_size=1)


def people(source: Source) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.name, one.person, one.paths) for one in list_identities(source)]


def contents(source: Source, identity: Identity) -> list[bytes]:
    return [read_bytes(source.root, name, part, 100) for name, part in zip(identity.paths, identity.parts, strict=True)]


@pytest.mark.parametrize("suffix", ARCHIVES)
@settings(deadline=None, max_examples=40)
@given(tree=TREES)
def test_an_archive_is_read_as_the_folder_that_it_was_packed_of(
    suffix: str, tree: dict[tuple[str, ...], bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    room = tmp_path_factory.mktemp("room")
    for parts, content in tree.items():
        path = room / "all" / "/".join([*parts[:-1], parts[-1] + ".jpg"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    archive = pack(room / "all", room / f"all{suffix}")
    folder, file = parse_source(f"folder={room / 'all'}"), parse_source(f"folder={archive}")
    if not any(not parts[0].startswith(".") for parts in tree):
        with pytest.raises(DataError, match="expected <Person>"):
            people(file)
        return
    assert people(file) == people(folder)
    for one, other in zip(list_identities(file), list_identities(folder), strict=True):
        assert contents(file, one) == contents(folder, other)
        assert all(part is not None for part in one.parts)


@pytest.mark.parametrize("suffix", ARCHIVES)
def test_other_layouts_find_their_lists_in_the_archive(tmp_path: Path, suffix: str) -> None:
    room = tmp_path / "celeba"
    (room / "Img" / "img_celeba").mkdir(parents=True)
    (room / "Anno").mkdir()
    (room / "Img" / "img_celeba" / "000001.jpg").write_bytes(b"1")
    (room / "Anno" / "identity_CelebA.txt").write_text("000001.jpg 12\n")
    (room / "Anno" / "list_bbox_celeba.txt").write_text("1\nimage_id x_1 y_1 width height\n000001.jpg 95 71 226 313\n")
    (one,) = list_identities(parse_source(f"celeba={pack(room, tmp_path / ('c' + suffix))}"))
    assert (one.name, one.paths, one.boxes) == ("12", ("Img/img_celeba/000001.jpg",), ((95.0, 71.0, 321.0, 384.0),))
    room = tmp_path / "vgg"
    (room / "train" / "n1").mkdir(parents=True)
    (room / "bb_landmark").mkdir()
    (room / "train" / "n1" / "0001_01.jpg").write_bytes(b"1")
    (room / "bb_landmark" / "loose_bb_train.csv").write_text('NAME_ID,X,Y,W,H\n"n1/0001_01",10,20,30,40\n')
    (one,) = list_identities(parse_source(f"vggface2={pack(room, tmp_path / ('v' + suffix))}"))
    assert (one.subset, one.boxes) == ("train", ((10.0, 20.0, 40.0, 60.0),))


def test_a_folder_of_archives_is_their_trees_together(tmp_path: Path) -> None:
    for name, person in (("0.tar", "ada"), ("1.zip", "ada"), ("2.tar", "bo")):
        (tmp_path / name / person).mkdir(parents=True)
        (tmp_path / name / person / "1.jpg").write_bytes(name.encode())
        pack(tmp_path / name, tmp_path / "all" / name)
    (tmp_path / "all" / "README.md").write_text("what it is")
    source = parse_source(f"folder={tmp_path / 'all'}")
    ada, bo = list_identities(source)
    assert (ada.paths, bo.paths) == (("0.tar/ada/1.jpg", "1.zip/ada/1.jpg"), ("2.tar/bo/1.jpg",))
    assert contents(source, ada) == [b"0.tar", b"1.zip"]
    assert [one.name for one in list_identities(parse_source(f"folder={tmp_path / 'all'}/*.zip"))] == ["ada"]


def test_an_archive_beside_what_was_unpacked_of_it_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "lfw" / "Ada").mkdir(parents=True)
    (tmp_path / "lfw" / "Ada" / "1.jpg").write_bytes(b"1")
    pack(tmp_path / "lfw", tmp_path / "lfw.zip")
    (one,) = list_identities(parse_source(f"lfw={tmp_path}"))
    assert one.paths == ("lfw/Ada/1.jpg",)


def test_a_tar_is_read_as_tar_unpacks_it_later_members_and_links(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        add(file, "ada/1.jpg", b"old")
        add(file, "ada/1.jpg", b"new")
        for name, kind, aim in (
            ("ada/hard.jpg", tarfile.LNKTYPE, "ada/1.jpg"),
            ("ada/soft.jpg", tarfile.SYMTYPE, "../ada/hard.jpg"),
            ("ada/nowhere.jpg", tarfile.SYMTYPE, "../../etc/passwd"),
            ("ada/circle.jpg", tarfile.SYMTYPE, "circle.jpg"),
            ("ada/pipe.jpg", tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, aim
            file.addfile(entry)
    source = parse_source(f"folder={tmp_path / 'a.tar'}")
    (ada,) = list_identities(source)
    places = dict(zip(ada.paths, ada.parts, strict=True))
    for name in ("ada/1.jpg", "ada/hard.jpg", "ada/soft.jpg"):
        assert read_bytes(source.root, name, places.pop(name), 10) == b"new"
    for name, part in places.items():  # rows all the same: nothing is dropped silently
        with pytest.raises(OSError, match=r"link to what is no file|no regular file"):
            read_bytes(source.root, name, part, 10)


def test_a_zip_member_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("ada/1.jpg", b"x" * 50, zipfile.ZIP_BZIP2)
        file.writestr("ada/2.jpg", b"x" * 5000, zipfile.ZIP_DEFLATED)
    source = parse_source(f"folder={tmp_path / 'a.zip'}")
    (ada,) = list_identities(source)
    with pytest.raises(OSError, match="zip -0"):
        read_bytes(source.root, *next(zip(ada.paths, ada.parts, strict=True)), 100)
    with pytest.raises(OSError, match="larger than"):  # however little of it lies there
        read_bytes(source.root, ada.paths[1], ada.parts[1], 100)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for at in (content.find(b"PK\1\2") + 8, content.rfind(b"PK\1\2") + 8):
        content[at] |= 1  # encrypted, says the directory
    (tmp_path / "b.zip").write_bytes(content)
    source = parse_source(f"folder={tmp_path / 'b.zip'}")
    (ada,) = list_identities(source)
    with pytest.raises(OSError, match="encrypted"):
        read_bytes(source.root, ada.paths[0], ada.parts[0], 100)


@pytest.mark.parametrize("name", ["../x/1.jpg", "/etc/1.jpg", "a/../../1.jpg", "C:/1.jpg"])
@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_a_name_that_leaves_its_archive_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(zipfile.ZipInfo(name), b"x")
    else:
        with tarfile.open(path, "w") as file:
            add(file, name, b"x")
    with pytest.raises(DataError, match=r"holds '.*1\.jpg', which (is absolute|leaves)"):
        people(parse_source(f"folder={path}"))


@pytest.mark.parametrize("suffix", ARCHIVES)
def test_a_cut_archive_is_refused_whole_and_never_half_read(tmp_path: Path, suffix: str) -> None:
    for number in range(3):
        (tmp_path / "all" / f"p{number}").mkdir(parents=True)
        (tmp_path / "all" / f"p{number}" / "1.jpg").write_bytes(os.urandom(3000))
    whole = pack(tmp_path / "all", tmp_path / f"all{suffix}").read_bytes()
    for size in (0, 1, 600, len(whole) // 3, len(whole) // 2):
        (tmp_path / f"cut{suffix}").write_bytes(whole[:size])
        with pytest.raises(DataError, match="damaged or cut"):
            people(parse_source(f"folder={tmp_path / f'cut{suffix}'}"))


def test_a_damaged_header_amid_a_tar_does_not_end_it_silently(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        for number in range(4):
            add(file, f"p{number}/1.jpg", b"x" * 700)
    content = bytearray(stream.getvalue())
    content[content.find(b"p2/1.jpg") + 3] ^= 8
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match="neither a header nor"):
        people(parse_source(f"folder={tmp_path / 'a.tar'}"))


def test_a_changed_archive_is_never_read_at_the_old_places(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        add(file, "ada/1.jpg", b"1")
    source = parse_source(f"folder={tmp_path / 'a.tar'}")
    (ada,) = list_identities(source)
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        add(file, "bo/1.jpg", b"12")
        add(file, "bo/2.jpg", os.urandom(20_000))
    with pytest.raises(DataError, match="was changed or removed since it was indexed"):
        read_bytes(source.root, ada.paths[0], ada.parts[0], 10)


def test_what_lies_in_nobodys_folder_of_an_archive_is_said(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name in ("ada/1.jpg", "2.jpg", "notes.txt"):
            add(file, name, b"1")
    assert "no person's folder: 1 (2.jpg)" in left_out(parse_source(f"folder={tmp_path / 'a.tar'}"))


def test_a_tar_gz_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all" / "ada").mkdir(parents=True)
    pack(tmp_path / "all", tmp_path / "a.tar.gz")
    monkeypatch.setitem(sys.modules, "indexed_gzip", None)
    with pytest.raises(Exception, match=r"pip install 'gfrnet-toolkit\[gzip\]'"):
        people(parse_source(f"folder={tmp_path / 'a.tar.gz'}"))
