"""A build of any number of faces as it is when all photographs are examined: index, shards, crops; no photographs.

Rows are those of a real build, its identities again and again under new names: what is measured moves a little,
landmarks move together, and pictures vary as the build's own do, one in a hundred being another's but for noise. Crops
are files of the right size in pixels and some hundred bytes, no two alike.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gfr_data.config import BuildConfig
from gfr_data.examination.row import PLAIN_SHARD as SHARD
from gfr_data.examination.work import WORK, Work
from gfr_data.quality.copies import PICTURE
from gfr_data.sources.source import Identity, Source
from manifests import PAIRS_FILE, hash_bytes, read_provenance, read_table, write_table
from manifests.crops import CROP_SIZE

COPIES = 0.01  # share of faces whose picture is that of another of the shard
VARIATIONS = 64  # of pictures: nearly all that there are
MOVED = {"yaw": 3.0, "pitch": 3.0, "roll": 2.0, "quality": 0.03, "crop_side": 20.0}  # standard deviations
HASHED = 32  # px, side of the picture that is hashed


@dataclass(frozen=True)
class Model:
    """What is varied: the rows of a build, and how its pictures vary."""

    rows: pa.Table  # SHARD, identity after identity
    members: dict[str, list[tuple[int, int]]]  # dataset -> first and last row + 1 of each identity
    middle: np.ndarray  # (PICTURE^2,) float32
    axes: np.ndarray  # (VARIATIONS, PICTURE^2) float32, as long as the pictures vary
    frequencies: np.ndarray  # (PICTURE^2, 64) float32: a picture times this are its lowest frequencies


def read_model(build: Path) -> Model:
    """What a finished build gives."""
    shards = sorted((build / WORK / "shards").rglob("*.parquet"))
    rows = pa.concat_tables([read_table(shard, SHARD) for shard in shards]).combine_chunks()
    whose = zip(rows["dataset"].to_pylist(), rows["identity"].to_pylist(), strict=True)
    members: dict[str, list[tuple[int, int]]] = {}
    for (dataset, _), group in groupby(enumerate(whose), key=lambda item: item[1]):
        places = [row for row, _ in group]
        members.setdefault(dataset, []).append((places[0], places[-1] + 1))
    pictures = np.stack([np.frombuffer(one, np.uint8) for one in rows["picture"].drop_null().to_pylist()])
    sizes, axes = np.linalg.eigh(np.cov(pictures.T.astype(np.float32)))
    axes = (axes * np.sqrt(np.maximum(sizes, 0)))[:, -VARIATIONS:].T
    return Model(rows, members, pictures.mean(axis=0, dtype=np.float32), axes.astype(np.float32), _frequencies())


def _frequencies() -> np.ndarray:
    """Enlarging to HASHED px and the cosine transform, both linear: what `copies.hash_picture` looks at."""
    units = np.eye(PICTURE * PICTURE, dtype=np.float32).reshape(-1, PICTURE, PICTURE)
    return np.stack([cv2.dct(cv2.resize(unit, (HASHED, HASHED)))[:8, :8].ravel() for unit in units])


def configure(build: Path, out: Path) -> BuildConfig:
    """A build in `out` with the datasets of another, and the rules by which faces are usually chosen."""
    settings = json.loads(read_provenance(build / PAIRS_FILE).config)
    sources = []
    for source in settings["sources"]:
        root = out / "photographs" / source["dataset"]
        root.mkdir(parents=True, exist_ok=True)
        sources.append(Source(source["layout"], str(root), source["dataset"]))
    (out / "points.txt").touch()
    return BuildConfig(tuple(sources), out / "build", f"file:{out / 'points.txt'}")


def identities(model: Model, config: BuildConfig, count: int) -> Iterator[tuple[int, Identity, range]]:
    """Source, identity and its rows of the model: about `count` photographs, of each dataset its share."""
    names = model.rows["source_path"].to_pylist()
    for number, source in enumerate(config.sources):
        members = model.members[source.dataset]
        size = sum(end - start for start, end in members)
        for one in range(round(count * size / model.rows.num_rows / size * len(members))):
            rows = range(*members[one % len(members)])
            name = f"{one:07d}_{names[rows[0]].partition('/')[0]}"
            files = tuple(f"{name}/{names[row].rpartition('/')[2]}" for row in rows)
            none = (None,) * len(rows)
            person = f"{source.dataset} {name}"
            yield number, Identity(source.dataset, "", name, person, files, none, none), rows


def write_shards(model: Model, config: BuildConfig, work: Work, count: int) -> None:
    """The shards of the index, as an examination leaves them."""
    found = identities(model, config, count)
    work.make()
    for number, size in enumerate(work.sizes()):
        rows: list[int] = []
        who: list[Identity] = []
        while len(rows) < size:
            _, identity, own = next(found)
            rows += own
            who += [identity] * len(own)
        paths = [path for identity in dict.fromkeys(who) for path in identity.paths]
        write_table(work.shard(number), _varied(model, rows, who, paths, number), SHARD, work.made_by)


def _varied(model: Model, rows: list[int], who: list[Identity], paths: list[str], seed: int) -> pa.Table:
    """Rows of the model as those of other photographs."""
    rng, table = np.random.default_rng(seed), model.rows.take(pa.array(rows))
    changed: dict[str, pa.Array] = {
        "identity": pa.array([identity.name for identity in who]),
        "person": pa.array([identity.person for identity in who]),
        "source_path": pa.array(paths),
        "content_hash": pa.array([rng.bytes(16).hex() for _ in rows]),
    }
    for name, far in MOVED.items():
        values = table[name].combine_chunks()
        moved = values.to_numpy(zero_copy_only=False) + rng.normal(0, far, len(rows))
        least = 0 if name in ("quality", "crop_side") else -90
        moved = np.clip(moved, least, 1 if name == "quality" else None).astype(np.float32)
        changed[name] = pa.array(moved, mask=values.is_null().to_numpy(zero_copy_only=False))
    points = table["landmarks"].combine_chunks()
    flat = points.values.to_numpy(zero_copy_only=False).reshape(-1, 136)
    flat = flat + np.tile(rng.normal(0, 2, (len(flat), 2)), 68)
    without = points.is_null().to_numpy(zero_copy_only=False)
    changed["landmarks"] = pa.FixedSizeListArray.from_arrays(
        pa.array(flat.astype(np.float32).ravel()), 136, mask=pa.array(without)
    )
    changed |= _pictures(model, rng, table["picture"].combine_chunks().is_null().to_numpy(zero_copy_only=False))
    return pa.table([changed.get(f.name, table[f.name]) for f in SHARD], schema=SHARD)


def _pictures(model: Model, rng: np.random.Generator, without: np.ndarray) -> dict[str, pa.Array]:
    """Pictures that vary as the model's, and their hashes; none where a photograph is `without`."""
    count = len(without)
    pictures = model.middle + rng.standard_normal((count, VARIATIONS), np.float32) @ model.axes
    copies = rng.choice(count, round(COPIES * count), replace=False)
    pictures[copies] = pictures[rng.integers(0, count, len(copies))] + rng.normal(0, 2, (len(copies), PICTURE**2))
    pictures = np.clip(pictures, 0, 255).astype(np.uint8)
    lowest = pictures @ model.frequencies
    bits = lowest > np.median(lowest[:, 1:], axis=1, keepdims=True)
    words = np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)
    content = [None if no else picture.tobytes() for no, picture in zip(without, pictures, strict=True)]
    return {"picture": pa.array(content, pa.binary()), "perceptual_hash": pa.array(words, mask=without)}


def crop_file(number: int) -> tuple[bytes, str]:
    """A crop that no other number has, and its hash."""
    text = PngInfo()
    text.add_text("Comment", f"{number}")
    file = io.BytesIO()
    Image.new("1", (CROP_SIZE, CROP_SIZE), number & 1).save(file, "PNG", pnginfo=text)
    return file.getvalue(), hash_bytes(file.getvalue())
