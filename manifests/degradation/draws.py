"""Draws of eq. 4's parameters, keyed by (seed, pair_id, copy).

A draw is a hash of its key, never the next number of a stream: it doesn't depend on order, batch or process.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from manifests.degradation.space import PARAMETERS, DegradationSpace, problem_of
from manifests.errors import ConfigError

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: the increment of splitmix64
STREAMS = 5  # hashes of a draw: the four parameters in the order of the fields, then the noise's key
KINDS = {"blur_sigma": np.float64, "scale": np.float64, "noise_sigma": np.int64, "jpeg_quality": np.int64}


@dataclass(frozen=True)
class Degradation:
    """One draw. Raises ConfigError when a value is none of the paper's."""

    blur_sigma: float = 0.0  # rho, px of a crop of 256
    scale: float = 1.0  # s
    noise_sigma: int = 0  # sigma, grey levels
    jpeg_quality: int = 0  # q; 0 is lossless
    noise_key: int = 0  # 64 bits that decide the noise

    def __post_init__(self) -> None:
        problems = [problem for name in PARAMETERS if (problem := problem_of(name, (getattr(self, name),)))]
        if problems:
            raise ConfigError("; ".join(problems))


@dataclass(frozen=True)
class Draws:
    """Many draws, one per sample, in host memory: batching needs the sizes before the device has begun."""

    blur_sigma: np.ndarray  # (B,) float64, px of a crop of 256
    scale: np.ndarray  # (B,) float64
    noise_sigma: np.ndarray  # (B,) int64, grey levels
    jpeg_quality: np.ndarray  # (B,) int64
    noise_key: np.ndarray  # (B,) uint64
    space: DegradationSpace  # what they were drawn from

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, index: slice | np.ndarray) -> "Draws":
        """Some of them."""
        columns = {name: getattr(self, name)[index] for name in (*PARAMETERS, "noise_key")}
        return Draws(**columns, space=self.space)

    def with_scale(self, scale: np.ndarray) -> "Draws":
        """The same with another scale, (B,) float64, of the space."""
        return replace(self, scale=scale)

    def extensions(self) -> list[str]:
        """Of the file that each leaves."""
        return [".jpg" if quality else ".png" for quality in self.jpeg_quality.tolist()]

    def columns(self) -> dict[str, np.ndarray]:
        """The parameters as columns of `degraded`."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def at(self, index: int) -> Degradation:
        """The draw of one sample."""
        return Degradation(
            float(self.blur_sigma[index]),
            float(self.scale[index]),
            int(self.noise_sigma[index]),
            int(self.jpeg_quality[index]),
            int(self.noise_key[index]),
        )


def stack(draws: Sequence[Degradation]) -> Draws:
    """Many single draws, of which there must be one, as one record."""
    columns = {name: np.array([getattr(draw, name) for draw in draws], KINDS[name]) for name in PARAMETERS}
    space = DegradationSpace(**{name: tuple(sorted(set(values.tolist()))) for name, values in columns.items()})
    return Draws(**columns, noise_key=np.array([draw.noise_key for draw in draws], np.uint64), space=space)


def pair_keys(seed: int, pair_ids: Sequence[str]) -> np.ndarray:
    """64 bits for each (seed, pair_id), (N,) uint64."""
    prefix = f"{int(seed)}\0".encode()
    digests = b"".join(hashlib.blake2b(prefix + name.encode(), digest_size=8).digest() for name in pair_ids)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def draw_many(space: DegradationSpace, keys: np.ndarray, copy: int | np.ndarray) -> Draws:
    """Draw for each of `keys` (B,) uint64 of `pair_keys` the observation number `copy`: one for all, or (B,), from 0.

    A trainer counts its epochs as copies.
    """
    base = np.atleast_1d(np.asarray(copy)).astype(np.uint64) * np.uint64(STREAMS)
    hashes = [mix(keys + (base + np.uint64(stream + 1)) * GOLDEN) for stream in range(STREAMS)]
    picked = {
        name: pick(np.array(getattr(space, name), KINDS[name]), bits)
        for name, bits in zip(PARAMETERS, hashes, strict=False)
    }
    return Draws(**picked, noise_key=hashes[-1], space=space)


def pick(values: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """One of `values` for each 64 random bits; of 2^32 draws none is off by more than one from its share."""
    index = (bits >> np.uint64(32)) * np.uint64(len(values)) >> np.uint64(32)
    return np.asarray(values[index.astype(np.int64)])


def draw(space: DegradationSpace, seed: int, pair_id: str, copy: int) -> Degradation:
    """The draw of one observation; what `draw_many` gives for its key."""
    return draw_many(space, pair_keys(seed, [pair_id]), copy).at(0)


def mix(bits: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser: every bit of the result depends on every bit of `bits` (uint64)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
