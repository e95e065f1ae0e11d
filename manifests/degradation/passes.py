"""Beyond eq. 4: a photograph goes through one or two passes, each of which blurs, shrinks, adds noise and compresses.

The last pass leaves the file that is kept; the first is what had happened to the photograph before. Eq. 4 is one such
pass with round blurs and 4:2:0, but its blur and shrinking are not rounded in between (`resampling.py`): it has types
of its own, `Degradation` and `Draws`, and its bits. Here each step leaves whole grey levels. Lengths are px
of a crop of 256, so that a face is blurred alike whatever the size of its crop, and of the picture by then.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic.dataclasses import dataclass as settings

from manifests.degradation.resampling import in_px
from manifests.degradation.space import parse_values
from manifests.errors import ConfigError
from manifests.settings import FORBID, Text, about, change, nearest

CODECS = ("jpeg420", "jpeg444", "webp")  # the first is eq. 4's
WEBP = CODECS.index("webp")
OFF: dict[str, float] = {  # the value of each parameter that does nothing, in the order of the columns
    "blur_sigma": 0.0,
    "blur_ratio": 1.0,
    "blur_angle": 0.0,
    "motion_length": 0.0,
    "motion_angle": 0.0,
    "scale": 1.0,
    "noise_sigma": 0,
    "jpeg_quality": 0,
    "codec": 0,
}
PASS_PARAMETERS = tuple(OFF)
BOUNDS = {
    "blur_sigma": (0, 20),
    "blur_ratio": (0.05, 1),
    "blur_angle": (0, 180),
    "motion_length": (0, 60),
    "motion_angle": (0, 180),
    "scale": (1, 32),
    "noise_sigma": (0, 50),
    "jpeg_quality": (0, 100),
}
WHOLE_NUMBERS = ("noise_sigma", "jpeg_quality")
MOST_NOISE = int(BOUNDS["noise_sigma"][1])


def problem_of_value(name: str, values: Sequence[float]) -> str | None:
    """Why `values` may not stand for a parameter of a pass, or None."""
    least, most = BOUNDS[name]
    outside = [value for value in values if not least <= value <= most]
    if outside:
        return f"{name} cannot be {', '.join(f'{value:g}' for value in outside)}; it is from {least:g} to {most:g}"
    if name in WHOLE_NUMBERS and any(value != int(value) for value in values):
        return f"{name} must be whole numbers"
    return None


@functools.lru_cache(maxsize=512)  # a trainer asks at every step
def values_of(name: str, text: str) -> tuple[float, ...]:
    """The values of a parameter as `parse_values` reads them; of `codec` the numbers of the names in CODECS.

    Raises ConfigError naming the parameter.
    """
    if name == "codec":
        names = [part.strip() for part in text.split(",")]
        for one in names:
            if one not in CODECS:
                raise ConfigError(f"codec must be of {', '.join(CODECS)}, but has {one!r}{nearest(one, CODECS)}")
        return tuple(sorted({CODECS.index(one) for one in names}))
    try:
        values = parse_values(text)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    if problem := problem_of_value(name, values):
        raise ConfigError(problem)
    return values


def _checked(text: str, info: ValidationInfo) -> str:
    try:
        values_of(str(info.field_name), text)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


Values = Annotated[Text, AfterValidator(_checked)]
Part = Annotated[float, Field(strict=True, ge=0, le=1)]


@settings(frozen=True, config=FORBID)
class PassSpace:
    """What one pass draws, each parameter uniformly and independently; with a share, else the step is left out."""

    blur_sigma: Annotated[Values, about("standard deviation of the Gaussian along its long axis, px")]
    blur_sigma_share: Annotated[Part, about("of photographs that are blurred so")]
    scale: Annotated[Values, about("side of the crop over the side after this pass")]
    scale_share: Annotated[Part, about("of photographs that are shrunk so")]
    noise_sigma: Annotated[Values, about("standard deviation, grey levels")]
    noise_sigma_share: Annotated[Part, about("of photographs that have such noise")]
    jpeg_quality: Annotated[Values, about("of JPEG and WebP; 0 is lossless")]
    jpeg_quality_share: Annotated[Part, about("of photographs that are compressed so")]
    blur_ratio: Annotated[Values, about("short over long axis of the Gaussian")] = "0.2:0.1:0.9"
    blur_ratio_share: Annotated[Part, about("of Gaussians that are not round")] = 0.5
    blur_angle: Annotated[Values, about("of the long axis, clockwise from the rows, degrees")] = "0:5:175"
    motion_length: Annotated[Values, about("way of the camera or the face during the exposure, px")] = "3:1:15"
    motion_length_share: Annotated[Part, about("of photographs that are blurred by motion, too")] = 0.2
    motion_angle: Annotated[Values, about("its direction, clockwise from the rows, degrees")] = "0:5:175"
    codec: Annotated[Values, about("jpeg420, jpeg444 or webp, the last of which no trainer makes")] = "jpeg444"
    codec_share: Annotated[Part, about("of files that are coded so, not as jpeg420")] = 0.2


@settings(frozen=True, config=FORBID)
class ChainSpace:
    """What a chain of passes is drawn from. The default is `wide`, ranges for crops of 256 px.

    last: GFPGAN's ranges (its option file train_gfpgan_v1_simple, for 512 px): sigma 0.1 to 10 px, half of the kernels
    round; downsampling to 8; noise to 20 grey levels; and of JPEG both its 60 to 100 and Real-ESRGAN's 30 to 95. In
    half as many px the Gaussian is 0.1 to 5 px. A blur is left out as often as in Real-ESRGAN's second pass.
    first: Real-ESRGAN's first pass (train_realesrgan_x4plus, 256 px): sigma 0.2 to 3 px, resizing to 0.15, noise 1 to
    30 grey levels, JPEG 30 to 95; it shrinks 7 in 10, and half of its noise is Gaussian.

    Ours: the share of second orders, motion (neither has it), 4:4:4, and axes of 0.2 to 0.9 where they draw two
    deviations. Left out are what enlarges, Poisson and grey noise, sinc, generalised and plateau kernels.
    """

    first_share: Annotated[Part, about("of photographs that went through a first pass")] = 0.5
    first: PassSpace = PassSpace("0.2:0.1:3", 1.0, "1:0.1:6.6", 0.7, "1:1:30", 0.5, "30:1:95", 1.0)
    last: PassSpace = PassSpace("0.1:0.1:5", 0.8, "1:0.1:8", 1.0, "0:1:20", 1.0, "30:1:100", 1.0)

    def with_last(self, **values: str) -> "ChainSpace":
        """The same, but each of these parameters of the last pass has these values and is never left out."""
        shares = {f"{name}_share": 1.0 for name in values}
        return change(self, {"last": {**values, **shares}})

    @property
    def makes_webp(self) -> bool:
        """Whether a file may be WebP."""
        passes = [self.last, *([self.first] if self.first_share else [])]
        return any(one.codec_share and WEBP in values_of("codec", one.codec) for one in passes)


WIDE = ChainSpace()


@dataclass(frozen=True)
class Pass:
    """One pass, drawn. Raises ConfigError for a value outside BOUNDS."""

    blur_sigma: float = 0.0  # px, along `blur_angle`
    blur_ratio: float = 1.0  # across over along
    blur_angle: float = 0.0  # degrees, clockwise from the rows
    motion_length: float = 0.0  # px
    motion_angle: float = 0.0  # degrees
    scale: float = 1.0  # side of the crop over the side of its output
    noise_sigma: int = 0  # grey levels
    jpeg_quality: int = 0  # 0 is lossless
    codec: str = CODECS[0]
    noise_key: int = 0  # 64 bits that decide the noise

    def __post_init__(self) -> None:
        problems = [problem_of_value(name, (getattr(self, name),)) for name in BOUNDS]
        problems += [None if self.codec in CODECS else f"codec {self.codec!r} is none of {', '.join(CODECS)}"]
        if any(problems):
            raise ConfigError("; ".join(filter(None, problems)))

    def kernel(self, side: int) -> tuple[float, ...]:
        """Its blur as `kernels.kernel` takes it, for an input of `side` px."""
        sigma, length = in_px(self.blur_sigma, side), in_px(self.motion_length, side)
        return sigma, self.blur_ratio, self.blur_angle, length, self.motion_angle


@dataclass(frozen=True)
class Chain:
    """What happens to one photograph."""

    last: Pass
    first: Pass | None = None

    @property
    def passes(self) -> tuple[Pass, ...]:
        """In the order in which they happen."""
        return (self.last,) if self.first is None else (self.first, self.last)


def differences_from_wide(space: ChainSpace) -> dict[str, Any]:
    """The settings of `space` that are not those of `wide`: 'first.scale' -> its value."""
    found: dict[str, Any] = {}
    if space.first_share != WIDE.first_share:
        found["first_share"] = space.first_share
    for section in ("first", "last"):
        own, usual = getattr(space, section), getattr(WIDE, section)
        for name in type(own).__pydantic_fields__:
            if getattr(own, name) != getattr(usual, name):
                found[f"{section}.{name}"] = getattr(own, name)
    return found
