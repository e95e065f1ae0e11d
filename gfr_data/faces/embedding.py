"""What tells persons apart: a network of somebody else's, of which a build knows this alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Crops (S, S, 3) uint8 RGB and their landmarks (N, 68, 2) px of them to embeddings (N, D), of any length.
Embed = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Cosines:
    """What the cosine of two photographs' embeddings is on average: the scale of an embedder."""

    strangers: float
    person: float  # of two photographs of one person


class Embedder(Protocol):
    """Names a network; can be hashed and pickled, for each worker opens its own."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def digest(self) -> str:
        """The hash of its weights."""

    @property
    def strangers(self) -> float:
        """The mean cosine of two strangers' photographs."""

    @property
    def person(self) -> float:
        """The same of two photographs of one person."""

    def open(self, device: str) -> Embed:
        """Load it. Raises DataError when its weights are missing, or others than `digest`."""


def as_bytes(embedding: np.ndarray) -> bytes:
    """An embedding (D,) as the tables hold it: of length 1, half precision, which moves no cosine by more than 1e-3."""
    return (embedding / max(float(np.linalg.norm(embedding)), 1e-12)).astype("<f2").tobytes()


def from_bytes(embeddings: Sequence[bytes]) -> np.ndarray:
    """Embeddings (N, D) float32 that `as_bytes` wrote."""
    return np.frombuffer(b"".join(embeddings), "<f2").reshape(len(embeddings), -1).astype(np.float32)
