"""Super-resolution in two steps, as the paper has SRCNN and VDSR do 8x: 2x on the result of 4x (§4.3)."""

from functools import partial

import torch
from torch import Tensor, nn

from gfr_model.degradation.batch import upsample
from gfr_model.device import repeatable
from gfr_model.inference import TrainedModel, load_model
from gfr_model.pictures import to_levels
from gfr_model.readings import readings
from gfr_model.results.scores import READ
from gfr_model.scoring.methods import Method, Output, Rows
from gfr_model.scoring.observations import Batch, Folder, to_tensor
from manifests import ConfigError, hash_bytes
from manifests.crops import UnusableError, read_picture


def cascade(text: str, device: torch.device) -> Method:
    """The two networks of 'NAME=RUN1,RUN2', one after the other.

    RUN1 restores the low-resolution file, enlarged to half the size; its result, rounded to 8 bits as a file would be
    and enlarged to the whole, is what RUN2 restores. Raises ConfigError for another form and for networks that look at
    a guide, DataError for a run that cannot be used.
    """
    name, _, paths = text.partition("=")
    given = [path for path in paths.split(",") if path]
    if len(given) != 2 or not name:
        raise ConfigError(
            f"--cascade {text!r} must be NAME=RUN1,RUN2: a run for half the size, and a run that doubles it"
        )
    first, second = models = [load_model(path, device) for path in given]
    if guided := [path for path, model in zip(given, models, strict=True) if getattr(model.network, "guided", True)]:
        raise ConfigError(f"--cascade {text}: {guided[0]} looks at a guide; a cascade is for SRCNN and VDSR")
    hashes = [model.checkpoint_hash for model in models]
    return Method(
        name,
        f"cascade of {' and '.join(hashes)}",
        partial(_in_two_steps, first.network, second.network),
        hash_bytes("".join(hashes).encode()),
        protocol=f"; {READ}{_told(first)}, then {_told(second)}, on its result",
    )


def _told(model: TrainedModel) -> str:
    return f"a network trained at scale {model.config.scale} ({', '.join(readings(model.config))})"


def _in_two_steps(first: nn.Module, second: nn.Module, folder: Folder, rows: Rows, batch: Batch) -> Output:
    """Restore each observation from its low-resolution file, image by image: they may differ in size."""
    restored: list[Tensor] = []
    places, errors = [], {}
    size, half = folder.size, folder.size // 2  # px: at the latter the first network works
    with torch.inference_mode(), repeatable():
        for place in batch.places:
            row = rows[place]
            try:
                picture = read_picture(folder.path / row["lq_path"], row["lq_hash"], None, folder.path, size)
            except UnusableError as error:
                errors[place] = str(error)
                continue
            low = to_tensor(picture[None], batch.truth.device)[0]
            if low.shape[-1] > half:
                errors[place] = f"a cascade enlarges twice at least, and {row['lq_path']} has {low.shape[-1]} px"
                continue
            middle = _restored(first, upsample(low, half))
            restored.append(_restored(second, upsample(middle, size)))
            places.append(place)
    empty = torch.empty((0, 3, size, size), dtype=torch.uint8, device=batch.truth.device)
    return Output(tuple(places), torch.stack(restored) if restored else empty, errors=errors)


def _restored(network: nn.Module, image: Tensor) -> Tensor:
    """What a network without a guide makes of an image (3, n, n) in [0, 1]: the same as uint8."""
    found: Tensor = to_levels(network(image[None], image[None]).restored)[0]
    return found
