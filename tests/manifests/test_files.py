"""Files are whole or absent, and what was cut is seen."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from manifests import DataError, atomic_path, is_whole
from manifests.files import write_lone


def picture(form: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)).save(content, form)
    return content.getvalue()


@pytest.mark.parametrize(("name", "form"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.webp", "WEBP")])
def test_a_picture_that_is_cut_is_not_whole(tmp_path: Path, name: str, form: str) -> None:
    path, content = tmp_path / name, picture(form)
    for length in (0, 1, len(content) // 2, len(content) - 1, len(content)):
        path.write_bytes(content[:length])
        assert is_whole(path) is (length == len(content))
    assert not is_whole(tmp_path / f"absent{path.suffix}")
    assert not is_whole(tmp_path)


def test_a_part_that_cannot_be_removed_does_not_hide_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuses)
    with pytest.raises(DataError, match="No space left on device"), atomic_path(tmp_path / "a"):
        raise OSError(28, "No space left on device")


KILLED = """
import os, signal, sys
from manifests.files import lone_path
with lone_path(sys.argv[1]) as part:
    part.write_bytes(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_of_a_file_goes_and_what_another_is_at_stays(tmp_path: Path) -> None:
    """Of a page or a picture that lies among the user's files: nobody else would remove it."""
    page, other = tmp_path / "a page [1].html", tmp_path / "a page [1].txt"
    child = subprocess.Popen([sys.executable, "-c", KILLED, page], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    (tmp_path / ".a page [1].0123456789ab.part.html").write_bytes(b"of one that is dead")
    (tmp_path / ".a page [1].0123456789ab.part.txt").write_bytes(b"of another file")
    write_lone(page, b"first")
    assert len([path for path in tmp_path.iterdir() if path.name.endswith(".part.html")]) == 1  # it is written still
    child.kill()
    child.wait()
    write_lone(page, b"second")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a page [1].0123456789ab.part.txt", page.name]
    write_lone(other, b"third")
    assert sorted(path.name for path in tmp_path.iterdir()) == [page.name, other.name]
    assert page.read_bytes() == b"second"
