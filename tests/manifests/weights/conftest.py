"""A server on the loopback that behaves as servers do, well and badly, and a table of weights that it serves."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from manifests.weights import File, Weight, download, fetch, places, table

CONTENT = bytes(range(256)) * 1500  # 384,000 bytes


@dataclass
class Server:
    """What is served, how, and what was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)  # by path
    version: str = '"one"'  # the ETag; '' for none
    ranges: bool = True
    breaks_after: list[int] = field(default_factory=list)  # bytes of the next answers' bodies that are sent at most
    answers: list[int] = field(default_factory=list)  # codes of the next answers
    kind: str = "application/octet-stream"
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def _answer(handler: BaseHTTPRequestHandler, state: Server) -> None:
    wanted = handler.headers.get("Range")
    state.asked.append((handler.path, wanted))
    content = state.files.get(handler.path)
    code = state.answers.pop(0) if state.answers else 200 if content is not None else 404
    if code != 200 or content is None:
        handler.send_error(code)
        return
    start = 0
    if wanted and state.ranges and handler.headers.get("If-Range") == state.version:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            handler.send_error(416)
            return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if state.version:
        handler.send_header("ETag", state.version)
    handler.send_header("Content-Type", state.kind)
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    most = state.breaks_after.pop(0) if state.breaks_after else len(content)
    handler.wfile.write(content[start : start + most])


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(**members: bytes) -> bytes:
    """A .tar.gz with these members in a folder `inside`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"inside/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def shelf(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder of weights, and a table of weights that the server serves."""
    server.files = {
        "/plain.bin": CONTENT,
        "/unknown.bin": b"new",
        "/both.tgz": archive(first=b"one", second=b"two"),
        "/first": b"one",
        "/second": b"two",
    }
    both = (
        File("first", "inside/first", 3, sha(b"one")),
        File("second", "inside/second", 3, sha(b"two")),
    )
    plain = (File("plain.bin", "", len(CONTENT), sha(CONTENT)),)
    rows = [
        Weight("plain", "a test", "none", plain, f"{server.address}/plain.bin", ""),
        Weight("unknown", "a test", "none", (File("unknown.bin"),), f"{server.address}/unknown.bin", ""),
        Weight("both", "a test", "none", both, f"{server.address}/both.tgz", ""),
        Weight("shipped", "a test", "none", (File("x", "nowhere/x"),), "", "", package="nowhere"),
        Weight("elsewhere", "a test", "none", (File("y", "gfr_model/py.typed"),), "", "", package="gfr_model"),
    ]
    monkeypatch.setattr(table, "WEIGHTS", rows)
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "shelf"))
    monkeypatch.delenv(fetch.MIRROR_VARIABLE, raising=False)
    return tmp_path / "shelf"
