"""Tests of an album's page and of the marks that a person gives there."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gfr_model.restoration import album_page
from gfr_model.restoration.album_log import read_log
from gfr_model.restoration.album_page import PAGE
from gfr_model.restoration.marks import MARKS_FILE, copy_kept
from manifests import DataError
from tests.gfr_model.restoration.albums import contents, run


def mark(album, **marks):
    entries = read_log(album.out)
    given = {name: {"mark": value, "file": entries[name].files[name]} for name, value in marks.items()}
    (album.out / MARKS_FILE).write_text(json.dumps({"marks": given}))


def test_what_was_marked_to_be_kept_is_copied_and_nothing_else(album, tmp_path):
    album = replace(album, compare=False)
    run(album)
    mark(album, **{"alice/1.jpg": "keep", "alice/2.png": "reject"})
    kept = replace(album, only_kept=tmp_path / "kept")
    summary, _ = run(kept)
    assert summary.kept.copied == ("alice/1.jpg",)
    assert (summary.kept.rejected, summary.kept.unmarked) == (("alice/2.png",), ("bob/1.png",))
    assert contents(tmp_path / "kept") == {Path("alice/1.jpg"): (album.out / "alice/1.jpg").read_bytes()}
    assert "1 kept photographs copied, 1 rejected, 1 without a mark" in summary.text()
    again, _ = run(kept)
    assert again.kept.there == ("alice/1.jpg",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "save the marks there"),
        (b"{}", "holds no marks"),
        (b'{"marks": {"alice/1.jpg": {"mark": "burn", "file": "x"}}}', "a mark is 'burn'"),
        (b"[" * 100_000, "holds no marks"),
    ],
)
def test_without_marks_nothing_is_copied(album, tmp_path, content, message):
    if content is not None:
        album.out.mkdir()
        (album.out / MARKS_FILE).write_bytes(content)
    with pytest.raises(DataError, match=message):
        run(replace(album, only_kept=tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()


def test_marks_name_results_alone_and_hold_for_the_file_that_was_looked_at(album, tmp_path):
    run(album)
    entries, out = read_log(album.out), tmp_path / "kept"
    (tmp_path / "secret").write_text("x")
    given = {"../secret": {"mark": "keep", "file": "x"}, "alice/1.jpg": {"mark": "keep", "file": "0" * 32}}
    (album.out / MARKS_FILE).write_text(json.dumps({"marks": given}))
    found = copy_kept(album.out, entries, out)
    assert found.changed == ("alice/1.jpg",)
    assert found.copied == ()
    assert not out.exists()
    mark(album, **{"alice/1.jpg": "keep", "alice/2.png": "keep"})
    (out / "alice").mkdir(parents=True)
    for name in ("alice/1.jpg", "bob/1.png"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"mine")
    found = copy_kept(album.out, entries, out)
    assert found.copied == ("alice/2.png",)
    assert len(found.failed) == 2
    assert (out / "alice/1.jpg").read_bytes() == (out / "bob/1.png").read_bytes() == b"mine"


def test_the_page_shows_each_photograph_with_guide_reason_and_change_and_stays_if_it_is_anothers(album):
    run(album)
    page = (album.out / PAGE).read_text()
    for part in (
        "Guide a.jpg: the only one",
        "fits best of 2",
        "all of the change",
        "grey levels on average",
    ):
        assert part in page, part
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 3 * 5
    assert all((album.out / source).is_file() for source in sources)
    assert "carol/1.png: no usable guide" in page
    assert not re.search(r"https?://", page)
    (album.out / PAGE).write_text("<p>mine")
    summary, lines = run(album)
    assert (album.out / PAGE).read_text() == "<p>mine"
    assert summary.page == ""
    assert any("stays as it is" in line for line in lines)


def test_a_page_that_cannot_be_written_is_a_failure_and_the_results_stay(album, monkeypatch):
    def full(path, content):
        raise DataError(f"cannot write {path}: no space")

    monkeypatch.setattr(album_page, "write_text", full)
    summary, _ = run(album)
    assert summary.failed
    assert summary.page_problem == f"cannot write {album.out / PAGE}: no space"
    assert summary.page == ""
    assert summary.count("restored") > 0


def test_marks_given_in_a_browser_are_what_the_next_call_keeps(album, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra dev")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    album = replace(album, compare=False)
    run(album)
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script("delete window.showSaveFilePicker")  # which asks a person
        page.goto((album.out / PAGE).as_uri())
        rows = page.locator("#rows .row")
        rows.nth(0).locator("[data-mark=reject]").click()
        rows.nth(1).locator("[data-mark=keep]").click()
        page.reload()  # marks outlive the page
        assert page.locator("#count").inner_text() == "1 kept, 1 rejected, 1 without a mark"
        page.locator("#shown").select_option("none")
        assert [row.is_visible() for row in rows.all()] == [False, False, True]
        page.locator("#rest").click()
        with page.expect_download() as download:
            page.locator("#save").click()
        download.value.save_as(album.out / MARKS_FILE)
        browser.close()
    summary, _ = run(replace(album, only_kept=tmp_path / "kept"))
    assert summary.kept.copied == ("alice/2.png", "bob/1.png")
    assert summary.kept.rejected == ("alice/1.jpg",)
