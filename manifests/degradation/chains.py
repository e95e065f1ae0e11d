"""Draws of chains of passes, keyed as eq. 4's are: by (seed, pair_id, copy), never by order."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from manifests.degradation.draws import GOLDEN, STREAMS, mix, pick
from manifests.degradation.passes import CODECS, OFF, PASS_PARAMETERS, Chain, ChainSpace, Pass, PassSpace, values_of
from manifests.degradation.space import PARAMETERS

PASS = np.dtype(
    [*((name, np.int64 if isinstance(off, int) else np.float64) for name, off in OFF.items()), ("noise_key", np.uint64)]
)
SALT = np.uint64(0xD1B54A32D192ED03)  # what eq. 4 does not draw has a key of its own
FIRST = "first_"  # of the columns of the first pass


@dataclass(frozen=True)
class ChainDraws:
    """Many draws, one per sample, in host memory."""

    last: np.ndarray  # (B,) of PASS
    first: np.ndarray  # (B,) of PASS; does nothing where there is none
    twice: np.ndarray  # (B,) bool: whether there is a first pass

    def __len__(self) -> int:
        return len(self.last)

    def __getitem__(self, index: slice | np.ndarray) -> "ChainDraws":
        """Some of them."""
        return ChainDraws(self.last[index], self.first[index], self.twice[index])

    @property
    def scale(self) -> np.ndarray:
        """(B,) float64: side of the crop over that of the file."""
        return np.asarray(self.last["scale"])

    def with_scale(self, scale: np.ndarray) -> "ChainDraws":
        """The same with another scale of the file, (B,)."""
        last = self.last.copy()
        last["scale"] = scale
        return replace(self, last=last)

    def at(self, index: int) -> Chain:
        """The draw of one sample."""
        return Chain(_one(self.last[index]), _one(self.first[index]) if self.twice[index] else None)

    def extensions(self) -> list[str]:
        """Of the file that each leaves."""
        kinds = [".jpg", ".jpg", ".webp"]
        coded = zip(self.last["codec"].tolist(), self.last["jpeg_quality"].tolist(), strict=True)
        return [kinds[codec] if quality else ".png" for codec, quality in coded]

    def columns(self) -> dict[str, Any]:
        """The parameters as columns of `degraded`; those of a first pass are None where there is none."""
        found: dict[str, Any] = {}
        for name in PASS_PARAMETERS:
            last, first = (_readable(name, part[name]) for part in (self.last, self.first))
            found[name] = last
            found[FIRST + name] = [one if there else None for one, there in zip(first, self.twice, strict=True)]
        return found


def draw_chains(space: ChainSpace, keys: np.ndarray, copy: int | np.ndarray) -> ChainDraws:
    """Draw for each of `keys` (B,) uint64 of `pair_keys` the observation number `copy`: one for all, or (B,), from 0.

    The four parameters that eq. 4 has, and its noise, come from the hashes that eq. 4 takes.
    """
    numbers = np.broadcast_to(np.asarray(copy), keys.shape).astype(np.uint64)
    own = numbers * np.uint64(STREAMS)
    shared = [mix(keys + (own + np.uint64(stream + 1)) * GOLDEN) for stream in range(STREAMS)]
    last = dict(zip((*PARAMETERS, "noise_key"), shared, strict=True))
    others = [(0, name) for name in PASS_PARAMETERS if name not in last]
    others += [(1, name) for name in (*PASS_PARAMETERS, "noise_key")]
    salted, own = mix(keys ^ SALT), numbers * np.uint64(len(others) + 1)
    hashes = [mix(salted + (own + np.uint64(stream + 1)) * GOLDEN) for stream in range(len(others) + 1)]
    last |= {name: bits for (first, name), bits in zip(others, hashes, strict=False) if not first}
    first = {name: bits for (first, name), bits in zip(others, hashes, strict=False) if first}
    twice = _chosen(hashes[-1], space.first_share)
    before = _drawn(space.first, first)
    before[~twice] = stack_passes([Pass()])[0]
    return ChainDraws(_drawn(space.last, last), before, twice)


def stack_chains(chains: list[Chain]) -> ChainDraws:
    """Many single draws as one record."""
    firsts = [one.first or Pass() for one in chains]
    twice = np.array([one.first is not None for one in chains], bool)
    return ChainDraws(stack_passes([one.last for one in chains]), stack_passes(firsts), twice)


def stack_passes(passes: list[Pass]) -> np.ndarray:
    """(B,) of PASS."""
    found = np.empty(len(passes), PASS)
    for name in found.dtype.names or ():
        found[name] = [CODECS.index(one.codec) if name == "codec" else getattr(one, name) for one in passes]
    return found


def _drawn(space: PassSpace, hashes: dict[str, np.ndarray]) -> np.ndarray:
    """One pass of each sample: of a hash its upper half chooses the value, its lower half whether the step is done."""
    drawn = np.empty(len(hashes["noise_key"]), PASS)
    drawn["noise_key"] = hashes["noise_key"]
    for name, off in OFF.items():
        values = np.array(values_of(name, getattr(space, name)), PASS[name])
        done = _chosen(hashes[name], getattr(space, f"{name}_share", 1.0))
        drawn[name] = np.where(done, pick(values, hashes[name]), off)
    # What has no effect is not told.
    drawn["blur_ratio"][drawn["blur_sigma"] == 0] = 1
    drawn["blur_angle"][drawn["blur_ratio"] == 1] = 0
    drawn["motion_angle"][drawn["motion_length"] == 0] = 0
    return drawn


def _chosen(bits: np.ndarray, share: float) -> np.ndarray:
    return np.asarray((bits & np.uint64(0xFFFFFFFF)).astype(np.float64) < share * 2.0**32)


def _readable(name: str, values: np.ndarray) -> list[Any]:
    return [CODECS[value] for value in values.tolist()] if name == "codec" else values.tolist()


def _one(record: np.void) -> Pass:
    values = {name: record[name].item() for name in PASS.names or ()}
    return Pass(**(values | {"codec": CODECS[values["codec"]]}))
