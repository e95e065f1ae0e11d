"""Manifests to models: batched degradation, networks, losses, training, evaluation, restoration.

For programs: `Restorer` restores photographs, `PairDataset` feeds pairs to a trainer of your own. Both are loaded when
they are first named, so that `import gfr_model` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gfr_model.restoration.restorer import Restorer as Restorer
    from gfr_model.training.dataset import PairDataset as PairDataset

HOMES = {"PairDataset": "gfr_model.training.dataset", "Restorer": "gfr_model.restoration.restorer"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
