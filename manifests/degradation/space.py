"""Eq. 4's parameters (§3.2): the sets they are drawn from, as values and as text.

I_d = upsample_s( JPEG_q( downsample_s( I * k_rho ) + n_sigma ) ); rho, sigma, q = 0 and s = 1 switch a step off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from manifests.errors import ConfigError

MOST_VALUES = 10_000  # of a range written 'first:step:last'


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
        problems = [problem for name in PARAMETERS if (problem := problem_of(name, getattr(self, name)))]
        if problems:
            raise ConfigError("; ".join(problems))


def parse_space(**texts: str | None) -> DegradationSpace:
    """A space from what a user wrote for each parameter (see `parse_values`); None is the paper's whole set.

    Raises ConfigError with every problem in one message.
    """
    problems: list[str] = []
    sets: dict[str, tuple[float, ...]] = {}
    for name, text in texts.items():
        if text is not None:
            try:
                sets[name] = parse_values(text, PAPER_SETS[name])
            except ConfigError as error:
                problems.append(f"{name}: {error}")
            else:
                problems += filter(None, [problem_of(name, sets[name])])
    if problems:
        raise ConfigError("; ".join(problems))
    return DegradationSpace(**sets)


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


def problem_of(name: str, values: tuple[float, ...]) -> str | None:
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
