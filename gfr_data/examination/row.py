"""What is found out about one photograph: a record of named parts, and the row of a shard's file that it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from gfr_data.examination.decisions import DECIDED, OVERRULED, REJECT, Decision
from gfr_data.examination.index import Photograph
from gfr_data.examination.work import Work, damaged
from gfr_data.quality.judge import Measures, overall
from manifests import DataError, read_table, to_table, write_table
from manifests.tables.schemas import FACES_UNASKED

# What a shard's file holds beside the columns of `faces`: what selection and the search for copies need.
EXTRA = [
    pa.field("mouth_open", pa.float32()),
    pa.field("mouth_wide", pa.float32()),
    pa.field("picture", pa.binary()),
]
_EMBEDDING = pa.field("embedding", pa.binary(), metadata={"added": "later"})
PLAIN_SHARD = pa.schema([*FACES_UNASKED, *EXTRA])  # of a build without an embedder
SHARD = pa.schema([*PLAIN_SHARD, _EMBEDDING])


@dataclass(frozen=True)
class PhotographFile:
    width: int  # px of the upright photograph
    height: int
    content_hash: str


@dataclass(frozen=True)
class Detection:
    """The face that the photograph is of; lists of float32 values."""

    box: list[float]  # x1, y1, x2, y2, px of the photograph
    detector_score: float
    keypoints: list[float]  # eyes, nose, mouth corners (x, y), px of the photograph


@dataclass(frozen=True)
class Framing:
    """The square that is cropped around the face."""

    crop_side: float  # px of the photograph, its shorter side
    crop_inside: float  # share of it that lies in the photograph


@dataclass(frozen=True)
class Fingerprint:
    """What tells whether one photograph is a copy of another, see `quality.copies`."""

    perceptual_hash: int
    picture: bytes


@dataclass(frozen=True)
class FaceLandmarks:
    landmarks: list[float]  # 68 iBUG points (x, y), float32 px of the crop
    landmark_scores: list[float] | None  # the provider's confidence


@dataclass(frozen=True)
class Embedding:
    """Who it is, for a network that tells persons apart, see `faces.embedding`. It stays in the work folder."""

    embedding: bytes


@dataclass(frozen=True)
class Expression:
    eye_open_left: float  # lid distance over eye width
    eye_open_right: float
    mouth_open: float  # distance of the inner lips over the mouth's width
    mouth_wide: float  # mouth's width over the distance of the eyes


@dataclass(frozen=True)
class ExaminedFace:
    """A photograph and what was found in it. Parts that were not reached are None; their fields are columns."""

    photograph: Photograph
    reason: str | None = None  # why it is not acceptable, one of REASONS
    message: str | None = None  # the reason in words, where there is more to say
    file: PhotographFile | None = None
    detection: Detection | None = None
    framing: Framing | None = None
    fingerprint: Fingerprint | None = None
    measures: Measures | None = None
    landmarks: FaceLandmarks | None = None
    expression: Expression | None = None
    embedding: Embedding | None = None
    decision: Decision | None = None  # what a person decided about it

    @property
    def status(self) -> str:
        """'spare' where there is nothing against the face: it may be selected once it has landmarks."""
        return {None: "spare", "unreadable": "unreadable"}.get(self.reason, "rejected")

    def overruled(self, decision: Decision) -> "ExaminedFace":
        """The face with what a person decided about it; without a face or landmarks there is nothing to keep."""
        face = replace(self, decision=decision)
        if decision.verdict == REJECT and self.detection is not None:
            return replace(face, reason=DECIDED, message=decision.why or None)
        if decision.verdict != REJECT and self.reason in OVERRULED:
            return replace(face, reason=None, message=None)
        return face

    def to_row(self) -> dict[str, Any]:
        """The row of SHARD; columns of parts that are None are left out."""
        photograph = self.photograph
        row: dict[str, Any] = {
            "dataset": photograph.source.dataset,
            "subset": photograph.subset,
            "identity": photograph.identity,
            "person": photograph.person,
            "source_path": photograph.source_path,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
        }
        if self.decision is not None:
            row |= {"decision": self.decision.verdict, "decision_why": self.decision.why}
        if self.measures is not None:
            row["quality"] = overall(self.measures)
        parts = (
            self.file,
            self.detection,
            self.framing,
            self.fingerprint,
            self.measures,
            self.landmarks,
            self.expression,
            self.embedding,
        )
        for part in parts:
            row |= vars(part) if part is not None else {}
        return row


def unreadable(photograph: Photograph, message: str) -> ExaminedFace:
    """The face of a photograph that cannot be read."""
    return ExaminedFace(photograph, reason="unreadable", message=message)


def floats(values: np.ndarray) -> list[float]:
    """The values as the tables hold them, in single precision."""
    return [float(value) for value in np.asarray(values, np.float32).ravel()]


def write_shard(work: Work, number: int, rows: Sequence[dict[str, Any]], embedded: bool = False) -> None:
    """Finish a shard; `embedded`: its faces have embeddings."""
    schema = SHARD if embedded else PLAIN_SHARD
    write_table(work.shard(number), to_table(rows, schema), schema, work.made_by)


def read_shard(work: Work, number: int, columns: Sequence[str] | None = None) -> pa.Table:
    """A finished shard. Raises DataError when it is damaged, or when another build has put its own in its place."""
    path = work.shard(number)
    if not work.is_done(number):
        raise DataError(f"{path} is not this build's any more; run the same command again, and nothing beside it")
    try:
        return read_table(path, SHARD, columns)
    except DataError as error:
        raise damaged(path, error.__cause__ if isinstance(error.__cause__, OSError) else error) from error


def read_known_rows(
    work: Work, number: int, decided: Mapping[int, Decision], unreadable: bool
) -> dict[int, dict[str, Any]]:
    """The rows of a finished shard that were examined with these decisions, by their number; {} where there is none.

    unreadable: those whose photographs could not be read are among them.
    """
    if not work.is_done(number):
        return {}
    known = {}
    for row, face in enumerate(read_shard(work, number).to_pylist()):
        if decision_of(face) == decided.get(row) and (unreadable or face["status"] != "unreadable"):
            known[row] = face
    return known


def decision_of(face: dict[str, Any]) -> Decision | None:
    """The decision that a row was examined with."""
    return None if face["decision"] is None else Decision(face["decision"], face["decision_why"] or "")
