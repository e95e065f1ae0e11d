"""68 landmarks in iBUG order, from a provider: something that is called with faces and returns their points.

There are two, `fan` (the network of the face-alignment package) and `file:PATH` (points that exist already). Others can
be installed: a package names a function `open(**options) -> provider` in the entry point group `gfr.landmarks`.
"""

from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from gfr_data.faces.landmarks import Provider
from manifests import ConfigError, DataError, hash_file

GROUP = "gfr.landmarks"  # of entry points
CROP_PIXELS = "?pixels=crop"  # after the path: the points are px of the 256 px crop, not of the photograph


def open_provider(spec: str, fan_weights: Path | None = None, device: str = "cpu") -> Provider:
    """The provider that `spec` names: 'fan', 'file:PATH', or one that another package registers.

    Raises ConfigError for an unknown one, DataError when its weights or its file are missing or wrong.
    """
    if problem := unknown_provider(spec):
        raise ConfigError(problem)
    if spec == "fan":
        from gfr_data.faces.fan import Fan

        return Fan(fan_weights, device)
    if spec.startswith("file:"):
        from gfr_data.faces.landmark_file import LandmarkFile

        return LandmarkFile(points_file(spec), in_crop=spec.endswith(CROP_PIXELS))
    provider: Provider = entry_points(group=GROUP)[spec].load()(fan_weights=fan_weights, device=device)
    return provider


def unknown_provider(spec: str) -> str | None:
    """What is wrong with the name of a provider; None when it is known."""
    others = sorted(entry_points(group=GROUP).names)
    if spec == "fan" or spec.startswith("file:") or spec in others:
        return None
    return f"{spec!r} is not a provider of landmarks; choose {', '.join(['fan', 'file:PATH', *others])}"


def require_weights(spec: str, fan_weights: Path | None = None) -> None:
    """Raise DataError when the weights of `spec` are missing: better now than after hours of detection."""
    if spec == "fan":
        from gfr_data.faces.fan import find_weights

        find_weights(fan_weights)


def hash_weights(spec: str, fan_weights: Path | None = None) -> str | None:
    """The hash of the weights of `spec`; None where it has none, or they are missing.

    MTCNN's have no hash here: only the one file that its code knows is ever opened.
    """
    if spec != "fan":
        return None
    from gfr_data.faces.fan import find_weights

    try:
        return hash_file(find_weights(fan_weights))
    except DataError:
        return None


def require_points(spec: str, photographs: Iterable[tuple[Path, str]]) -> None:
    """Raise DataError when `spec` is a file without points of any photograph (source's root, path relative to it)."""
    if spec.startswith("file:"):
        from gfr_data.faces.landmark_file import require_match

        require_match(points_file(spec), photographs)


def points_file(spec: str) -> Path:
    """The file that 'file:PATH' names, without what may follow the path."""
    return Path(spec.removeprefix("file:").removesuffix(CROP_PIXELS)).expanduser()
