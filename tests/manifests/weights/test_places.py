"""Where weights are looked for, and what an option that takes them says."""

from pathlib import Path

import pytest

from manifests import ConfigError, DataError
from manifests.weights import WEIGHTS, File, Weight, find, folder, require, state, table


def test_the_folder_is_the_users_to_choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GFR_WEIGHTS", "~/mine")
    assert folder() == tmp_path / "mine"
    monkeypatch.delenv("GFR_WEIGHTS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert folder() == tmp_path / "data" / "gfr" / "weights"
    for unset in ("", "relative/data"):  # which the standard says to ignore
        monkeypatch.setenv("XDG_DATA_HOME", unset)
        monkeypatch.setattr("sys.platform", "linux")
        assert folder() == tmp_path / ".local/share/gfr/weights"
    monkeypatch.setattr("sys.platform", "darwin")
    assert folder() == tmp_path / "Library/Application Support/gfr/weights"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path / "shelf"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    rows = [
        Weight("one", "a test", "none", (File("one.bin", "", 3),), "", "", cached=("one.bin", "old.zip")),
        Weight("two", "a test", "none", (File("two.bin"), File("two.json")), "", ""),
    ]
    monkeypatch.setattr(table, "WEIGHTS", rows)
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def test_a_damaged_or_partial_weight_does_not_count_as_there(shelf: Path) -> None:
    assert state("one") == "missing"
    (shelf / "one.bin").write_bytes(b"1")
    assert state("one") == "damaged"
    assert find("one") is None
    (shelf / "one.bin").write_bytes(b"123")
    assert state("one") == "here"
    (shelf / "two.bin").write_bytes(b"1")
    assert find("two") is None
    (shelf / "two.json").write_bytes(b"1")
    assert find("two") == shelf / "two.bin"


def test_torchs_cache_is_used(shelf: Path, tmp_path: Path) -> None:
    old = tmp_path / "torch" / "hub" / "checkpoints" / "old.zip"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"123")
    assert find("one") == old


def test_an_option_takes_a_file_a_name_or_finds_what_is_there(shelf: Path) -> None:
    with pytest.raises(DataError, match="`gfr-data weights get one` gets them, or name a file with --weights"):
        require("--weights", None, "one")
    with pytest.raises(DataError, match=r"--weights .*no.bin: there is no such file; `gfr-data weights get one`"):
        require("--weights", shelf / "no.bin", "one")
    with pytest.raises(DataError, match="'one' are missing"):
        require("--weights", "one", "one")
    with pytest.raises(ConfigError, match="takes one"):
        require("--weights", "two", "one")
    (shelf / "one.bin").write_bytes(b"123")
    assert require("--weights", None, "one") == shelf / "one.bin"
    assert require("--weights", "one", "one") == shelf / "one.bin"
    assert require("--weights", __file__, "one") == Path(__file__)


def test_the_table_is_sound() -> None:
    assert WEIGHTS[0].name == "gfrnet", "the authors' own model comes first"
    names = [weight.name for weight in WEIGHTS]
    files = [file.name for weight in WEIGHTS for file in weight.files]
    assert len(set(names)) == len(names)
    assert len(set(files)) == len(files), "each file has a place of its own"
    for weight in WEIGHTS:
        assert weight.address.startswith(("https://", "pypi:", "npm:")) or weight.package
        assert all((weight.use, weight.licence, weight.page))
        for file in weight.files:
            assert len(file.sha256) in (0, 64) or f"-{file.sha256}." in file.name
            assert Path(file.name).name == file.name
