"""A face's record and its row hold the same, and nothing is lost between them."""

from dataclasses import fields, replace

import pyarrow as pa
import pytest

from gfr_data.examination.decisions import Decision
from gfr_data.examination.index import Photograph
from gfr_data.examination.row import (
    SHARD,
    Detection,
    Embedding,
    ExaminedFace,
    Expression,
    FaceLandmarks,
    Fingerprint,
    Framing,
    PhotographFile,
)
from gfr_data.quality.judge import Measures
from gfr_data.sources.source import Source

PARTS = (PhotographFile, Detection, Framing, Fingerprint, Measures, FaceLandmarks, Expression, Embedding)
PHOTOGRAPH = Photograph(0, Source("folder", "/root", "mine"), "", "ana", "ana", "ana/1.jpg", None)
WHOLE = ExaminedFace(
    PHOTOGRAPH,
    file=PhotographFile(300, 200, "c0ffee"),
    detection=Detection([1.0, 2.0, 3.0, 4.0], 0.99, [float(value) for value in range(10)]),
    framing=Framing(300.0, 1.0),
    fingerprint=Fingerprint(2**64 - 1, b"grey"),
    measures=Measures(200.0, 48.0, 0.05, 0.5, 0.5, occlusion=0.4, yaw=1.0, pitch=2.0, roll=3.0),
    landmarks=FaceLandmarks([0.5] * 136, [0.25] * 68),
    expression=Expression(0.3, 0.4, 0.1, 0.8),
    embedding=Embedding(b"who"),
    decision=Decision("keep", "it is she"),
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_value_of_a_face_has_a_column(part: type) -> None:
    """A measure without its line in the schema would be lost without a word: Arrow ignores what it does not know."""
    assert {field.name for field in fields(part)} <= set(SHARD.names)


def test_a_whole_face_fills_every_column_but_those_of_the_choice() -> None:
    (row,) = pa.Table.from_pylist([WHOLE.to_row()], schema=SHARD).to_pylist()
    empty = {name for name, value in row.items() if value is None}
    assert empty == {"reason", "message", "role", "crop_path"}
    assert (row["status"], row["identity"], row["height"], row["yaw"]) == ("spare", "ana", 200, 1.0)


@pytest.mark.parametrize(
    ("reason", "status"), [(None, "spare"), ("unreadable", "unreadable"), ("blurred", "rejected")], ids=str
)
def test_the_reason_decides_the_status(reason: str | None, status: str) -> None:
    assert replace(WHOLE, reason=reason).to_row()["status"] == status


def test_what_was_not_reached_is_empty_in_the_row() -> None:
    face = ExaminedFace(PHOTOGRAPH, reason="unreadable", message="empty file")
    (row,) = pa.Table.from_pylist([face.to_row()], schema=SHARD).to_pylist()
    assert {name for name, value in row.items() if value is not None} == {
        *("dataset", "subset", "identity", "person", "source_path", "status", "reason", "message")
    }
