"""A table's seal: its footer holds the hash of all its other bytes, so that no bit of it changes unnoticed.

Parquet's own checksums are of pages alone; offsets, types and whose table it is have none. The hash is that of the file
without its digits. A table without one is taken as it is: an earlier version wrote it, or another program wrote it anew
(which leaves zeros).
"""

import hashlib
from pathlib import Path
from typing import BinaryIO

from manifests.files import HASH_BYTES

KEY = b"gfr.seal"
FORM = b"blake2b-128:"
DIGITS = 2 * HASH_BYTES
OPEN = FORM + b"0" * DIGITS  # what stands under KEY among the metadata until the file is sealed
_PIECE = 1 << 20


def seal(path: Path) -> None:
    """Put the hash of a Parquet file, written with OPEN under KEY, into its footer."""
    with path.open("r+b") as file:
        at = _footer(file)[1]
        assert at is not None, f"{path} has no place for its seal"
        digits = _hash(file, at)
        file.seek(at)
        file.write(digits)


def is_intact(path: Path) -> bool:
    """Whether a Parquet file has the bytes that were sealed, or no seal. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        footer, at = _footer(file)
        if at is None:
            return KEY not in footer
        file.seek(at)
        digits = file.read(DIGITS)
        return digits == OPEN[len(FORM) :] or digits == _hash(file, at)


def _footer(file: BinaryIO) -> tuple[bytes, int | None]:
    """The end of a Parquet file from its footer on, and where the digits of its seal begin; None where it has none."""
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    length = int.from_bytes(file.read(4), "little")
    start = max(size - 8 - length, 0)
    file.seek(start)
    footer = file.read()
    at = footer.rfind(FORM)  # the last: it is the last of our metadata
    return footer, None if at < 0 else start + at + len(FORM)


def _hash(file: BinaryIO, at: int) -> bytes:
    """The digits: the hash of all before and behind them."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    file.seek(0)
    while left := at - file.tell():
        digest.update(file.read(min(left, _PIECE)))
    file.seek(at + DIGITS)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest().encode()
