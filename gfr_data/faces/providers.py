"""68 landmarks in iBUG order, from a provider: something that is called with faces and returns their points.

There are three: `fan` (the network of the face-alignment package), `dlib` (its predictor) and `file:PATH` (points that
exist already); `auto` is the better of the first two that is there. Others can be installed: a package names a function
`open(**options) -> provider` in the entry point group `gfr.landmarks`.
"""

from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gfr_data.faces.landmarks import Provider
from manifests import ConfigError, DataError, hash_file, weights

if TYPE_CHECKING:
    from gfr_data.faces.point_table import PointTable

GROUP = "gfr.landmarks"  # of entry points
CROP_PIXELS = "?pixels=crop"  # after the path: the points are px of the 256 px crop, not of the photograph
AUTO, FAN, DLIB = "auto", "fan", "dlib"
NEITHER = (
    "nothing here finds landmarks: pip install 'gfrnet-toolkit[dlib]', or 'gfrnet-toolkit[fan]' and then "
    "`gfr-data weights get fan`, or bring points with --landmarks file:PATH"
)


def choose_provider(fan_weights: Path | None = None) -> str:
    """What 'auto' means here: 'fan' where its weights and its package are, else 'dlib' where that is installed.

    Raises DataError, which says what to install, where neither is.
    """
    from gfr_data.faces import dlib_predictor

    if fan_weights is not None or (weights.find(FAN) and find_spec("face_alignment")):
        return FAN
    if dlib_predictor.is_installed():
        return DLIB
    raise DataError(NEITHER)


def open_provider(
    spec: str,
    fan_weights: Path | None = None,
    device: str = "cpu",
    trust_program: bool = False,
    points: "PointTable | None" = None,
) -> Provider:
    """The provider that `spec` names: 'fan', 'dlib', 'file:PATH', or one that another package registers.

    trust_program: run weights of 'fan' that are a TorchScript program. points: those of 'file:PATH', where a build has
    put them.

    Raises ConfigError for an unknown one, DataError when its weights or its file are missing or wrong.
    """
    if problem := unknown_provider(spec):
        raise ConfigError(problem)
    if spec == AUTO:
        spec = choose_provider(fan_weights)
    if spec == FAN:
        from gfr_data.faces.fan import Fan

        return Fan(fan_weights, device, trust_program)
    if spec == DLIB:
        from gfr_data.faces.dlib_predictor import DlibPredictor

        return DlibPredictor()
    if spec.startswith("file:"):
        from gfr_data.faces.landmark_file import LandmarkFile

        return LandmarkFile(points_file(spec), spec.endswith(CROP_PIXELS), points)
    provider: Provider = entry_points(group=GROUP)[spec].load()(fan_weights=fan_weights, device=device)
    return provider


def unknown_provider(spec: str) -> str | None:
    """What is wrong with the name of a provider; None when it is known."""
    others = sorted(entry_points(group=GROUP).names)
    if spec in (AUTO, FAN, DLIB) or spec.startswith("file:") or spec in others:
        return None
    return f"{spec!r} is not a provider of landmarks; choose {', '.join([AUTO, FAN, DLIB, 'file:PATH', *others])}"


def require_weights(spec: str, fan_weights: Path | None = None, trust_program: bool = False) -> None:
    """Raise DataError when the weights of `spec` are missing, or an untrusted program: better now than hours later."""
    if spec == FAN:
        from gfr_data.faces.fan import require_harmless

        require_harmless(weights.require("--fan-weights", fan_weights, FAN), trust_program)
    if spec == DLIB:
        from gfr_data.faces.dlib_predictor import require_dlib

        require_dlib()


def hash_weights(spec: str, fan_weights: Path | None = None) -> str | None:
    """The hash of the weights of `spec`; None where it has none, or they are missing.

    MTCNN's have no hash here: only the one file that its code knows is ever opened.
    """
    path = weights.find("dlib-landmarks") if spec == DLIB else None
    if spec == FAN:
        path = fan_weights or weights.find(FAN)
    return hash_file(path) if path is not None and path.is_file() else None


def hash_points(spec: str) -> str | None:
    """The hash of the file that 'file:PATH' names; None of any other provider. Raises DataError where it is missing."""
    if not spec.startswith("file:"):
        return None
    path = points_file(spec)
    if not path.is_file():
        raise DataError(f"--landmarks {spec}: {path} does not exist; give a CSV, Parquet or TCDCN text of points")
    return hash_file(path)


def put_points(spec: str, folder: Path, digest: str) -> None:
    """Put the points of 'file:PATH' where all workers map them, unless they lie there; `digest` is the file's hash."""
    from gfr_data.faces.landmark_file import keyed_points
    from gfr_data.faces.point_table import make_points, open_points

    if open_points(folder, digest) is None:
        make_points(folder, keyed_points(points_file(spec)), digest)


def require_points(spec: str, photographs: Iterable[tuple[str, str]]) -> None:
    """Raise DataError when `spec` is a file without points of any photograph (source's root, path relative to it)."""
    if spec.startswith("file:"):
        from gfr_data.faces.landmark_file import require_match

        require_match(points_file(spec), photographs)


def points_file(spec: str) -> Path:
    """The file that 'file:PATH' names, without what may follow the path."""
    return Path(spec.removeprefix("file:").removesuffix(CROP_PIXELS)).expanduser()
