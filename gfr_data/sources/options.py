"""`--source`, `--mapping` and `--columns` of a build, read."""

import glob
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gfr_data.sources.addresses import is_address, require_harmless
from gfr_data.sources.archives import SUFFIXES
from gfr_data.sources.labelled import IDENTITY, IMAGE, PARQUETS, TARS
from gfr_data.sources.layouts import LAYOUTS
from gfr_data.sources.mapping import REFERENCES, SPLIT, TABLES, TARGET
from gfr_data.sources.source import Source
from manifests import ConfigError, DataError

ROLES = (IMAGE, IDENTITY, TARGET, REFERENCES, SPLIT)  # of --columns
_FILES = {"webdataset": TARS, "parquet": PARQUETS}  # that these layouts are made of; the others: archives
_TABLED = (*_FILES, "mapping")  # that have columns


def parse_source(text: str) -> Source:
    """Read 'LAYOUT=ROOT' or 'LAYOUT:NAME=ROOT'.

    Raises ConfigError for another form, DataError for an unknown layout or when ROOT is nothing that can be read.
    """
    head, equals, root = text.partition("=")
    layout, _, name = head.partition(":")
    if not equals or not root or not layout:
        raise ConfigError(f"--source {text!r}: expected LAYOUT=ROOT, with LAYOUT one of {', '.join(LAYOUTS)}")
    if layout not in LAYOUTS:
        raise DataError(f"--source {text!r}: unknown layout {layout!r}; choose one of {', '.join(LAYOUTS)}")
    if name and not re.fullmatch(r"[\w.-]+", name):
        raise ConfigError(f"--source {text!r}: the name {name!r} may hold letters, digits, '.', '_' and '-' only")
    folder, _, last = root.rpartition("/")
    root, pattern = (folder or "/" * root.startswith("/") or ".", last) if "*" in last else (root, "")
    if is_address(root):
        require_harmless(root)
        return Source(layout, root.rstrip("/"), name or layout, pattern)
    path = Path(root).expanduser()
    if layout == "mapping" and path.is_file() and path.name.lower().endswith(TABLES):
        path, pattern = path.parent, glob.escape(path.name)
    suffixes = _FILES.get(layout, SUFFIXES)
    if not path.is_dir() and not (path.is_file() and path.name.lower().endswith(suffixes)):
        raise DataError(
            f"--source {text}: {path} is not a folder, nor a {', '.join(suffixes)}; give what holds the dataset"
        )
    return _with_own_tables(Source(layout, str(path.resolve()), name or layout, pattern))


def _with_own_tables(source: Source) -> Source:
    """A source of given pairs with the tables that lie in its folder; any other as it is."""
    if source.layout != "mapping" or not Path(source.root).is_dir():
        return source
    files = sorted(file for file in Path(source.root).glob(source.pattern or "*") if file.suffix.lower() in TABLES)
    return replace(source, pattern="", tables=tuple(map(str, files)))


def with_tables(sources: Sequence[Source], texts: Sequence[str]) -> tuple[Source, ...]:
    """`sources` whose given pairs stand in the tables '[NAME:]FILE', and not in their own folders.

    Raises ConfigError where no source is meant, DataError for a file that does not exist.
    """
    changed = list(sources)
    for number, source in enumerate(sources):
        if source.layout != "mapping":
            continue
        own = [text for text in texts if text.startswith(f"{source.dataset}:")]
        meant = [text.removeprefix(f"{source.dataset}:") for text in own] or [text for text in texts if text not in own]
        files = [Path(text).expanduser() for text in meant]
        if missing := [file for file in files if not file.is_file() or file.suffix.lower() not in TABLES]:
            raise DataError(f"--mapping {missing[0]} is no file of {' or '.join(TABLES)}")
        if files:
            changed[number] = replace(source, tables=tuple(str(file.resolve()) for file in files))
    if texts and not any(source.layout == "mapping" for source in sources):
        raise ConfigError("--mapping: no source has the layout mapping; give its photographs as --source mapping=ROOT")
    return tuple(changed)


def with_columns(sources: Sequence[Source], texts: Sequence[str]) -> tuple[Source, ...]:
    """`sources` with what '[NAME:]ROLE=COLUMN,...' says that their own tables call things; without NAME, all of them.

    Raises ConfigError naming what cannot be used.
    """
    changed = list(sources)
    for text in texts:
        name, colon, rest = text.rpartition(":")
        given = dict(part.partition("=")[::2] for part in rest.split(","))
        if wrong := [role for role, column in given.items() if role not in ROLES or not column]:
            raise ConfigError(f"--columns {text!r}: {wrong[0]!r} is no ROLE=COLUMN with ROLE one of {', '.join(ROLES)}")
        meant = [n for n, s in enumerate(changed) if s.layout in _TABLED and (not colon or s.dataset == name)]
        if not meant:
            raise ConfigError(
                f"--columns {text!r}: no source of {', '.join(_TABLED)}" + f" is called {name!r}" * bool(colon)
            )
        for number in meant:
            both = dict(changed[number].columns) | given
            changed[number] = replace(changed[number], columns=tuple(sorted(both.items())))
    return tuple(changed)
