"""A folder of people packed as they come: tar, tar.gz, zip, a folder of archives, WebDataset's shards, Parquet."""

import io
import json
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

NEEDS_GZIP = pytest.mark.skipif(
    find_spec("indexed_gzip") is None, reason="needs indexed-gzip: pip install 'gfrnet-toolkit[gzip]'"
)
ARCHIVES = (".tar", pytest.param(".tar.gz", marks=NEEDS_GZIP), ".zip")


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def dealt(people: Path) -> list[Path]:
    """The photographs in the order in which `tabulate` has them."""
    return [*files_in(people)[::2], *files_in(people)[1::2]]


def pack(folder: Path, archive: Path) -> Path:
    """All files of `folder` in one archive; a zip has every second of them deflated."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for number, path in enumerate(files_in(folder)):
                form = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2]
                file.write(path, path.relative_to(folder).as_posix(), form)
    else:
        with tarfile.open(archive, "w:gz" if archive.name.endswith(".gz") else "w") as file:
            file.add(folder, ".")
    return archive


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def shard(people: Path, out: Path, shards: int = 2, label: str = "identity") -> Path:
    """WebDataset's shards: the photographs of every person, dealt to the shards in turn, each with its json."""
    out.mkdir(parents=True, exist_ok=True)
    for number in range(shards):
        with tarfile.open(out / f"{number:05d}.tar", "w") as file:
            for path in files_in(people)[number::shards]:
                key = path.relative_to(people).with_suffix("").as_posix()
                add(file, f"{key}{path.suffix}", path.read_bytes())
                add(file, f"{key}.json", json.dumps({label: path.parent.name}).encode())
    return out


def tabulate(people: Path, out: Path, rows: int = 3, classes: bool = False) -> Path:
    """A Parquet file as `datasets` writes it, its rows dealt so that no person's lie together, `rows` to a group."""
    out.mkdir(parents=True, exist_ok=True)
    files = dealt(people)
    pictures = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
    labels = [path.parent.name for path in files]
    kind = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    table = pa.table({"image": pa.array(pictures, kind), "identity": labels})
    if classes:
        names = sorted(set(labels))
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = pa.table({"image": table["image"], "label": [names.index(label) for label in labels]})
        table = table.replace_schema_metadata({b"huggingface": json.dumps({"info": {"features": features}}).encode()})
    pq.write_table(table, out / "train-00000-of-00001.parquet", row_group_size=rows)
    return out
