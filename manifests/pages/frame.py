"""The frame of every report page: head, style sheet, contents, sections. A page asks for nothing from outside."""

import re
from pathlib import Path
from typing import Any

from manifests.errors import ConfigError, DataError

TEMPLATES = Path(__file__).with_name("templates")
MARK = '<meta name="generator" content="gfrnet-toolkit">'  # by which a page is known as one of these
HEAD = 2000  # characters that hold it


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


def require_page(path: Path, own: Path) -> None:
    """See that a page may be written to `path`: a new file, one of these pages, or `own`, the page's usual place.

    Raises ConfigError for a name that is no page's, DataError for what is somebody else's.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out {path} must end in .html")
    if path.exists() and path.resolve() != own.resolve() and MARK not in _head(path):
        raise DataError(f"{path} exists already and is no page of these commands; give another --out, or remove it")


def _head(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(HEAD)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; give another --out") from error


def _anchor(title: str) -> str:
    """A section's title as the name of a place in the page."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
