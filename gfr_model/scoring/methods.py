"""What is compared: bicubic upsampling, trained networks, and folders that other systems filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gfr_model.device import repeatable
from gfr_model.inference import load_model
from gfr_model.networks.gfrnet import Restoration
from gfr_model.pictures import to_levels
from gfr_model.scoring.observations import Batch, Folder, UnusableError, decode, to_tensor
from manifests import ConfigError, DataError, hash_bytes
from manifests.degradation.space import CROP_SIZE

BICUBIC = "bicubic"
BATCH = {"cpu": 4, "cuda": 32}  # images that a network restores at a time
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Method:
    """Something that restores, under the name that the tables show."""

    name: str
    checkpoint_hash: str = ""  # of a network's weights
    network: nn.Module | None = None
    random_guide: bool = False  # the paper's Ours(R)
    seed: int = 0  # keys the random guides
    folder: Path | None = None  # of restored files

    @property
    def kind(self) -> str:
        """What identifies it beside its name: the same name must always mean the same."""
        if self.network is not None:
            return f"{self.checkpoint_hash}{f' with random guides, seed {self.seed}' if self.random_guide else ''}"
        return "restored files" if self.folder is not None else "upsampled input"


@dataclass(frozen=True)
class Output:
    """A restored batch, with the flow where the method has one."""

    restored: Tensor  # (B, 3, S, S) uint8: rounded, because that is what is stored and looked at
    warped: Tensor | None  # (B, 3, S, S) uint8
    flow: Tensor | None  # (B, 2, S, S) in [-1, 1]


@dataclass(frozen=True)
class Files:
    """What another system made of some observations."""

    images: Tensor | None  # (B, 3, S, S) uint8 of those without an error
    hashes: tuple[str, ...]  # of each file, empty where there is none
    errors: dict[int, str]  # by place among the observations


def gather(
    runs: Sequence[str], restored: Sequence[str], random_guide: bool, seed: int, device: torch.device
) -> tuple[Method, ...]:
    """Open everything that is to be scored; bicubic is always the first.

    `runs` and `restored` are '[NAME=]PATH' and 'NAME=FOLDER'. With `random_guide` each network that looks at its guide
    comes again as NAME(R). Raises ConfigError for a name given twice, DataError for a run or folder that is none.
    """
    methods = [Method(BICUBIC)]
    for text in runs:
        name, path = _named(text)
        model = load_model(path, device)
        if model.config.image_size != CROP_SIZE:
            raise DataError(f"{path} restores images of {model.config.image_size} px, but crops are {CROP_SIZE} px")
        whole = Path(path).resolve()
        name = name or (whole.name if whole.is_dir() else f"{whole.parent.name}-{whole.stem}")
        methods.append(Method(name, model.checkpoint_hash, model.network))
        if random_guide and getattr(model.network, "guided", True):
            methods.append(Method(f"{name}(R)", model.checkpoint_hash, model.network, True, seed))
    for text in restored:
        name, path = _named(text)
        if not name:
            raise ConfigError(f"--restored {text!r} must be NAME=FOLDER")
        if not Path(path).is_dir():
            raise DataError(f"--restored {text}: {path} is no folder")
        methods.append(Method(name, folder=Path(path)))
    names = [method.name for method in methods]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"more than one method is called {', '.join(twice)}; give each its own NAME=")
    return tuple(methods)


def restore(method: Method, batch: Batch) -> Output:
    """Restore a batch by bicubic upsampling, which it already had, or by a network, a few images at a time."""
    if method.network is None:
        return Output(to_levels(batch.degraded), None, None)
    size = BATCH.get(batch.degraded.device.type, 4)
    parts = []
    with torch.inference_mode(), repeatable():
        for degraded, guide in zip(batch.degraded.split(size), batch.guide.split(size), strict=True):
            parts.append(method.network(degraded, guide.float() / 255))
    return _joined(parts)


def read_restored(
    method: Method, folder: Folder, several: bool, rows: Sequence[dict[str, Any]], device: torch.device
) -> Files:
    """The files that another system made of `rows`; see `find_restored` for their names."""
    images, hashes, errors = [], [], {}
    for place, row in enumerate(rows):
        digest = ""
        try:
            path, content = find_restored(method, folder, several, row)
            digest = hash_bytes(content)
            images.append(decode(content, path, CROP_SIZE))
        except UnusableError as error:
            errors[place] = str(error)
        hashes.append(digest)
    return Files(to_tensor(np.stack(images), device) if images else None, tuple(hashes), errors)


def find_restored(method: Method, folder: Folder, several: bool, row: dict[str, Any]) -> tuple[Path, bytes]:
    """The file that restores an observation: named as its low-resolution file, with any suffix of an image.

    It lies in the method's folder, or in `lq/` there; where several degraded folders are scored, in a folder there that
    has the degraded folder's name. Raises UnusableError naming where it was looked for.
    """
    assert method.folder is not None
    root = method.folder / folder.path.resolve().name if several else method.folder
    wanted = Path(row["lq_path"]).with_suffix("")
    short = wanted.relative_to("lq") if wanted.parts[0] == "lq" else wanted
    for stem in (short, wanted):
        for suffix in SUFFIXES:
            path = root / f"{stem}{suffix}"
            if path.is_file():
                try:
                    return path, path.read_bytes()
                except OSError as error:
                    raise UnusableError(f"{path} cannot be read ({error.strerror})") from error
    raise UnusableError(f"{root / short}.png is missing")


def _joined(parts: Sequence[Restoration]) -> Output:
    restored = torch.cat([to_levels(part.restored) for part in parts])
    if parts[0].flow is None:
        return Output(restored, None, None)
    warped = torch.cat([to_levels(part.warped) for part in parts if part.warped is not None])
    return Output(restored, warped, torch.cat([part.flow.float() for part in parts if part.flow is not None]))


def _named(text: str) -> tuple[str, str]:
    """NAME=PATH -> both; a path alone has no name."""
    name, equals, path = text.partition("=")
    return (name, path) if equals and "/" not in name else ("", text)
