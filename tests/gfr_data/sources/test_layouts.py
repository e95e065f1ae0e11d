"""Each layout's tree is indexed as it is documented, in an order that does not depend on the disk."""

from pathlib import Path

import pytest

from gfr_data.sources.layouts import LAYOUTS, left_out, list_identities
from gfr_data.sources.options import parse_source
from gfr_data.sources.source import Identity, Source
from manifests import ConfigError, DataError


def tree(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def listed(layout: str, root: Path, limit: int | None = None) -> list[Identity]:
    return list(list_identities(Source(layout, str(root), layout), limit))


def test_vggface2_with_names_and_boxes(tmp_path) -> None:
    tree(tmp_path, "train/n000002/0002_01.jpg", "train/n000002/0001_01.jpg", "test/n000001/0001_01.jpg")
    tree(tmp_path, "meta/identity_meta.csv", "bb_landmark/loose_bb_train.csv")
    (tmp_path / "meta/identity_meta.csv").write_text('Class_ID, Name\nn000002, "Ana_Ruiz"\n')
    (tmp_path / "bb_landmark/loose_bb_train.csv").write_text(
        'NAME_ID,X,Y,W,H\n"n000009/0001_01",1,2,3,4\n"n000002/0001_01",10,20,30,40\n"n000002/0002_01",a,b,c,d\n'
    )
    train, test = listed("vggface2", tmp_path)
    assert train.paths == ("train/n000002/0001_01.jpg", "train/n000002/0002_01.jpg")
    assert train.boxes == ((10.0, 20.0, 40.0, 60.0), None)
    assert (train.subset, train.person) == ("train", "ana ruiz")
    assert (test.subset, test.person, test.boxes) == ("test", "vggface2:n000001", (None,))


def test_casia_webface_with_names(tmp_path) -> None:
    tree(tmp_path, "0000045/002.jpg", "0000045/001.jpg", "0000099/001.jpg", "names.txt")
    (tmp_path / "names.txt").write_text("0000045 Sherilyn_Fenn\n")
    first, second = listed("casia-webface", tmp_path)
    assert (first.name, first.person, first.paths) == (
        "0000045",
        "fenn sherilyn",
        ("0000045/001.jpg", "0000045/002.jpg"),
    )
    assert second.person == "casia-webface:0000099"


@pytest.mark.parametrize("inner", ["", "lfw/", "lfw_funneled/", "lfw-deepfunneled/"])
def test_lfw_in_every_archive(tmp_path, inner: str) -> None:
    tree(tmp_path, f"{inner}Aaron_Eckhart/Aaron_Eckhart_0001.jpg")
    (identity,) = listed("lfw", tmp_path)
    assert identity.person == "aaron eckhart"
    assert identity.paths == (f"{inner}Aaron_Eckhart/Aaron_Eckhart_0001.jpg",)


def test_celeba_groups_by_its_list_and_takes_only_what_is_there(tmp_path) -> None:
    tree(tmp_path, "Img/img_celeba/000001.jpg", "Img/img_celeba/000003.jpg", "Anno/list_bbox_celeba.txt")
    (tmp_path / "Anno/identity_CelebA.txt").write_text("000001.jpg 12\n000002.jpg 12\n000003.jpg 7\n")
    (tmp_path / "Anno/list_bbox_celeba.txt").write_text("3\nimage_id x_1 y_1 width height\n000001.jpg 95 71 226 313\n")
    first, second = listed("celeba", tmp_path)
    assert (first.name, first.person, first.paths) == ("7", "celeba:7", ("Img/img_celeba/000003.jpg",))
    assert (second.paths, second.boxes) == (("Img/img_celeba/000001.jpg",), ((95.0, 71.0, 321.0, 384.0),))


def test_folder_takes_everything_below_a_person_but_hidden_files(tmp_path) -> None:
    tree(
        tmp_path,
        "Zoe/b.jpg",
        "Zoe/2019/a.png",
        "Zoe/.DS_Store",
        "Zoe/Thumbs.db",
        "Ann/x.webp",
        ".trash/y.jpg",
        "note.txt",
    )
    first, second = listed("folder", tmp_path)
    assert (first.name, first.paths) == ("Ann", ("Ann/x.webp",))
    assert second.paths == ("Zoe/2019/a.png", "Zoe/b.jpg")


def test_linked_photograph_counts_and_linked_folder_is_not_walked_into(tmp_path) -> None:
    tree(tmp_path, "Ann/x.jpg")
    (tmp_path / "Ann" / "linked.jpg").symlink_to(tmp_path / "Ann" / "x.jpg")
    (tmp_path / "Ann" / "up").mkdir()
    (tmp_path / "Ann" / "up" / "loop").symlink_to(tmp_path / "Ann")
    (identity,) = listed("folder", tmp_path)
    assert "Ann/linked.jpg" in identity.paths
    assert len(identity.paths) == 3  # the link to a folder is a row too: nothing is dropped silently


def test_limit_takes_the_first_identities_of_each_subset(tmp_path) -> None:
    tree(tmp_path, *(f"{subset}/n{number}/1.jpg" for subset in ("train", "test") for number in range(4)))
    found = listed("vggface2", tmp_path, limit=2)
    assert [(identity.subset, identity.name) for identity in found] == [
        ("train", "n0"),
        ("train", "n1"),
        ("test", "n0"),
        ("test", "n1"),
    ]


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_wrong_tree_says_what_was_expected(tmp_path, layout: str) -> None:
    with pytest.raises(DataError, match=r"expected .*\.jpg|holds no file that ends with|no table of pairs"):
        listed(layout, tmp_path)


def test_source_option_is_read(tmp_path) -> None:
    assert parse_source(f"folder={tmp_path}") == Source("folder", str(tmp_path.resolve()), "folder")
    assert parse_source(f"folder:celebref={tmp_path}").dataset == "celebref"


@pytest.mark.parametrize("text", ["vggface2", "=x", "folder:a b=/", "folder="])
def test_wrong_source_option_says_what_is_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="--source"):
        parse_source(text)


def test_unknown_layout_names_the_known_ones() -> None:
    with pytest.raises(DataError, match="vggface2, casia-webface"):
        parse_source("vgg=/")


def test_missing_root_is_an_error_of_data(tmp_path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        parse_source(f"lfw={tmp_path / 'nowhere'}")


def test_photographs_in_nobodys_folder_are_named(tmp_path):
    (tmp_path / "Ada").mkdir()
    for name in ("Ada/1.jpg", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"x")
    source = Source("folder", str(tmp_path), "folder")
    assert left_out(source) == ""
    for number in range(7):
        (tmp_path / f"{number}.HEIC").write_bytes(b"x")
    assert "in no person's folder: 7 (0.HEIC, 1.HEIC" in left_out(source)
    assert left_out(Source("vggface2", str(tmp_path), "vggface2")) == ""
