"""Addresses: the same photographs from a file system of fsspec, and from a server on the loopback."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gfr_data.faces.landmark_file import LandmarkFile
from gfr_data.faces.landmarks import LandmarkRequest
from gfr_data.sources import addresses
from gfr_data.sources.layouts import left_out, list_identities
from gfr_data.sources.options import parse_source
from gfr_data.sources.parts import read_bytes
from gfr_data.sources.source import Source
from manifests import ConfigError, DataError
from manifests.crops import CropGeometry
from tests.gfr_data.packing import NEEDS_GZIP, pack, shard, tabulate

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("ada/1.jpg", "ada/old/2.jpg", "b o/1.jpg"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{name} ".encode() * 99)
    return tmp_path / "album"


class Ranged(http.server.SimpleHTTPRequestHandler):
    """Python's server, which gives parts of files as well."""

    failures = 0  # of the answers to come
    ranges = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if type(self).failures:
            type(self).failures -= 1
            self.send_error(503)
            return
        asked, path = self.headers.get("Range"), Path(self.translate_path(self.path))
        if not asked or not self.ranges or not path.is_file():
            super().do_GET()
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        content = path.read_bytes()
        part = content[int(first) : int(last or len(content) - 1) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)


@pytest.fixture
def server(album: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    Ranged.failures, Ranged.ranges = 0, True
    handler = functools.partial(Ranged, directory=str(album.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def memory(album: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    system, root = fsspec.filesystem("memory"), "/" + request.node.name.partition("[")[0]
    for path in album.parent.rglob("*"):
        if path.is_file():
            system.pipe_file(f"{root}/{path.relative_to(album.parent).as_posix()}", path.read_bytes())
    yield f"memory:/{root}"
    system.rm(root, recursive=True)


def told(source: Source) -> dict[str, bytes]:
    """Every photograph with its bytes."""
    return {
        f"{one.name}: {name.rpartition('/')[2]}": read_bytes(source.root, name, part, 10_000)
        for one in list_identities(source)
        for name, part in zip(one.paths, one.parts, strict=True)
    }


def test_a_folder_in_memory_is_the_folder_on_disk(memory: str, album: Path) -> None:
    source = parse_source(f"folder={memory}/album")
    assert told(source) == told(parse_source(f"folder={album}"))
    assert [one.paths for one in list_identities(source)] == [("ada/1.jpg", "ada/old/2.jpg"), ("b o/1.jpg",)]
    assert left_out(source) == ""


@NEEDS_GZIP
@pytest.mark.parametrize("where", ["memory", "server"])
def test_files_of_many_photographs_at_an_address(where: str, album: Path, request: pytest.FixtureRequest) -> None:
    wanted = told(parse_source(f"folder={album}"))
    for suffix in (".tar", ".zip", ".tar.gz"):
        pack(album, album.parent / f"album{suffix}")
    shard(album, album.parent / "shards")
    tabulate(album, album.parent / "table")
    root = request.getfixturevalue(where)  # what was packed goes there, too
    for name in ("album.tar", "album.zip", "album.tar.gz"):
        assert told(parse_source(f"folder={root}/{name}")) == wanted
    for name in ("webdataset", "parquet"):
        found = told(parse_source(f"{name}={root}/{ {'webdataset': 'shards', 'parquet': 'table'}[name] }"))
        assert sorted(found.values()) == sorted(wanted.values())


def test_a_folder_of_a_server_is_read_by_its_links(server: str, album: Path) -> None:
    source = parse_source(f"folder={server}/album")
    assert sorted(told(source).values()) == sorted(told(parse_source(f"folder={album}")).values())


def test_a_server_that_fails_is_asked_again_and_then_the_build_stops(
    server: str, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "WAITS", (0.0, 0.0))
    Ranged.failures = 2
    assert read_bytes(f"{server}/album", "ada/1.jpg", None, 10_000) == (album / "ada" / "1.jpg").read_bytes()
    Ranged.failures = 9
    with pytest.raises(DataError, match="run again when it answers: what is done stays"):
        read_bytes(f"{server}/album", "ada/1.jpg", None, 10_000)
    Ranged.failures = 0
    with pytest.raises(OSError, match=r"album/ada/9\.jpg"):  # that photograph alone is gone
        read_bytes(f"{server}/album", "ada/9.jpg", None, 10_000)


def test_a_server_without_parts_of_files_is_refused_for_archives(server: str, album: Path) -> None:
    pack(album, album.parent / "album.tar")
    Ranged.ranges = False
    assert read_bytes(f"{server}/album", "ada/1.jpg", None, 10_000) == (album / "ada" / "1.jpg").read_bytes()
    with pytest.raises(DataError, match="gives no parts of files"):
        told(parse_source(f"folder={server}/album.tar"))


def test_points_are_found_by_the_address(tmp_path: Path) -> None:
    numbers = ",".join(str(n) for n in range(136))
    header = ",".join(["path", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
    (tmp_path / "p.csv").write_text(f"{header}\ns3://bucket/a.tar/ada/1.jpg,{numbers}\n")
    request = LandmarkRequest("s3://bucket/a.tar", "ada/1.jpg", None, None, CropGeometry(0, 0, 256, 256))
    (points,) = LandmarkFile(tmp_path / "p.csv", in_crop=True)([request])
    assert points is not None
    assert points.points[67].tolist() == [134.0, 135.0]


@pytest.mark.parametrize("address", ["https://me:secret@host/a.tar", "https://host/a.tar?token=secret"])
def test_an_address_with_a_secret_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ConfigError, match="user, password or query") as caught:
        parse_source(f"folder={address}")
    assert "secret" not in str(caught.value)


def test_a_kind_that_nothing_opens_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="Protocol not known"):
        list(list_identities(parse_source("folder=nowhere://a/b")))
    from fsspec.registry import known_implementations

    monkeypatch.setitem(known_implementations, "absent", {"class": "absent_package.System", "err": "Install absent"})
    with pytest.raises(ConfigError, match=r"Install absent; pip install 'gfrnet-toolkit\[remote\]'"):
        list(list_identities(parse_source("folder=absent://a/b")))


def test_nothing_at_an_address_is_said(memory: str) -> None:
    with pytest.raises(DataError, match="nothing lies there"):
        list(list_identities(parse_source(f"folder={memory}/none")))
