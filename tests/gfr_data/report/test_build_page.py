"""The page stands alone: it parses, shows what was built, and asks for nothing from outside."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.examination.decisions import Decision, read_decisions
from gfr_data.report.build_page import _splits, write_report
from gfr_data.report.summary import BuildSummary
from gfr_data.sources.options import parse_source
from manifests import FACES, FACES_FILE, PAIRS, PAIRS_FILE, DataError, read_table
from manifests.pages.charts import binned, histogram


@pytest.fixture(scope="module")
def folder(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reported")
    shutil.copytree(people, root / "people")
    identity = min((root / "people" / "casia-webface").glob("0*"))
    (identity / "<script>alert(1)</script>.jpg".replace("/", "_")).write_bytes(b"")
    sources = tuple(parse_source(f"{name}={root / 'people' / name}") for name in ("vggface2", "casia-webface"))
    landmarks = f"file:{root / 'people' / 'landmarks68.csv'}"
    build_pairs(BuildConfig(sources=sources, out=root / "pairs", landmarks=landmarks))
    return root / "pairs"


VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a page names, and whether its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [
            value or "" for name, value in attributes if name in {"src", "href", "xlink:href", "action", "data"}
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()


def test_page_asks_for_nothing_from_outside(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.links
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert not re.search(r"@import|url\((?!#)|https?://", text)
    assert "<script src" not in text


def test_page_shows_every_reason_and_split(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    summary = json.loads((folder / "summary.json").read_text())
    for name in [*summary["reasons"], *summary["pairs"]]:
        assert name in text


def test_page_is_drawn_anew_alike_and_without_the_photographs(folder: Path, tmp_path: Path) -> None:
    write_report(folder, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (folder / "report.html").read_bytes()
    people = folder.parent / "people"
    people.rename(folder.parent / "away")
    try:
        write_report(folder, tmp_path / "later.html")
    finally:
        (folder.parent / "away").rename(people)
    assert Page((tmp_path / "later.html").read_text(encoding="utf-8")).open == []


def test_a_damaged_crop_is_not_shown(folder: Path, tmp_path: Path) -> None:
    """One bit of it would be another picture; a missing one a gap that nobody explains."""
    pairs = tmp_path / "pairs"
    shutil.copytree(folder, pairs)
    crop = pairs / read_table(pairs / PAIRS_FILE, PAIRS)["target_path"][0].as_py()
    content = crop.read_bytes()
    crop.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])
    with pytest.raises(DataError, match="other bytes than its table says: remove it; build the pairs again"):
        write_report(pairs, tmp_path / "page.html")
    crop.unlink()
    with pytest.raises(DataError, match="is missing; build the pairs again"):
        write_report(pairs, tmp_path / "page.html")


def test_no_photograph_is_shown_but_the_one_that_was_examined(folder: Path, tmp_path: Path) -> None:
    """The folder may be somebody else's: its tables shall not put any picture of this machine into a page."""
    faces = read_table(folder / FACES_FILE, FACES).to_pylist()
    row = next(row for row in faces if row["reason"] in ("blurred", "no_face", "extreme_pose", "occluded"))
    photograph = folder.parent / "people" / row["dataset"] / row["source_path"]
    content = photograph.read_bytes()
    Image.new("RGB", (200, 200), "red").save(photograph, format="JPEG")
    try:
        write_report(folder, tmp_path / "page.html")
    finally:
        photograph.write_bytes(content)
    pictures = [
        text.count("data:image/")
        for text in ((folder / "report.html").read_text(), (tmp_path / "page.html").read_text())
    ]
    assert pictures[1] == pictures[0] - 1


def test_folder_without_a_build_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the summary of a finished build"):
        write_report(tmp_path, tmp_path / "page.html")


def test_browser_loads_the_page_without_an_error(folder: Path, tmp_path: Path) -> None:
    browser = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if browser is None:
        pytest.skip("needs Chromium")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}"]
    command.append((folder / "report.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (tmp_path / "page.png").stat().st_size > 5000
    assert "CONSOLE" not in done.stderr


def test_histogram_counts_every_finite_value_once() -> None:
    kept, fell = np.array([0.1, 0.2, 0.2, np.nan]), np.array([0.9])
    edges, good, bad = binned(kept, fell, [0.5])
    assert (good.sum(), bad.sum()) == (3, 1)
    assert edges[0] < min(kept[:3])
    assert edges[-1] > fell[0]
    drawn = histogram(kept, fell, [0.5])
    assert "<!-- 0.5 -->" in drawn  # the threshold's number, drawn as paths
    assert histogram(np.array([np.nan]), np.array([]), [0.5]) is None


def test_a_build_without_pairs_has_its_page_too(tmp_path):
    (tmp_path / "album" / "somebody").mkdir(parents=True)
    (tmp_path / "album" / "somebody" / "empty.jpg").touch()
    (tmp_path / "points.txt").write_text("album/somebody/empty.jpg" + " 1" * 136)
    source = parse_source(f"folder={tmp_path / 'album'}")
    landmarks = f"file:{tmp_path / 'points.txt'}"
    build_pairs(BuildConfig(sources=(source,), out=tmp_path / "pairs", landmarks=landmarks))
    assert Page((tmp_path / "pairs" / "report.html").read_text(encoding="utf-8")).open == []


def test_an_album_never_sees_the_papers_counts() -> None:
    counts = {"photographs": 48, "identities": 6, "statuses": {}, "reasons": {}, "without_pair": {}}
    album = BuildSummary(**counts, pairs={"train": 16, "test-folder": 4}, persons={"train": 4, "test-folder": 1})
    assert "paper" not in album.text()
    assert "test-webface" not in album.text()
    assert _splits(album) == [("train", 16, 4, None), ("test-folder", 4, 1, None)]
    both = BuildSummary(**counts, pairs={"train": 16, "test-vggface2": 4}, persons={"train": 4, "test-vggface2": 1})
    assert re.search(r"test-vggface2\s+4\s+1005\s+1$", both.text(), re.M)
    assert ("test-webface", 0, 0, 1455) in _splits(both)


def test_boxes_checked_in_a_browser_become_a_file_of_decisions(folder: Path, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra dev")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((folder / "report.html").as_uri())
        kept, rejected = (page.locator(f"input[value={name}]").first for name in ("keep", "reject"))
        paths = [box.get_attribute("data-path") for box in (kept, rejected)]
        page.locator("#why").fill('a "twin", not she')
        rejected.check()
        page.locator("#why").fill("")
        kept.check()
        page.locator(f"input[value=guide][data-path={json.dumps(paths[1])}]").first.check()  # one decision a photograph
        assert not rejected.is_checked()
        rejected.check()
        assert page.locator("#count").inner_text() == "2 decisions"
        page.locator("#why").fill('a "twin", not she')
        rejected.uncheck()
        rejected.check()
        with page.expect_download() as download:
            page.locator("#save").click()
        download.value.save_as(tmp_path / "decisions.csv")
        browser.close()
    found = read_decisions(tmp_path / "decisions.csv")
    assert found == {paths[0]: Decision("keep", ""), paths[1]: Decision("reject", 'a "twin", not she')}
    assert all(Path(path).is_absolute() for path in paths)
