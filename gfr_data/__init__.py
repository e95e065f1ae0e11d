"""Photographs to manifests: sources, decoding, detection, landmarks, quality, selection, splits, degradation.

For programs: `build_pairs(BuildConfig(sources=(parse_source("folder=album"),), out=...))` does what the command does.
They are loaded when they are first named, so that `import gfr_data` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gfr_data.build import build_pairs as build_pairs
    from gfr_data.config import BuildConfig as BuildConfig
    from gfr_data.sources.options import parse_source as parse_source

HOMES = {
    "BuildConfig": "gfr_data.config",
    "build_pairs": "gfr_data.build",
    "parse_source": "gfr_data.sources.options",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
