"""Pages and charts: what a name holds is text, colours are the style sheet's, the same values give the same bytes."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import ConfigError, DataError
from manifests.pages.charts import COLOURS, THEME, Line, data_uri, histogram, lines
from manifests.pages.frame import TEMPLATES, render, require_page

PAGE = """{% extends "frame.html" %}
{% from "parts.html" import section, figure, legend with context %}
{% block main %}
{% call section("One & two", name) %}{{ figure(name, name, chart, name) }}{{ legend({name: "#000000"}) }}{% endcall %}
{% call section(name) %}<p title="{{ name }}">{{ name }}</p>{% endcall %}
{% endblock %}
"""


def some_lines() -> list[Line]:
    x, y = np.array([1.0, 2.0, math.inf]), np.array([0.1, 0.2, -0.3])
    return [Line(COLOURS[0], x, y, y - 0.1, np.array([0.2, 0.3, math.nan]))]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text(PAGE)
    return tmp_path / "page.html"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "' onload='x", "{{ 7 * 6 }}", "&lt;"])
def test_no_name_becomes_markup(template: Path, name: str) -> None:
    page = render(template, title=name, lines=[name], name=name, chart=lines(some_lines(), "px"))
    plain = render(template, title="x", lines=["x"], name="x", chart=lines(some_lines(), "px"))
    assert re.findall(r"<\w+", page) == re.findall(r"<\w+", plain)
    assert page.count(chr(34)) == plain.count(chr(34))
    assert ">42<" not in page


def test_contents_name_every_section(template: Path) -> None:
    page = render(template, title="x", lines=(), name="Last", chart=None)
    assert re.findall(r'<a href="#([^"]+)">([^<]+)</a>', page) == [("one-two", "One &amp; two"), ("last", "Last")]
    assert re.findall(r'<section id="([^"]+)">', page) == ["one-two", "last"]
    assert "not measured" in page


def test_a_page_replaces_pages_alone(template: Path, tmp_path: Path) -> None:
    own, page, mine = tmp_path / "report.html", tmp_path / "page.html", tmp_path / "mine.html"
    page.write_text(render(template, title="x", lines=(), name="x", chart=None))
    for path in (own, mine):
        path.write_text("<p>mine")
    for path in (own, page, tmp_path / "new.HTML"):
        require_page(path, own)
    with pytest.raises(DataError, match=r"mine.html exists already and is no page.*another --out"):
        require_page(mine, own)
    with pytest.raises(ConfigError, match=r"photo.jpg must end in \.html"):
        require_page(tmp_path / "photo.jpg", own)


def test_a_value_that_a_template_lacks_is_an_error(template: Path) -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="name"):
        render(template, title="x", lines=(), chart=None)


def test_charts_are_the_same_each_time_and_need_nothing_from_outside() -> None:
    import matplotlib

    first = lines(some_lines(), "px", {math.inf: "lossless"}, signed=True)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):  # what a user may have set
        assert lines(some_lines(), "px", {math.inf: "lossless"}, signed=True) == first
    values = np.random.default_rng(1).normal(size=99)
    assert histogram(values, values + 1, [0.5]) == histogram(values, values + 1, [0.5])
    assert not re.search(r"https?://|<style|<text|<metadata|url\((?!#)", first)


def test_charts_wear_the_colours_of_the_style_sheet_in_light_and_dark() -> None:
    values = np.arange(10.0)
    drawn = histogram(values, values, [2.0]) + lines(some_lines(), "px", signed=True)
    assert not any(colour in drawn for colour in THEME)
    assert set(re.findall(r"var\(--(\w+)\)", drawn)) == set(THEME.values())
    style = (TEMPLATES / "style.css").read_text()
    for name in THEME.values():
        assert style.count(f"--{name}: ") == 2  # light, dark


def luminance(colour: str) -> float:
    """Relative luminance of '#rrggbb' (WCAG 2.2)."""
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "ground"])
@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad"])
def test_text_stands_out_from_its_ground_in_light_and_dark(theme: int, ground: str, text: str) -> None:
    style = (TEMPLATES / "style.css").read_text()
    one, other = (luminance(re.findall(rf"--{name}: (#\w{{6}})", style)[theme]) for name in (text, ground))
    assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5  # WCAG's least for text, level AA


def test_a_picture_is_no_larger_than_asked() -> None:
    image = np.zeros((50, 100, 3), dtype=np.uint8)
    import base64
    import io

    from PIL import Image

    for side, size in ((None, (100, 50)), (20, (20, 10))):
        uri = data_uri(image, side)
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as found:
            assert found.size == size
