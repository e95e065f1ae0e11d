"""Hostile neighbours of photographs: names, links, special files, pictures that lie, and folders in odd places.

Each function puts one thing into a folder of a person and returns its name; `content` is a whole photograph.
"""

import os
import random
import socket
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

Put = Callable[[Path, bytes, random.Random], bytes]

NAMES = (
    *(
        b"\xff\xfe.jpg",
        b"%FF%FE.jpg",
        b"a\\b.jpg",
        b"a%5Cb.jpg",
        b"a%b.jpg",
        b"two\nlines.jpg",
        b"tab\tand\rreturn.jpg",
    ),
    *(b" .jpg", b"-rf.jpg", b"--overwrite.jpg", "\u00e9.jpg".encode(), "e\u0301.jpg".encode(), b"x" * 251 + b".jpg"),
    *(b"...jpg", b"CON.jpg", b"<script>alert(1)</script>.jpg".replace(b"/", b"\\"), b"$(touch x).jpg", b"'; --.jpg"),
    *(
        b"\x1b[31mred.jpg",
        "\u202egpj.exe.jpg".encode(),
        b"=1+1.jpg",
        b"{x}.jpg",
        b"%s%n.jpg",
        "\U0001f642.jpg".encode(),
    ),
    *(b"\xed\xa0\x80.jpg", b'a,b".jpg', b"A.JPG", b"a.jpg.jpg", b"nul\x01.jpg"),
)


def odd_name(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A whole photograph whose name is bytes that nobody expects."""
    return _write(folder, draw.choice(NAMES), content)


def dangling_link(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A link to nothing."""
    return _link(folder, b"dangling.jpg", draw.choice(["nowhere.jpg", "../../../../nowhere", "/proc/self/nowhere"]))


def looping_link(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """Two links that lead to each other."""
    _link(folder, b"loop-a.jpg", "loop-b.jpg")
    return _link(folder, b"loop-b.jpg", "loop-a.jpg")


def link_to_device(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A link to a device that never ends, or never says anything."""
    return _link(folder, b"endless.jpg", draw.choice(["/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty"]))


def link_to_folder(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A link to a folder, also to the one that holds it."""
    return _link(folder, b"inside.jpg", draw.choice([".", "..", "/"]))


def fifo(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A pipe that nobody writes to."""
    os.mkfifo(folder / "pipe.jpg")
    return b"pipe.jpg"


def unix_socket(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A socket."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{handle}/socket.jpg")  # the whole path may be too long for a socket
    finally:
        os.close(handle)
    return b"socket.jpg"


def device(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A device of its own, where this process may make one; else a pipe."""
    try:
        os.mknod(folder / "device.jpg", stat.S_IFCHR | 0o600, os.makedev(1, draw.choice([3, 5, 8])))
    except OSError:
        return fifo(folder, content, draw)
    return b"device.jpg"


def folder_as_photograph(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A folder called like a photograph, with one in it."""
    (folder / "folder.jpg").mkdir()
    (folder / "folder.jpg" / "inside.jpg").write_bytes(content)
    return b"folder.jpg"


def empty(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A file of no bytes."""
    return _write(folder, b"empty.jpg", b"")


def cut(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A photograph whose end is missing."""
    return _write(folder, b"cut.jpg", content[: draw.randrange(1, len(content))])


def mutated(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A photograph with changed bytes, many of them in its header."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 40)):
        changed[draw.randrange(draw.choice([64, 700, len(changed)]))] = draw.randrange(256)
    return _write(folder, b"mutated.jpg", bytes(changed))


def noise(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """Random bytes behind the first bytes of a format."""
    heads = [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"II*\0",
        b"MM\0*",
        b"BM",
        b"8BPS",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"P6\n9 9\n255\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"%PDF-1.4\n",
        b"\0\0\0\x1cftypavif",
    ]
    return _write(folder, b"noise.jpg", draw.choice(heads) + draw.randbytes(draw.randint(0, 3000)))


def huge_claim(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A small PNG that says that it has up to 10^18 px."""
    side = draw.choice([30_000, 100_000, 2**31 - 1])
    head = struct.pack(">IIBBBBB", side, draw.choice([1, side]), draw.choice([8, 16]), draw.choice([0, 2, 6]), 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b"")]
    content = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return _write(folder, b"claim.png", b"\x89PNG\r\n\x1a\n" + content)


def odd_picture(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A whole picture of another mode or size: one px, a line, palette, CMYK, 16 bits, transparency."""
    from PIL import Image

    mode, suffix = draw.choice(
        [
            ("L", "png"),
            ("P", "gif"),
            ("CMYK", "jpg"),
            ("I;16", "png"),
            ("F", "tif"),
            ("RGBA", "png"),
            ("LA", "png"),
            ("1", "png"),
            ("RGB", "bmp"),
            ("RGBA", "webp"),
            ("I", "tif"),
        ]
    )
    size = draw.choice([(1, 1), (1, 500), (500, 1), (12, 12), (300, 200)])
    name = f"odd-{mode.replace(';', '')}-{size[0]}x{size[1]}.{suffix}"
    Image.new(mode, size, draw.choice([0, 1])).save(folder / name)
    return os.fsencode(name)


def sparse(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A file of 20 GB that takes no room, with the head of a photograph or without."""
    name = _write(folder, b"sparse.jpg", draw.choice([content[:2000], b""]))
    os.truncate(folder / "sparse.jpg", 20 << 30)
    return name


def text(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A text called like a photograph."""
    return _write(folder, b"text.jpg", b"Subject: holiday pictures\n\nSee above.\n")


def program(folder: Path, content: bytes, draw: random.Random) -> bytes:
    """A pickle and an EPS program that write a file, if anybody runs them."""
    trap = folder.parent.parent / "was-run"
    pickled = b"cos\nsystem\n(S'touch " + os.fsencode(trap) + b"'\ntR."
    drawn = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(" + os.fsencode(trap) + b") (w) file closefile\n"
    return _write(folder, b"program.jpg", draw.choice([pickled, drawn]))


ALL: tuple[Put, ...] = (
    *(
        odd_name,
        odd_name,
        odd_name,
        dangling_link,
        looping_link,
        link_to_device,
        link_to_folder,
        fifo,
        unix_socket,
        device,
    ),
    *(folder_as_photograph, empty, cut, mutated, mutated, mutated, noise, noise, huge_claim, odd_picture, odd_picture),
    *(sparse, text, program),
)


def _write(folder: Path, name: bytes, content: bytes) -> bytes:
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118  (no text)
        file.write(content)
    return name


def _link(folder: Path, name: bytes, target: str) -> bytes:
    (folder / os.fsdecode(name)).unlink(missing_ok=True)
    os.symlink(target, os.path.join(os.fsencode(folder), name))  # noqa: PTH118, PTH211
    return name
