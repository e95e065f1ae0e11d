"""The datasets' own face boxes: VGGFace2's `loose_bb_*.csv` and CelebA's `list_bbox_celeba.txt`."""

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in px of the photograph


class BoxFile:
    """VGGFace2's boxes, read one identity at a time.

    A file has 3.1 million lines ('"n000001/0001_01",x,y,w,h'). One pass notes where each identity's lines are, so that
    memory grows with the identities and not with the photographs. None has no boxes.
    """

    def __init__(self, file: BinaryIO | None) -> None:
        self.file = file if file is not None else io.BytesIO()
        self.parts: dict[str, list[tuple[int, int]]] = {}  # identity -> (first byte, length) of each run of lines
        self._note_parts()

    def of(self, identity: str) -> dict[str, Box]:
        """Photograph's stem -> (x1, y1, x2, y2) px, for `identity`'s photographs; lines without a box are skipped."""
        boxes: dict[str, Box] = {}
        for first, length in self.parts.get(identity, ()):
            self.file.seek(first)
            lines = self.file.read(length).decode("utf-8", errors="replace").splitlines()
            for row in csv.reader(lines):
                if (box := _corners(row[1:5])) is not None:
                    boxes[row[0].strip().partition("/")[2]] = box
        return boxes

    def _note_parts(self) -> None:
        current, first, at = b"", 0, 0
        for line in self.file:
            identity = line.partition(b"/")[0].strip().strip(b'"')
            if identity != current:
                self._note(current, first, at)
                current, first = identity, at
            at += len(line)
        self._note(current, first, at)

    def _note(self, identity: bytes, first: int, end: int) -> None:
        if end > first:
            self.parts.setdefault(identity.decode("utf-8", errors="replace"), []).append((first, end - first))


def read_celeba_boxes(lines: Iterable[str]) -> dict[str, Box]:
    """File name -> (x1, y1, x2, y2) px from `list_bbox_celeba.txt`: two header lines, then 'file x y width height'."""
    boxes: dict[str, Box] = {}
    for words in map(str.split, lines):
        if len(words) == 5 and (box := _corners(words[1:])) is not None:
            boxes[words[0]] = box
    return boxes


def _corners(numbers: list[str]) -> Box | None:
    try:
        x, y, width, height = (float(number) for number in numbers)
    except ValueError:
        return None
    return (x, y, x + width, y + height) if width > 0 and height > 0 else None
