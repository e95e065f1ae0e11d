"""TorchScript files are programs: opening one may read, write and delete whatever its user may. None runs unasked."""

import hashlib
import zipfile
from collections.abc import Collection
from pathlib import Path

from manifests.errors import DataError

FLAG = "--trust-program"


def is_program(path: Path) -> bool:
    """Whether a file is TorchScript: an archive that holds code."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def require_trust(path: Path, trusted: bool, known: Collection[str] = ()) -> None:
    """Raise DataError for a program that its user does not trust; `known` are SHA-256 of files that may run.

    What is read after this is the file by its path: whoever may write there meanwhile has no need of this way.
    """
    if trusted or (known and _sha256(path) in known):
        return
    raise DataError(
        f"{path} is a TorchScript program: run, it can do whatever you can, also write and delete your files; "
        f"pass {FLAG} if you know where it comes from and trust it"
    )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
