"""Where weights lie: in the folder of weights, in the package that ships them, or in torch's cache."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from manifests.errors import ConfigError, DataError
from manifests.weights.table import File, Weight, named

FOLDER_VARIABLE = "GFR_WEIGHTS"  # names another folder


def folder() -> Path:
    """The folder that `gfr-data weights get` fills: what GFR_WEIGHTS names, else `gfr/weights` in the user's data.

    Raises DataError where the user has no home and names none.
    """
    try:
        if given := os.environ.get(FOLDER_VARIABLE):
            return Path(given).expanduser().absolute()
        return _user_data() / "gfr" / "weights"
    except RuntimeError as error:
        raise DataError(f"there is no home folder to keep weights in; name one with {FOLDER_VARIABLE}") from error


def _user_data() -> Path:
    """Where this system keeps a user's data; XDG_DATA_HOME wins where it is set (a relative one counts as unset)."""
    if Path(given := os.environ.get("XDG_DATA_HOME", "")).is_absolute():
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path("~/AppData/Local").expanduser())
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser()
    return Path("~/.local/share").expanduser()


def _torch_cache() -> Path:
    """Where torch.hub keeps what it downloads, told without importing torch."""
    home = os.environ.get("TORCH_HOME")
    cache = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return cache.expanduser() / "hub" / "checkpoints"


def paths(weight: Weight) -> dict[File, Path]:
    """Each file of a weight where it is; files that are nowhere are left out."""
    found = {}
    for file in weight.files:
        if path := next((path for path in _candidates(weight, file) if _whole(path, file)), None):
            found[file] = path
    return found


def _candidates(weight: Weight, file: File) -> Sequence[Path]:
    candidates = [folder() / file.name]
    spec = find_spec(weight.package) if weight.package else None
    for place in (spec.submodule_search_locations if spec else None) or ():
        candidates.append(Path(place).parent / file.member)
    return [*candidates, *(_torch_cache() / name for name in weight.cached)]


def _whole(path: Path, file: File) -> bool:
    return path.is_file() and file.size in (None, path.stat().st_size)


def find(name: str) -> Path | None:
    """The (first) file of the weights called `name`, when all of its files are there; else None."""
    weight = named(name)
    found = paths(weight)
    return found[weight.files[0]] if len(found) == len(weight.files) else None


def state(name: str) -> str:
    """Whether the weights called `name` are there: 'here', 'damaged' (of another size) or 'missing'."""
    if find(name):
        return "here"
    return "damaged" if any((folder() / file.name).is_file() for file in named(name).files) else "missing"


def require(option: str, given: Path | str | None, *names: str) -> Path:
    """The file that an option means: the path it is given, one of `names`, or without either the first that is there.

    Raises DataError with the one command that gets what is missing; ConfigError for the name of another weight.
    """
    if given and Path(given).expanduser().is_file():
        return Path(given).expanduser()
    if given and str(given) not in names:
        if Path(given).name == str(given) and not Path(given).suffix and _is_name(str(given)):
            raise ConfigError(f"{option} {given}: of the weights with a name it takes {', '.join(names)}")
        raise DataError(f"{option} {given}: there is no such file; {advice(names[0])}")
    for name in [str(given)] if given else names:
        if path := find(name):
            return path
    wanted = str(given or names[0])
    raise DataError(f"the weights {wanted!r} are missing: {advice(wanted)}, or name a file with {option}")


def advice(name: str) -> str:
    """How the weights called `name` are got, as half a sentence."""
    return f"`gfr-data weights get {name}` gets them"


def _is_name(text: str) -> bool:
    try:
        return bool(named(text))
    except ConfigError:
        return False
