"""The page stands alone: it parses, asks for nothing from outside, and its script sorts and shows the pictures."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gfr_model.results.report import curve, write_report
from gfr_model.scoring.job import ScoreConfig
from gfr_model.scoring.score import score
from manifests import SCORES, SCORES_FILE, DataError, provenance, read_table, write_table
from manifests.pages.charts import lines

NASTY = "</script><b>&net"


@pytest.fixture(scope="module")
def scores(evaluation, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report") / "scores"
    folders = (evaluation.at4, evaluation.at8)
    score(ScoreConfig(folders, out, runs=(f"net={evaluation.run}",), random_guide=True, panels=16))
    write_report(out, out / "report.html")
    return out


class Page(HTMLParser):
    """What a page names, and whether its tags close."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.rows: list[dict[str, str]] = []
        self.images: list[dict[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = {name: value or "" for name, value in attributes}
        self.links += [
            value for name, value in found.items() if name in {"src", "href", "xlink:href", "action", "data"}
        ]
        if found.get("class") == "row":
            self.rows.append(found)
        if tag == "img":
            self.images.append(found)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()


def chromium(tmp_path, *arguments):
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("needs Chromium")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    return done.stdout


def test_page_asks_for_nothing_from_outside(scores):
    text = (scores / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert not re.search(r"@import|url\((?!#)|https?://", text)


def test_page_has_a_row_for_each_kept_panel_and_every_picture_it_names(scores):
    text = (scores / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    rows = read_table(scores / SCORES_FILE, SCORES).to_pylist()
    kept = [row for row in rows if row["panel"] is not None and row["method"] != "bicubic"]
    assert len(page.rows) == len(kept) == 28
    pictures = json.loads(re.search(r'id="pictures">(.*?)</script>', text, re.S)[1])
    assert {image["data-picture"] for image in page.images} == set(pictures)
    assert len(page.images) == 28 * (2 + 7)
    assert text.count("warped guide</span>") == 28
    assert text.count("<span>by net</span>") == text.count("<span>by net(R)</span>") == 14
    assert text.count(">flow, up to ") == 28


def test_page_is_the_same_each_time(scores, tmp_path):
    write_report(scores, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (scores / "report.html").read_bytes()


def test_browser_sorts_rows_by_gain_and_shows_those_of_one_method(scores, tmp_path):
    page = Page(chromium(tmp_path, "--dump-dom", (scores / "report.html").as_uri()))
    gains = [float(row["data-gain"]) for row in page.rows]
    assert gains == sorted(gains, reverse=True)
    assert {row["data-method"] for row in page.rows if "hidden" not in row} == {"net"}
    shown = [image for image in page.images if image.get("src", "").startswith("data:image/jpeg")]
    assert len(shown) == 14 * (2 + 7)


def test_browser_draws_the_page_and_the_controls_work(scores, tmp_path):
    text = (scores / "report.html").read_text(encoding="utf-8")
    use = """<script>
      const choose = (id, value) => {
        const list = document.getElementById(id);
        list.value = value; list.dispatchEvent(new Event("change"));
      };
      choose("order", "loss"); choose("method", "net(R)"); choose("where", "test-webface 8×");
      const row = [...document.querySelectorAll(".row")].find(one => !one.hidden);
      row.querySelectorAll("button")[5].click();
      const line = row.querySelector("input");
      line.value = 20; line.dispatchEvent(new Event("input", {bubbles: true}));
    </script></body>"""
    (tmp_path / "used.html").write_text(text.replace("</body>", use), encoding="utf-8")
    dump = chromium(tmp_path, "--dump-dom", (tmp_path / "used.html").as_uri())
    page = Page(dump)
    shown = [row for row in page.rows if "hidden" not in row]
    assert {(row["data-method"], row["data-where"]) for row in shown} == {("net(R)", "test-webface 8×")}
    gains = [float(row["data-gain"]) for row in shown]
    assert gains == sorted(gains)
    assert len(gains) == 3
    assert "--cut: 20%" in dump
    assert '<b class="right">truth</b>' in dump
    picture = tmp_path / "page.png"
    chromium(tmp_path, "--window-size=1280,2000", f"--screenshot={picture}", (scores / "report.html").as_uri())
    assert picture.stat().st_size > 50_000


def test_names_cannot_break_the_page(scores, tmp_path):
    table = read_table(scores / SCORES_FILE, SCORES)
    for column in ("method", "person"):
        values = [NASTY if value != "bicubic" else value for value in table[column].to_pylist()]
        kept = table["method"].to_pylist()
        values = [value if was != "net(R)" else was for value, was in zip(values, kept, strict=True)]
        table = table.set_column(SCORES.get_field_index(column), SCORES.field(column), [values])
    folder = tmp_path / "nasty"
    shutil.copytree(scores, folder)
    write_table(folder / SCORES_FILE, table, SCORES, provenance("test", {}))
    write_report(folder, folder / "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert Page(text).open == []
    assert NASTY not in text


def test_page_without_pictures_or_methods_says_so(evaluation, tmp_path):
    score(ScoreConfig((evaluation.at4,), tmp_path / "scores", panels=0))
    assert write_report(tmp_path / "scores", tmp_path / "page.html") == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "No pictures were kept" in text
    assert "Only bicubic was scored" in text
    assert Page(text).open == []


def test_page_is_drawn_without_pictures_that_are_gone(scores, tmp_path):
    shutil.copytree(scores, tmp_path / "scores")
    panels = sorted((tmp_path / "scores/panels/net").iterdir())
    shutil.rmtree(panels[0])
    for panel in panels[1:4]:
        (panel / "panel.json").unlink()  # as an earlier version left it: nothing tells what it was
    (panels[1] / "output.png").write_bytes(b"torn")
    (panels[2] / "flow.npy").write_bytes(b"torn")
    (panels[3] / "flow.npy").write_bytes(b"")
    assert write_report(tmp_path / "scores", tmp_path / "page.html") == 26


@pytest.mark.parametrize("name", ["flow.npy", "output.png", "panel.json"])
def test_a_picture_that_is_not_as_it_was_kept_is_not_shown(scores, tmp_path, name):
    """One flipped bit of a flow would be another picture of what the network did."""
    shutil.copytree(scores, tmp_path / "scores")
    file = min((tmp_path / "scores/panels/net").iterdir()) / name
    content = file.read_bytes()
    file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(DataError, match=rf"{re.escape(name)} .*score again"):
        write_report(tmp_path / "scores", tmp_path / "page.html")
    file.unlink()
    if name != "panel.json":
        with pytest.raises(DataError, match=rf"{re.escape(name)} is missing; score again"):
            write_report(tmp_path / "scores", tmp_path / "page.html")


def test_folder_without_scores_is_an_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        write_report(tmp_path, tmp_path / "page.html")


def test_a_curve_goes_through_the_means_and_keeps_infinity_apart():
    x = np.array([1.0, 1.0, 2.0, 2.0, np.inf])
    found = curve("#000000", x, np.array([1.0, 3.0, 5.0, 7.0, 9.0]), np.arange(5))
    assert list(zip(found.x, found.y, strict=True)) == [(1.0, 2.0), (2.0, 6.0), (np.inf, 9.0)]
    many = np.concatenate([np.linspace(0, 10, 100), [np.inf] * 5])
    found = curve("#000000", many, many.clip(0, 20), np.arange(105))
    assert len(found.x) == 7
    assert (found.x[-1], found.y[-1]) == (np.inf, 20)
    drawn = lines([found], "q", {np.inf: "lossless"}, signed=True)
    assert "<!-- lossless -->" in drawn
    assert "inf" not in drawn
    assert "nan" not in drawn
