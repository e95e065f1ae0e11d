"""What is compared: bicubic upsampling, trained networks, with another person's guide too, and other systems' files.

Each is a Method: a function that restores a batch, and what the tables say about it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gfr_model.device import repeatable
from gfr_model.inference import DEFAULT, load_model, model_path
from gfr_model.networks.gfrnet import Restoration
from gfr_model.pictures import to_levels
from gfr_model.readings import readings
from gfr_model.results.scores import READ
from gfr_model.scoring.observations import Batch, Folder, Guide, own_guides, random_guides, to_tensor
from manifests import ConfigError, DataError, hash_bytes
from manifests.crops import CROP_SIZE, UnusableError, decode_picture, read_content
from manifests.tables.schemas import BICUBIC

BATCH = {"cpu": 4, "cuda": 32}  # images that a network restores at a time
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

Rows = Sequence[dict[str, Any]]  # of a degraded folder


@dataclass(frozen=True)
class Output:
    """What a method made of a batch."""

    places: tuple[int, ...]  # of what it restored, among the rows that were asked for
    restored: Tensor  # (N, 3, S, S) uint8: rounded, because that is what is stored and looked at
    warped: Tensor | None = None  # (N, 3, S, S) uint8
    flow: Tensor | None = None  # (N, 2, S, S) in [-1, 1]
    errors: dict[int, str] = field(default_factory=dict)  # why the others were not restored, by place
    hashes: dict[int, str] = field(default_factory=dict)  # of restored files, by place


@dataclass(frozen=True)
class Method:
    """Something that restores, under the name that the tables show."""

    name: str
    kind: str  # what identifies it beside its name: the same name must always mean the same
    restore: Callable[[Folder, Rows, Batch], Output]
    checkpoint_hash: str = ""  # of a network's weights
    guides: Callable[[Folder, Rows], list[Guide | None]] = own_guides
    protocol: str = ""  # what it adds to the protocol of all
    # What is not as it was when its files had these hashes.
    changed: Callable[[Folder, Rows, Sequence[str]], str] = lambda folder, rows, hashes: ""


def gather(
    runs: Sequence[str],
    restored: Sequence[str],
    random_guide: bool,
    seed: int,
    device: torch.device,
    several: bool,
    further: Sequence[Method] = (),
    size: int = CROP_SIZE,
) -> tuple[Method, ...]:
    """Open everything that is to be scored; bicubic is always the first.

    `runs` are '[NAME=]PATH', or 'NAME=PATH1,PATH2,...' for several seeds; `restored` 'NAME=FOLDER'. With `random_guide`
    each network that looks at its guide comes again as NAME(R), its guides keyed by `seed`. `several`: more than one
    degraded folder is scored. `further` methods are open already. `size`: px of the crops.
    Raises ConfigError for a name given twice, DataError for a run or folder that cannot be used.
    """
    methods = [bicubic()]
    for text in (one for given in runs for one in _seeds(given)):
        method, guided = trained(text, device, size)
        methods.append(method)
        if random_guide and guided:
            methods.append(with_random_guide(method, seed))
    methods += [*further, *(restored_files(text, several) for text in restored)]
    names = [method.name for method in methods]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"more than one method is called {', '.join(twice)}; give each its own NAME=")
    return tuple(methods)


def bicubic() -> Method:
    """Bicubic upsampling, which a batch has already."""

    def restore(folder: Folder, rows: Rows, batch: Batch) -> Output:
        return Output(batch.places, to_levels(batch.degraded))

    return Method(BICUBIC, "upsampled input", restore)


def trained(text: str, device: torch.device, size: int = CROP_SIZE) -> tuple[Method, bool]:
    """The network of a run, '[NAME=]PATH', for crops of `size` px, and whether it looks at its guide."""
    name, path = _named(text)
    path = str(model_path(path))
    model = load_model(path, device)
    if model.config.image_size != size:
        raise DataError(
            f"{path} restores images of {model.config.image_size} px, but crops are {size} px: "
            f"train a run with --set image_size={size}, or degrade pairs of {model.config.image_size} px"
        )
    whole = Path(path).resolve()
    guided, alignment = getattr(model.network, "guided", True), model.config.alignment
    if not name:
        name = whole.name if whole.is_dir() else f"{whole.parent.name}-{whole.stem}"
        name += f"+{alignment}" if guided and name != DEFAULT and alignment not in ("none", *name.split("+")) else ""
    read = f"{READ}{', '.join(readings(model.config))}"
    hashed = model.checkpoint_hash
    method = Method(name, hashed, partial(_by_network, model.network), hashed, protocol=f"; {read}")
    return method, guided


def with_random_guide(method: Method, seed: int) -> Method:
    """The same network with the guide of another person: the paper's Ours(R)."""
    return replace(
        method,
        name=f"{method.name}(R)",
        kind=f"{method.kind} with random guides, seed {seed}",
        guides=lambda folder, rows: random_guides(rows, folder.guides, seed),
        protocol=f"{method.protocol}; guide of another person, seed {seed}",
    )


def restored_files(text: str, several: bool) -> Method:
    """What another system restored, 'NAME=FOLDER'.

    A file is named as its low-resolution file, with any suffix of an image. It lies in the folder, or in `lq/` there;
    where `several` degraded folders are scored, in a folder there that has the degraded folder's name.
    """
    name, path = _named(text)
    if not name:
        raise ConfigError(f"--restored {text!r} must be NAME=FOLDER")
    if not Path(path).is_dir():
        raise DataError(f"--restored {text}: {path} is not a folder")

    def root(folder: Folder) -> Path:
        return Path(path) / folder.path.resolve().name if several else Path(path)

    def restore(folder: Folder, rows: Rows, batch: Batch) -> Output:
        return _from_files(root(folder), rows, batch)

    def changed(folder: Folder, rows: Rows, hashes: Sequence[str]) -> str:
        for row, digest in zip(rows, hashes, strict=True):
            try:
                file, content = _find(root(folder), row)
            except UnusableError as error:
                return str(error)
            if hash_bytes(content) != digest:
                return f"{file} has changed"
        return ""

    return Method(name, "restored files", restore, changed=changed)


def _by_network(network: nn.Module, folder: Folder, rows: Rows, batch: Batch) -> Output:
    """Restore a batch, a few images at a time."""
    size = BATCH.get(batch.degraded.device.type, 4)
    parts: list[Restoration] = []
    with torch.inference_mode(), repeatable():
        for degraded, guide in zip(batch.degraded.split(size), batch.guide.split(size), strict=True):
            parts.append(network(degraded, guide.float() / 255))
    restored = torch.cat([to_levels(part.restored) for part in parts])
    if parts[0].flow is None:
        return Output(batch.places, restored)
    warped = torch.cat([to_levels(part.warped) for part in parts if part.warped is not None])
    flow = torch.cat([part.flow.float() for part in parts if part.flow is not None])
    return Output(batch.places, restored, warped, flow)


def _from_files(root: Path, rows: Rows, batch: Batch) -> Output:
    """Read what another system made of a batch."""
    images: dict[int, np.ndarray] = {}
    size = batch.truth.shape[-1]
    errors, hashes = {}, {}
    for place in batch.places:
        try:
            path, content = _find(root, rows[place])
            hashes[place] = hash_bytes(content)
            images[place] = decode_picture(content, path, size)
        except UnusableError as error:
            errors[place] = str(error)
    stacked = np.stack(list(images.values())) if images else np.empty((0, size, size, 3), np.uint8)
    return Output(tuple(images), to_tensor(stacked, batch.truth.device), errors=errors, hashes=hashes)


def _find(root: Path, row: dict[str, Any]) -> tuple[Path, bytes]:
    """The file that restores an observation. Raises UnusableError naming where it was looked for."""
    wanted = Path(row["lq_path"]).with_suffix("")
    short = wanted.relative_to("lq") if wanted.parts[0] == "lq" else wanted
    for stem in (short, wanted):
        for suffix in SUFFIXES:
            path = root / f"{stem}{suffix}"
            if path.is_file():
                return path, read_content(path)
    raise UnusableError(f"{root / short}.png is missing")


def _seeds(text: str) -> list[str]:
    """'NAME=RUN1,RUN2' -> 'NAME#1=RUN1', 'NAME#2=RUN2': runs of one method, which tables show as one."""
    name, path = _named(text)
    if not name or "," not in path or Path(path).exists():
        return [text]
    return [f"{name}#{number}={run}" for number, run in enumerate(path.split(","), start=1)]


def _named(text: str) -> tuple[str, str]:
    """NAME=PATH -> both; a path alone has no name."""
    name, equals, path = text.partition("=")
    return (name, path) if equals and "/" not in name else ("", text)
