"""What lies in a tar, tar.gz or zip file, found without unpacking it: a name and a part for each member."""

import posixpath
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO

from gfr_data.sources.addresses import open_file
from gfr_data.sources.names import text_of
from gfr_data.sources.parts import GZIP, STORED, ZIP_DEFLATED, ZIP_STORED, open_gzip
from manifests import DataError, GfrError, unsafe_path

GZIPPED = (".tar.gz", ".tgz")
SUFFIXES = (".tar", *GZIPPED, ".zip")
LINK = ">"  # begins the form of a link to the member that is named behind it
_MOST_CONTENT = 1_000_000  # bytes of one
_ZIP_FORMS = {zipfile.ZIP_STORED: ZIP_STORED, zipfile.ZIP_DEFLATED: ZIP_DEFLATED}


@dataclass(frozen=True)
class Member:
    """A file inside a file; `form`, `start`, `size` are those of its part."""

    name: str  # as the archive has it, without './' before it
    form: str
    start: int
    size: int
    content: bytes | None = None  # its bytes, where they were asked for


def is_archive(name: str) -> bool:
    """Whether a file is one by its name."""
    return name.lower().endswith(SUFFIXES)


def list_members(path: str, wanted: Callable[[str], bool] = lambda name: False) -> Iterator[Member]:
    """Every file in the archive at `path`, in its order; one that was put in twice comes twice.

    wanted: those whose content is read, too; only a tar's are.

    Raises DataError where the archive is damaged or cut, or a name in it leaves it or can be no name: such a file is
    not to be trusted. OSError where it is not there.
    """
    try:
        with closing(open_gzip(path) if path.lower().endswith(GZIPPED) else open_file(path)) as stream:
            members = _zip(stream) if path.lower().endswith(".zip") else _tar(stream, _form(path), wanted)
            for member in members:
                if why := unsafe_path(text_of(member.name)):
                    raise DataError(f"{path} holds {member.name!r}, which {why}; pack it anew without that file")
                yield member
    except (GfrError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # zlib's, zipfile's, tarfile's, indexed_gzip's, and what else damaged bytes lead to
        raise _damaged(path, str(error) or type(error).__name__) from error


def _form(path: str) -> str:
    return GZIP if path.lower().endswith(GZIPPED) else STORED


def _damaged(path: str, why: str) -> DataError:
    return DataError(
        f"{path} is damaged or cut ({why.splitlines()[0]}); get it again, or pack anew what it still gives"
    )


def _tar(stream: IO[bytes], form: str, wanted: Callable[[str], bool]) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        while (entry := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
            if not entry.isdir():
                name = entry.name.removeprefix("./")
                content = None
                if wanted(name) and (file := archive.extractfile(entry)) is not None:
                    content = file.read(_MOST_CONTENT)
                yield Member(name, _tar_form(entry, form), entry.offset_data, entry.size, content)
        stream.seek(archive.offset)
        # What the package takes for the end may be where the file was cut, or a header that it cannot read.
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"neither a header nor the end of the tar at byte {archive.offset}")


def _tar_form(entry: tarfile.TarInfo, form: str) -> str:
    if entry.issparse():
        return "!stored with holes (a sparse file); pack it without --sparse"
    if entry.isreg():
        return form
    if entry.islnk():
        return LINK + entry.linkname.removeprefix("./")
    if entry.issym():
        return LINK + posixpath.normpath(posixpath.join(posixpath.dirname(entry.name), entry.linkname))
    return "!no regular file, but a device or a fifo"


def _zip(stream: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(stream) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            form = _ZIP_FORMS.get(entry.compress_type, "!packed in a way that is not read; pack it with zip -0")
            if entry.flag_bits & 1:
                form = "!encrypted; pack it without a password"
            yield Member(entry.filename.removeprefix("./"), form, entry.header_offset, entry.compress_size)
