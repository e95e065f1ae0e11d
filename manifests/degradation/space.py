"""Eq. 4's parameters (§3.2): the sets they are drawn from, and draws keyed by (seed, pair_id, copy).

I_d = upsample_s( JPEG_q( downsample_s( I * k_rho ) + n_sigma ) ); rho, sigma, q = 0 and s = 1 switch a step off.
A draw is a hash of its key, never the next number of a stream: it doesn't depend on order, batch or process.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np

from manifests.errors import ConfigError

CROP_SIZE = 256  # px of the crops (§4.1)
MOST_VALUES = 10_000  # of a range written 'first:step:last'

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: the increment of splitmix64
STREAMS = 5  # hashes of a draw: the four parameters in the order of the fields, then the noise's key


def _tenths(first: int, last: int) -> tuple[float, ...]:
    return tuple(number / 10 for number in range(first, last + 1))


# §3.2
PAPER_SETS: dict[str, tuple[float, ...]] = {
    "blur_sigma": (0.0, *_tenths(10, 30)),  # rho, px
    "scale": _tenths(10, 80),  # s
    "noise_sigma": tuple(range(8)),  # sigma, grey levels
    "jpeg_quality": (0, *range(10, 41)),  # q
}
PARAMETERS = tuple(PAPER_SETS)
KINDS = {"blur_sigma": np.float64, "scale": np.float64, "noise_sigma": np.int64, "jpeg_quality": np.int64}


@dataclass(frozen=True)
class DegradationSpace:
    """The values that each parameter is drawn from, uniformly and independently.

    Any subset of the paper's sets. Raises ConfigError naming every set that is empty, repeats a value or has another.
    """

    blur_sigma: tuple[float, ...] = PAPER_SETS["blur_sigma"]
    scale: tuple[float, ...] = PAPER_SETS["scale"]
    noise_sigma: tuple[float, ...] = PAPER_SETS["noise_sigma"]
    jpeg_quality: tuple[float, ...] = PAPER_SETS["jpeg_quality"]

    def __post_init__(self) -> None:
        problems = [problem for name in PARAMETERS if (problem := _problem(name, getattr(self, name)))]
        if problems:
            raise ConfigError("; ".join(problems))


@dataclass(frozen=True)
class Degradation:
    """One draw. Raises ConfigError when a value is none of the paper's."""

    blur_sigma: float = 0.0  # rho, px
    scale: float = 1.0  # s
    noise_sigma: int = 0  # sigma, grey levels
    jpeg_quality: int = 0  # q; 0 is lossless
    noise_key: int = 0  # 64 bits that decide the noise

    def __post_init__(self) -> None:
        problems = [problem for name in PARAMETERS if (problem := _problem(name, (getattr(self, name),)))]
        if problems:
            raise ConfigError("; ".join(problems))


@dataclass(frozen=True)
class Draws:
    """Many draws, one per sample, in host memory: batching needs the sizes before the device has begun."""

    blur_sigma: np.ndarray  # (B,) float64, px
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
        name: _pick(np.array(getattr(space, name), KINDS[name]), bits)
        for name, bits in zip(PARAMETERS, hashes, strict=False)
    }
    return Draws(**picked, noise_key=hashes[-1], space=space)


def _pick(values: np.ndarray, bits: np.ndarray) -> np.ndarray:
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


def low_size(scale: float, size: int = CROP_SIZE) -> int:
    """Side of I^{d,s}, px: size / s, rounded."""
    return math.floor(size / scale + 0.5)


def parse_space(
    blur_sigma: str | None = None,
    scale: str | None = None,
    noise_sigma: str | None = None,
    jpeg_quality: str | None = None,
) -> DegradationSpace:
    """A space from what a user wrote for each parameter (see `parse_values`); None is the paper's whole set.

    Raises ConfigError with every problem in one message.
    """
    problems: list[str] = []
    sets: list[tuple[float, ...]] = []
    for name, text in zip(PARAMETERS, (blur_sigma, scale, noise_sigma, jpeg_quality), strict=True):
        sets.append(PAPER_SETS[name])
        if text is None:
            continue
        try:
            sets[-1] = parse_values(text, PAPER_SETS[name])
        except ConfigError as error:
            problems.append(f"{name}: {error}")
        else:
            problems += filter(None, [_problem(name, sets[-1])])
    if problems:
        raise ConfigError("; ".join(problems))
    return DegradationSpace(*sets)


def parse_values(text: str, members: Sequence[float] | None = None) -> tuple[float, ...]:
    """Read `4`, a range `1:0.1:8` (first, step, last) or `10:40` (the members between), or a list of these `0,10:40`.

    Whole numbers come as int, others as float; sorted, each once. Raises ConfigError.
    """
    values: set[Decimal] = set()
    for part in text.split(","):
        numbers = [_number(piece, text) for piece in part.split(":")]
        if len(numbers) == 1:
            values.add(numbers[0])
        elif len(numbers) == 2 and members is not None:
            first, last = (float(number) for number in numbers)
            found = {Decimal(str(member)) for member in members if first <= member <= last}
            if not found:
                raise ConfigError(f"{text!r} has no value in {part!r}; the set is {describe(members)}")
            values |= found
        elif len(numbers) == 3:
            values |= _range(numbers, text)
        else:
            raise ConfigError(f"{text!r} is not a value (4), a range (first:step:last) or a list (4,8)")
    return tuple(int(value) if value == int(value) else float(value) for value in sorted(values))


def describe(values: Sequence[float]) -> str:
    """`values` in the form that `parse_values` reads: '0,10:1:40'."""
    exact = sorted(Decimal(str(value)).normalize() for value in values)
    parts, start = [], 0
    while start < len(exact):
        end = start + 1
        while end + 1 < len(exact) and exact[end + 1] - exact[end] == exact[start + 1] - exact[start]:
            end += 1
        if end - start >= 2 and end < len(exact):
            parts.append(f"{exact[start]:f}:{exact[start + 1] - exact[start]:f}:{exact[end]:f}")
            start = end + 1
        else:
            parts.append(f"{exact[start]:f}")
            start += 1
    return ",".join(parts)


def _number(piece: str, text: str) -> Decimal:
    try:
        number = Decimal(piece.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ConfigError(f"{text!r} has {piece!r}, which is no number")
    return number


def _range(numbers: list[Decimal], text: str) -> set[Decimal]:
    first, step, last = numbers
    if step <= 0 or last < first:
        raise ConfigError(f"{text!r} is an empty range; write first:step:last with a step above 0 and last >= first")
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        raise ConfigError(f"{text!r} is a range of {count} values; at most {MOST_VALUES} are read")
    return {first + number * step for number in range(count)}


def _problem(name: str, values: tuple[float, ...]) -> str | None:
    """Why `values` may not stand for a parameter, or None."""
    allowed = PAPER_SETS[name]
    if not values:
        return f"{name} has no value; choose from {describe(allowed)}"
    if len(set(values)) != len(values):
        return f"{name} has a value twice: {values}"
    outside = [value for value in values if value not in allowed]
    if outside:
        return f"{name} cannot be {', '.join(f'{value:g}' for value in outside)}; choose from {describe(allowed)}"
    return None


PAPER_SPACE = DegradationSpace()
