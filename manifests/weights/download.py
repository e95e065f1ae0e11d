"""One file from the web, resumed where it broke off.

What has come lies in `FILE.part`; `FILE.part.json` notes from which address, and how the server marks that version.
Only bytes of the same version are added to it.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

from manifests.errors import DataError
from manifests.files import write_text
from manifests.progress import Progress

TRIES = 5  # in a row without a byte more
PIECE = 1 << 18  # bytes
PAUSE = 1.0  # seconds, more from try to try
TIMEOUT = 30.0  # seconds without a byte
PARTIAL, PAST_END, TOO_MANY = 206, 416, 429  # of HTTP
BY_HAND = "or get it in a browser and give that file: --from FILE"


class BrokenOffError(Exception):
    """The connection ended, or the server was busy: another try may go on."""


def download(address: str, part: Path, stage: str, progress: Progress) -> None:
    """Bring what lies at `address` into `part`, going on where an earlier call was interrupted.

    Progress is told in kB. Raises DataError saying what the server answered, or that there is no network; what has come
    by then stays.
    """
    tries, length, reason = 0, _length(part), ""
    while tries < TRIES:
        try:
            return _go_on(address, part, stage, progress)
        except BrokenOffError as error:
            reason, before, length = str(error), length, _length(part)
            tries = 1 if length > before else tries + 1
            time.sleep(PAUSE * (tries - 1))
        except OSError as error:
            raise DataError(f"cannot write {part}: {error.strerror or error}; free space, then run again") from error
    raise DataError(f"{address} cannot be read ({reason}): the same command goes on later with what came, {BY_HAND}")


def _go_on(address: str, part: Path, stage: str, progress: Progress) -> None:
    note = part.with_name(f"{part.name}.json")
    known = _read(note)
    start = _length(part) if known.get("address") == address and known.get("version") else 0
    request = urllib.request.Request(address, headers={"User-Agent": "gfr", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", known["version"])
    with _open(request, part) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise DataError(f"{address} answers with a web page instead of the file: name another address, {BY_HAND}")
        start = start if answer.status == PARTIAL and _begins_at(answer.headers, start) else 0
        write_text(note, json.dumps({"address": address, "version": _version(answer.headers)}))
        _take(answer, part, start, stage, progress)


def _open(request: urllib.request.Request, part: Path) -> Any:
    address = request.full_url
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == PAST_END and part.exists():  # all of it was there already, or it is shorter now: begin anew
            part.unlink()
            raise BrokenOffError("the file changed") from error
        if error.code == TOO_MANY or error.code >= http.client.INTERNAL_SERVER_ERROR:
            raise BrokenOffError(f"{error.code} {error.reason}") from error
        raise DataError(f"{address} answers {error.code} ({error.reason}): name another address, {BY_HAND}") from error
    except urllib.error.URLError as error:
        raise DataError(
            f"{address} cannot be reached ({error.reason}): are you online? Run again, {BY_HAND}"
        ) from error
    except (http.client.HTTPException, OSError) as error:
        raise BrokenOffError(str(error) or type(error).__name__) from error


def _take(answer: Any, part: Path, start: int, stage: str, progress: Progress) -> None:
    """Write the body of an answer from byte `start` of `part` on."""
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length and length.isdecimal() else 0
    with part.open("ab" if start else "wb") as file:
        done = start
        while piece := _piece(answer):
            file.write(piece)
            done += len(piece)
            progress(stage, done // 1000, max(total, done) // 1000)
    if done < total:
        raise BrokenOffError(f"it broke off after {done:,} of {total:,} bytes")


def _piece(answer: Any) -> bytes:
    try:
        return bytes(answer.read1(PIECE))
    except (http.client.HTTPException, OSError) as error:  # of the connection: the file is written elsewhere
        raise BrokenOffError(str(error) or type(error).__name__) from error


def _begins_at(headers: Message, start: int) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _version(headers: Message) -> str:
    """What tells this version of the file from another: a strong ETag, else its date, else nothing."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")


def _read(note: Path) -> dict[str, str]:
    try:
        content = json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0
