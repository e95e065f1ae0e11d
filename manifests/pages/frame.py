"""The frame of every report page: head, style sheet, contents, sections. A page asks for nothing from outside."""

import re
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).with_name("templates")


def render(template: Path, **values: Any) -> str:
    """The HTML page of a template that extends `frame.html`, with its `values`.

    What comes from a file name, an identity or a message is text there: everything is escaped that is not markup
    already, as charts are.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"anchor": _anchor, "thousands": "{:,}".format}
    return environment.get_template(template.name).render(contents=[], **values)


def _anchor(title: str) -> str:
    """A section's title as the name of a place in the page."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
