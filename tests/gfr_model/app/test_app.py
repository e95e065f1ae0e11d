"""Tests of the page to drop photographs on: uploads, limits, whom it answers; and as a person uses it, in Chromium."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gfr_data.faces.crop import crop
from gfr_model.app import desk as desks
from gfr_model.app import server
from gfr_model.app.desk import Desk, Upload
from gfr_model.config import TrainConfig
from gfr_model.inference import TrainedModel
from gfr_model.networks.gfrnet import Restoration
from gfr_model.restoration.faces import FoundFace, Quality
from manifests import DataError
from manifests.crops import CropGeometry

pytest.importorskip("werkzeug", reason="needs the extra app")
waitress = pytest.importorskip("waitress", reason="needs the extra app")

from werkzeug.test import Client, EnvironBuilder  # noqa: E402  where it is there

SIZE = 64
FRONT = np.array([(-20.0, -20), (20, -20), (0, 3), (-18, 21), (18, 21)])


class Eyes:
    """Finds a face in the middle of every picture that is not dark."""

    def read(self, path):
        try:
            return np.asarray(Image.open(path).convert("RGB"))
        except OSError as error:
            raise DataError(f"{path} cannot be read: no image") from error

    def find(self, image):
        if image.mean() < 20:
            return []
        x, y = image.shape[1] / 2, image.shape[0] / 2
        return [FoundFace(CropGeometry(x - 50, y - 50, 100.0, 100.0), 0.9, FRONT / 2 + [x, y])]

    def cut(self, image, square, size):
        return crop(image, square, size)

    def measure(self, image, square):
        return Quality(14.0)  # of a face that needs half of the change


class Brighter(nn.Module):
    guided = True

    def forward(self, degraded, guide):
        return Restoration((degraded + 40 / 255).clamp(0, 1), guide, None)


def picture(level=100, form="PNG", size=(300, 200)):
    levels = np.random.default_rng(level).integers(level // 2, level + 1, (size[1], size[0], 3), dtype=np.uint8)
    levels[:, : size[0] // 2, 0] += 60  # in colours
    file = io.BytesIO()
    Image.fromarray(levels).save(file, form)
    return file.getvalue()


@pytest.fixture
def desk(tmp_path):
    config = TrainConfig(image_size=SIZE, recnet="attentive")
    network = Brighter()
    network.weight = nn.Parameter(torch.zeros(1))
    return Desk(TrainedModel(network, config, "0" * 32, "net"), Eyes(), tmp_path / "work")


@pytest.fixture
def client(desk):
    return Client(server.make_app(desk))


def post(client, address, field, *files, **headers):
    data = {field: [(io.BytesIO(content), name) for name, content in files]}
    return client.post(address, base_url="http://127.0.0.1:8765", data=data, headers=headers)


def get(client, address, **headers):
    return client.get(address, base_url="http://127.0.0.1:8765", headers=headers)


def test_a_photograph_comes_back_as_strongly_changed_as_asked(client):
    guides = post(client, "/guides", "guides", ("a.png", picture(80)), ("b.png", picture(90)), ("n.txt", b"x")).json
    assert guides["usable"] == 2
    assert guides["problems"] == ["n.txt is no photograph by its name; it serves as no guide"]
    made = post(client, f"/photographs?guides={guides['guides']}", "photograph", ("../../p.png", picture())).json
    assert made["strength"] == 0.5
    assert any("fits best of 2" in line or "would do as well" in line for line in made["lines"])
    before = np.asarray(Image.open(io.BytesIO(picture())))
    for strength, change in ((0, 0), (0.5, 20), (1, 40)):
        found = get(client, f"/results/{made['photograph']}?strength={strength}")
        assert "p-restored.png" in found.headers["Content-Disposition"]
        result = np.asarray(Image.open(io.BytesIO(found.data)))
        assert (result[100, 160].astype(int) - before[100, 160] == change).all()
    assert get(client, f"/pictures/{made['photograph']}/after").content_type == "image/jpeg"
    for address in ("/pictures/x/after", f"/pictures/{made['photograph']}/upload", "/results/..%2f..", "/nothing"):
        assert get(client, address).status_code == 404
    assert get(client, f"/results/{made['photograph']}?strength=nan").status_code == 400


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.png", b"no picture", "the photograph cannot be read: no image"),
        ("p.png", picture(10), "no face was found"),
    ],
)
def test_what_cannot_be_restored_is_said_without_the_names_of_folders(client, desk, name, content, message):
    answer = post(client, "/photographs", "photograph", (name, content))
    assert answer.status_code == 400
    assert message in answer.json["error"]
    assert str(desk.folder) not in answer.json["error"]
    assert list(desk.folder.iterdir()) == []


def test_a_small_photograph_comes_back_as_large_as_asked_and_the_page_speaks_of_no_options(client):
    made = post(client, "/photographs?enlarge=4", "photograph", ("p.png", picture(size=(75, 50)))).json
    assert (made["width"], made["height"]) == (300, 200)
    result = np.asarray(Image.open(io.BytesIO(get(client, f"/results/{made['photograph']}?strength=0").data)))
    wanted = Image.open(io.BytesIO(picture(size=(75, 50)))).resize((300, 200), Image.Resampling.BICUBIC)
    assert np.array_equal(result, np.asarray(wanted))
    assert not any("--" in line for line in made["lines"])
    assert post(client, "/photographs?enlarge=3", "photograph", ("p.png", picture())).status_code == 400


def test_too_much_is_refused(client, monkeypatch):
    assert post(client, "/guides", "guides").status_code == 400
    many = [("a.png", b"x")] * 61
    assert post(client, "/guides", "guides", *many).status_code == 413
    huge = EnvironBuilder("/guides", "http://127.0.0.1:8765", method="POST", data={"guides": (io.BytesIO(b"x"), "a")})
    environ = huge.get_environ() | {"CONTENT_LENGTH": str(server.MOST_BYTES + 1)}
    answer = client.run_wsgi_app(environ)
    assert answer[1].startswith("413")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example:8765"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
def test_pages_of_other_sites_are_not_answered(client, headers):
    assert get(client, "/", **headers).status_code == 403
    assert post(client, "/guides", "guides", ("a.png", picture()), **headers).status_code == 403
    assert get(client, "/", Origin="http://127.0.0.1:8765").status_code == 200


def test_the_oldest_photographs_and_guides_go(desk, monkeypatch):
    monkeypatch.setattr(desks, "MOST_KEPT", 2)
    first = desk.receive([Upload("a.png", picture(80))])
    made = [desk.restore(Upload("p.png", picture()), first.guides, "largest").photograph for _ in range(3)]
    for _ in range(2):
        desk.receive([Upload("a.png", picture(80))])
    assert desk.picture(made[0], "after") is None
    assert desk.picture(made[2], "after")
    assert len(list(desk.folder.iterdir())) == 2
    with pytest.raises(DataError, match="choose them again"):
        desk.restore(Upload("p.png", picture()), first.guides, "largest")


def test_a_port_that_is_taken_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "load_model", lambda run, device: None)
    monkeypatch.setattr(server, "Desk", lambda *parts: None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DataError, match="name another with --port"):
        server.serve("run", "cpu", Eyes, taken.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_however_the_page_ends_no_photograph_is_left(tmp_path, number):
    code = (
        "import signal\n"  # those of somebody who started the tests with nohup or in the background are ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
        "from gfr_model.app import server\n"
        "server.load_model = lambda run, device: None\n"
        "server.serve('run', 'cpu', lambda: None, 0, say=lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE
    )
    with process:
        assert b"open http://127.0.0.1:" in process.stdout.readline()
        (folder,) = tmp_path.glob("gfr-app-*")
        (folder / "upload").write_bytes(picture())
        process.send_signal(number)
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def connected(monkeypatch):
    """Whom this process, which serves the page, connects to."""
    found, connect = [], socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, to: (found.append(to), connect(self, to))[1])
    return found


@pytest.fixture
def page(desk):
    """The page in Chromium, with the addresses of all that it asked for."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra dev")
    chromium = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("needs Chromium")
    served = waitress.create_server(server.make_app(desk), host="127.0.0.1", port=0)
    thread = threading.Thread(target=served.run, daemon=True)
    thread.start()
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.asked = []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.goto(f"http://127.0.0.1:{served.effective_port}/")
        yield opened
        browser.close()
    served.close()


def test_in_a_browser_a_photograph_is_dropped_restored_compared_and_downloaded(page, connected, tmp_path):
    for name, level in (("old.png", 100), ("guide.png", 90)):
        (tmp_path / name).write_bytes(picture(level))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    assert page.locator("#start").is_disabled()
    page.set_input_files("#photographs", [tmp_path / "old.png", tmp_path / "broken.jpg"])
    page.set_input_files("#guides", [tmp_path / "guide.png"])
    page.click("#start")
    page.locator("#state", has_text="Done.").wait_for()
    assert "broken.jpg: the photograph cannot be read" in page.locator("#rows > .warning").inner_text()
    row = page.locator("#rows .row")
    assert "only one that can serve" in row.inner_text()
    assert row.locator(".strength output").inner_text() == "50%"
    row.locator(".strength input").fill("1")
    assert row.locator("img.after").evaluate("image => [image.style.opacity, image.naturalWidth]") == ["1", 300]
    row.locator(".divider input").fill("20")
    assert row.locator(".divider").evaluate("one => one.style.getPropertyValue('--cut')") == "20%"
    with page.expect_download() as download:
        row.locator(".download").click()
    assert download.value.suggested_filename == "old-restored.png"
    result = np.asarray(Image.open(Path(download.value.path())))
    before = np.asarray(Image.open(tmp_path / "old.png"))
    assert (result[100, 160].astype(int) - before[100, 160] == 40).all()
    # Nothing that the page asked for left this machine.
    outside = [address for address in page.asked if not address.startswith(("http://127.0.0.1:", "data:"))]
    assert len(page.asked) >= 6
    assert outside == []
    assert [to for to in connected if isinstance(to, tuple) and to[0] != "127.0.0.1"] == []
