"""Files are whole or absent, and what was cut is seen."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from manifests import DataError, atomic_path, is_whole


def picture(form: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)).save(content, form)
    return content.getvalue()


@pytest.mark.parametrize(("name", "form"), [("a.png", "PNG"), ("a.jpg", "JPEG")])
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
