"""Files by path or by address ('s3://...', 'hf://...', 'https://...'): opened, listed and read in pieces.

Addresses are fsspec's, whose packages read them; a path is read as it always was, without fsspec.
"""

import hashlib
import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from manifests import ConfigError, DataError

WAITS = (1.0, 5.0)  # seconds before a network is asked again
Answer = TypeVar("Answer")


def is_address(path: str) -> bool:
    """Whether it is for fsspec, and not a path of this machine."""
    return "://" in path


def joined(root: str, name: str) -> str:
    """What `name` is called that lies in `root`; `root` itself where the name is empty."""
    return f"{root.rstrip('/')}/{name}" if name else root


def path_key(folder: str, name: str) -> int:
    """A 64-bit hash of a path, with links to folders resolved, as they are in a source's root; of an address as it is.

    What lies in a file is named as if the file were a folder.
    """
    if is_address(name):
        real = name
    elif is_address(folder):
        real = joined(folder, name)
    else:
        path = Path(folder) / name
        real = f"{_real(path.parent)}/{path.name}"
    return int.from_bytes(hashlib.blake2b(os.fsencode(real), digest_size=8).digest(), "big")


@lru_cache(maxsize=4096)
def _real(folder: Path) -> str:
    return str(folder.resolve())


def require_harmless(address: str) -> None:
    """Raise ConfigError for an address with a password or token in it: tables and pages name where they come from."""
    place = address.partition("://")[2]
    if "@" in place.partition("/")[0] or "?" in place:
        raise ConfigError(
            f"--source {address.partition('://')[0]}://...: an address with a user, password or query would be written "
            "into every table; give the plain one, and what it needs to the package that opens it (see fsspec)"
        )


def open_file(path: str) -> BinaryIO:
    """The file opened to read and seek. Raises OSError where it is not there, DataError where it cannot be reached."""
    if not is_address(path):
        return open(path, "rb")
    system, place = _system(path)
    file: BinaryIO = _asked(path, lambda: system.open(place, "rb"))
    if not file.seekable():
        raise _no_ranges(path)
    return file


def read_range(path: str, start: int, size: int) -> bytes:
    """`size` bytes from `start` on, fewer where the file ends. Raises as `open_file`."""
    if is_address(path):
        system, place = _system(path)
        content = bytes(_asked(path, lambda: system.cat_file(place, start=start, end=start + size)))
        if start and len(content) > size:  # all of it, then: these bytes are others
            raise _no_ranges(path)
        return content[:size]
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        content = file.read(size) or b""
        while len(content) < size and (more := file.read(size - len(content))):
            content += more
        return content


def _no_ranges(path: str) -> DataError:
    return DataError(f"{path}: its server gives no parts of files (ranges); download it, and name the file")


def stamp_of(path: str) -> str:
    """Text that changes when the file does: its size and when it was written. Raises as `open_file`."""
    if not is_address(path):
        found = Path(path).stat()
        return f"{found.st_size}-{found.st_mtime_ns}"
    system, place = _system(path)
    known = _asked(path, lambda: system.info(place))
    when = next(
        (str(known[name]) for name in ("ETag", "etag", "LastModified", "mtime", "created") if known.get(name)), ""
    )
    return f"{known.get('size')}-{when}"


def list_files(address: str) -> dict[str, int]:
    """Every file below an address: its name relative to that, and its size in bytes, 0 where the server has none.

    Raises DataError where nothing lies there or it cannot be reached.
    """
    system, place = _system(address)
    try:
        found = _asked(address, lambda: system.find(place, detail=True))
    except FileNotFoundError:
        found = {}
    root = place.rstrip("/")
    names = {path[len(root) :].lstrip("/"): int(known.get("size") or 0) for path, known in found.items()}
    if not names:
        raise DataError(f"--source {address}: nothing lies there; give the address of a folder or a file")
    return names


def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the address as that one writes it."""
    from fsspec.core import url_to_fs

    kind = address.partition("://")[0]
    try:
        system, place = url_to_fs(address)
    except ImportError as error:
        raise ConfigError(f"--source {kind}://...: {error}; pip install 'gfrnet-toolkit[remote]'") from error
    except ValueError as error:
        raise ConfigError(f"--source {kind}://...: {error}; fsspec's documentation names the kinds it knows") from error
    return system, str(place)


def _asked(address: str, ask: Callable[[], Answer]) -> Answer:
    """What `ask` returns; a network is asked again after a while. Raises OSError of a file that is not there."""
    for wait in (*WAITS, None):
        try:
            return ask()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise
        except Exception as error:  # each kind of address has errors of its own
            if wait is None:
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise DataError(
                    f"cannot read {address}: {reason}; run again when it answers: what is done stays"
                ) from error
            time.sleep(wait)
    raise AssertionError
