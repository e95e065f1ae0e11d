"""A dataset that a build reads, and an identity of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gfr_data.sources.boxes import Box
from gfr_data.sources.parts import Part


@dataclass(frozen=True)
class Source:
    layout: str  # one of LAYOUTS
    root: str  # what its names are relative to: a folder, a file that is read as a folder, or an address; absolute
    dataset: str  # name in the tables; the layout's unless 'folder:NAME=ROOT' gives another
    pattern: str = ""  # of the files in the root that are meant, as 'train-*.parquet'; "" is all
    columns: tuple[tuple[str, str], ...] = ()  # what its own tables call 'image', 'identity', ...; sorted
    tables: tuple[str, ...] = ()  # of given pairs; absolute paths

    def column(self, role: str) -> str:
        """What the source's own tables call `role`; the role itself unless --columns says otherwise."""
        return dict(self.columns).get(role, role)

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON values, without those that have their default."""
        values: dict[str, Any] = {"layout": self.layout, "root": self.root, "dataset": self.dataset}
        more = {"pattern": self.pattern, "columns": dict(self.columns), "tables": list(self.tables)}
        return values | {name: value for name, value in more.items() if value}


def source_from_json(values: Mapping[str, Any]) -> Source:
    """The source whose `to_json` gave `values`."""
    columns = tuple(sorted(values.get("columns", {}).items()))
    tables = tuple(values.get("tables", ()))
    return Source(values["layout"], values["root"], values["dataset"], values.get("pattern", ""), columns, tables)


@dataclass(frozen=True)
class Identity:
    dataset: str
    subset: str  # the source's own split, "" where it has none
    name: str  # folder, class or label
    person: str  # equal across datasets, see `persons`
    paths: tuple[str, ...]  # photographs relative to the source's root, sorted
    boxes: tuple[Box | None, ...]  # the dataset's own box of the subject, where it has one
    parts: tuple[Part | None, ...]  # where each lies inside a file; None: it is a file itself
    references: tuple[tuple[str, ...], ...] = ()  # where pairs are given: those of each of `paths`, () of no target
