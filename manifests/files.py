"""Files that are whole or absent: atomic writing, content hashes, and paths that stay inside their folder."""

import errno
import hashlib
import os
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from manifests.errors import DataError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".html": b"</html>\n", ".parquet": b"PAR1"}
MOST_INPUT = 400_000_000  # bytes of a photograph: no reader takes a larger one
HASH_BYTES = 16  # 128 bits: no accidental collision among billions of files


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` when the block succeeds, remove it when it fails.

    The content is flushed to disk before the rename, so that after a crash `path` holds the old bytes or the new ones.
    The temporary name keeps the suffix, because libraries choose a format by it.

    Raises DataError when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    begin, end = _ends_of_part(path)
    part = path.with_name(f"{begin}{uuid.uuid4().hex[:12]}{end}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _flush(part)
        part.replace(path)
        _flush(path.parent)
    except OSError as error:
        _discard(part)
        reason = error.strerror or str(error)
        raise DataError(
            f"cannot write {path}: {reason}; free space or choose another folder, then run again"
        ) from error
    except BaseException:
        _discard(part)
        raise


@contextmanager
def lone_path(path: str | Path) -> Iterator[Path]:
    """`atomic_path` for a file in a folder that no command holds: removes what killed processes left of it, too.

    What this process has not finished yet is locked, so that another one at the same file leaves it alone.
    """
    path, handle = Path(path), None
    _remove_abandoned(path)
    try:
        with atomic_path(path) as part:
            handle = _hold(part)
            yield part
    finally:
        if handle is not None:
            os.close(handle)


def write_lone(path: str | Path, content: bytes) -> None:
    """Write `content` to `path` atomically, see `lone_path`."""
    with lone_path(path) as part:
        part.write_bytes(content)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def write_text(path: str | Path, content: str) -> None:
    """Write `content` to `path` atomically, as UTF-8 with `\\n` line ends."""
    write_bytes(path, content.encode())


def read_file(path: str | Path, most: int) -> bytes:
    """The bytes of a regular file, or of one that a link leads to.

    Raises OSError, with its reason in words, when it cannot be read, holds more than `most` bytes, whatever its size is
    said to be, or is a folder, a fifo, a socket or a device: reading these may wait for ever or never end.
    """
    _require_regular(Path(path).stat().st_mode, path)  # before it is opened: that alone makes some devices act
    with open(path, "rb", opener=_open_at_once) as file:
        found = os.fstat(file.fileno())
        _require_regular(found.st_mode, path)
        content = file.read(min(found.st_size, most) + 1)
        if len(content) > found.st_size:  # more than was said
            content += file.read(most + 1 - len(content))
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most / 1e6:g} MB", str(path))
    return content


def hash_bytes(content: bytes) -> str:
    """BLAKE2b of `content`, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=HASH_BYTES).hexdigest()


def hash_file(path: str | Path) -> str:
    """BLAKE2b of a file's bytes, 32 hexadecimal digits, read in pieces."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def is_whole(path: str | Path) -> bool:
    """Whether a file is there and ends as those of its suffix do (see ENDS); what was cut does not.

    WebP says at its beginning how long it is.
    """
    end = ENDS.get(Path(path).suffix, b"")
    try:
        with open(path, "rb") as file:
            if Path(path).suffix == ".webp":
                head = file.read(8)
                return head[:4] == b"RIFF" and 8 + int.from_bytes(head[4:], "little") == os.fstat(file.fileno()).st_size
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    except OSError:  # also of a file that is shorter
        return False


def noted(path: str | Path, digest: str) -> str:
    """What is noted of a file that was made: its hash, and its size and time, by which it is known again unread."""
    found = Path(path).stat()
    return f"{digest} {found.st_size}-{found.st_mtime_ns}"


def digest_of(note: str) -> str:
    """The hash in a note of `noted`; those of earlier versions are the hash alone."""
    return note.partition(" ")[0]


def is_as_noted(path: str | Path, note: str) -> bool:
    """Whether a file is there with the size and time that were noted, so that its bytes need not be read."""
    try:
        return note == noted(path, digest_of(note))
    except OSError:
        return False


def hash_input(path: str | Path, most: int = MOST_INPUT) -> str:
    """What `hash_file` says of a regular file of at most `most` bytes; '' for all else, of which nothing is read.

    Raises OSError where there is nothing.
    """
    found = Path(path).stat()
    return hash_file(path) if stat.S_ISREG(found.st_mode) and found.st_size <= most else ""


def safe_name(name: str) -> str:
    """`name` as the name of a folder or file: the same where that is harmless, otherwise with a hash."""
    plain = "".join(c if c.isalnum() or c in "-_.()" else "_" for c in name).lstrip(".")
    return plain if plain == name and len(name) < 100 else f"{plain[:60]}-{hash_bytes(name.encode())[:8]}"


def unsafe_path(path: str) -> str | None:
    """Say why `path` may not stand in a manifest (empty, absolute, with `..` or a backslash), or None when it may."""
    if not path:
        return "is empty"
    if "\\" in path or "\0" in path:
        return "has a backslash or a zero byte; manifests use '/'"
    if PurePosixPath(path).is_absolute() or path[1:2] == ":":
        return "is absolute; paths are relative to the table's folder"
    if ".." in PurePosixPath(path).parts:
        return "leaves the table's folder"
    return None


def _require_regular(mode: int, path: str | Path) -> None:
    kinds = {"a folder": stat.S_ISDIR, "a fifo": stat.S_ISFIFO, "a socket": stat.S_ISSOCK}
    if not stat.S_ISREG(mode):
        kind = next((kind for kind, holds in kinds.items() if holds(mode)), "a device")
        raise OSError(errno.EINVAL, f"no regular file but {kind}", str(path))


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting, should the file have become a fifo meanwhile."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _ends_of_part(path: Path) -> tuple[str, str]:
    """How the name of an unfinished file begins and ends; between them are 12 hexadecimal digits."""
    return f".{path.stem[:80]}.", f".part{path.suffix}"


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files of `path` that no living process holds."""
    if fcntl is None:
        return
    begin, end = map(re.escape, _ends_of_part(path))
    pattern = re.compile(f"{begin}[0-9a-f]{{12}}{end}")
    try:
        parts = [part for part in path.parent.iterdir() if pattern.fullmatch(part.name)]
    except OSError:  # the folder is not there yet, or may not be read
        return
    for part in parts:
        # What is held, or cannot be removed now, stays: it is in nobody's way.
        with suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _hold(part: Path) -> int | None:
    """Make an unfinished file and lock it until what is returned is closed; None on systems without locks."""
    if fcntl is None:
        return None
    while True:
        handle = os.open(part, os.O_CREAT | os.O_RDWR, 0o666)
        with suppress(OSError):  # of a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # nobody took it for abandoned before it was locked
            return handle
        os.close(handle)


def _discard(part: Path) -> None:
    with suppress(OSError):  # the first error is the one to tell; what stays of it, the next command removes
        part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
