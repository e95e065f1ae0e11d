"""What describes an exported data set: its card for people and the `datasets` hub, Croissant metadata for programs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from manifests import Provenance

CARD, CROISSANT = "README.md", "croissant.json"
NAME = "Guided face pairs"
HEAD = f"---\npretty_name: {NAME}\n"

# Croissant 1.0, https://docs.mlcommons.org/croissant/docs/croissant-spec.html: what its keys stand for.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

WORDS = """\
# {name}

Guided face restoration: each row has a crop of a face (`target`) and another photograph of the same person (`guide`),
{size}x{size}, with 68 landmarks each. A degraded `target` is restored with the help of its `guide`.

{splits}

Nobody is in two splits. Each split is a file of its own: `datasets.load_dataset` of this folder gives them by name, and
none of them is ever part of another.

**Before you share it.** The pictures show real people, and belong to whoever made them: a licence and the consent of
those shown are yours to see to, and this card claims none. Don't use the pairs to identify or watch anybody.

| column | what | unit |
| --- | --- | --- |
{columns}

Written by {tool} {version} (settings {settings}) and `gfr-data export --format parquet-embedded`. `croissant.json`
says the same to programs.
"""


@dataclass(frozen=True)
class Part:
    """One split."""

    name: str  # as `datasets` calls it
    file: str  # relative to the folder
    pairs: int
    persons: int


def is_card(path: Path) -> bool:
    """Whether a file is the card of an export."""
    try:
        return path.read_text("utf-8", errors="replace").startswith(HEAD)
    except OSError:
        return False


def card(parts: Sequence[Part], schema: pa.Schema, made_by: Provenance) -> str:
    """The text of CARD for tables of `schema`: in its head, for `datasets`, which file is which split."""
    files = [line for part in parts for line in (f"  - split: {part.name}", f"    path: {part.file}")]
    head = [
        HEAD + "task_categories:",
        "- image-to-image",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *files,
    ]
    columns = [f"| `{column.name}` | {_meaning(column)} | {_unit(column)} |" for column in schema]
    words = WORDS.format(
        name=NAME,
        size=made_by.crop_size,
        splits="\n".join(["| split | pairs | persons |", "| --- | --: | --: |", *map(_line, parts)]),
        columns="\n".join(columns),
        tool=made_by.tool,
        version=made_by.version,
        settings=made_by.config_hash,
    )
    return "\n".join([*head, "---", "", words])


def _line(part: Part) -> str:
    return f"| `{part.name}` | {part.pairs:,} | {part.persons:,} |"


def croissant(folder: Path, parts: Sequence[Part], schema: pa.Schema, made_by: Provenance) -> str:
    """The text of CROISSANT for the tables, of `schema`, that lie in `folder`."""
    about = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": NAME.lower().replace(" ", "-"),
        "description": "Pairs of face crops of one person, to train and test guided face restoration. "
        "The pictures show real people; licence and consent are those of their sources. "
        f"Written by {made_by.tool} {made_by.version}.",
        "distribution": [_file(folder, part) for part in parts],
        "recordSet": [_records(part, schema) for part in parts],
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _file(folder: Path, part: Part) -> dict[str, Any]:
    with (folder / part.file).open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": f"{part.name}.parquet",
        "name": f"{part.name}.parquet",
        "description": f"the split {part.name}",
        "contentUrl": part.file,
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _records(part: Part, schema: pa.Schema) -> dict[str, Any]:
    """A split's rows: a record set of its own, so that no reader joins them to another's."""
    return {
        "@type": "cr:RecordSet",
        "@id": part.name,
        "name": part.name,
        "description": f"{part.pairs} pairs of {part.persons} persons",
        "field": [_field(part, column) for column in schema],
    }


def _field(part: Part, column: pa.Field) -> dict[str, Any]:
    many, kind = pa.types.is_fixed_size_list(column.type) or pa.types.is_list(column.type), column.type
    source: dict[str, Any] = {"fileObject": {"@id": f"{part.name}.parquet"}, "extract": {"column": column.name}}
    if pa.types.is_struct(kind):
        source["transform"] = {"jsonPath": "bytes"}
    unit = f", {_unit(column)}" if _unit(column) else ""
    field = {
        "@type": "cr:Field",
        "@id": f"{part.name}/{column.name}",
        "name": column.name,
        "description": f"{_meaning(column)}{unit}",
        "dataType": _kind(kind.value_type if many else kind),
        "source": source,
    }
    return field | ({"repeated": True} if many else {})


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        return "sc:ImageObject"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Integer" if pa.types.is_integer(kind) else "sc:Text"


def _meaning(column: pa.Field) -> str:
    return (column.metadata or {}).get(b"description", b"").decode()


def _unit(column: pa.Field) -> str:
    return (column.metadata or {}).get(b"unit", b"").decode()
