"""68 landmarks in iBUG order, from a provider: something that is called with faces and returns their points.

There are two, `fan` (the network of the face-alignment package) and `file:PATH` (points that exist already). Others can
be installed: a package names a function `open(**options) -> provider` in the entry point group `gfr.landmarks`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from gfr_data.crop import CropGeometry
from manifests import ConfigError

GROUP = "gfr.landmarks"  # of entry points
POINTS = 68


@dataclass(frozen=True)
class LandmarkRequest:
    """A face whose landmarks are wanted."""

    root: Path  # of the source
    source_path: str  # relative to it
    image: np.ndarray  # the upright photograph, (H, W, 3) uint8 RGB
    box: np.ndarray  # (4,) x1, y1, x2, y2, px of the photograph
    geometry: CropGeometry  # how it is cropped


@dataclass(frozen=True)
class Landmarks:
    points: np.ndarray  # (68, 2) float32, px of the 256 px crop
    scores: np.ndarray | None = None  # (68,) float32, the provider's confidence


Provider = Callable[[Sequence[LandmarkRequest]], list[Landmarks | None]]


def open_provider(spec: str, fan_weights: Path | None = None, device: str = "cpu") -> Provider:
    """The provider that `spec` names: 'fan', 'file:PATH', or one that another package registers.

    Raises ConfigError for an unknown one, DataError when its weights or its file are missing or wrong.
    """
    if spec == "fan":
        from gfr_data.fan import Fan

        return Fan(fan_weights, device)
    if spec.startswith("file:"):
        from gfr_data.landmark_file import LandmarkFile

        return LandmarkFile(spec.removeprefix("file:"))
    others = entry_points(group=GROUP)
    if spec in others.names:
        provider: Provider = others[spec].load()(fan_weights=fan_weights, device=device)
        return provider
    raise ConfigError(f"unknown landmarks {spec!r}; choose {', '.join(['fan', 'file:PATH', *sorted(others.names)])}")
