"""Every setting of a training run: its meaning, its unit, where it comes from; and the three presets.

A configuration is a preset, changed by a TOML file, changed by single `KEY=VALUE` settings, in this order.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from gfr_model.models import GFRNET, NAMES, VARIANTS, Model, find_model
from manifests import ConfigError, DataError
from manifests.degradation.space import parse_space

OFF = "off"
PRECISIONS = ("float32", "bfloat16", "float64")
STORAGES = ("auto", "device", "host", "disk")
ON_NONFINITE = ("stop", "skip")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run. The defaults are the paper's ("§", "eq.") or DESIGN's reading of it."""

    # Networks (§3.1)
    model: str = GFRNET  # network to train, one of models.NAMES; a baseline brings settings of its own
    variant: str = "full"  # of GFRNet, one of models.VARIANTS, §4.5
    width: int = 64  # channels after the first convolution of WarpNet and RecNet
    discriminator_width: int = 64  # the same of the two discriminators
    norm: str = "instance"  # 'instance': per-image statistics, which batch norm with batch 1 is; or 'batch'
    output_skip: bool = False  # add the degraded image to RecNet's output before the sigmoid
    image_size: int = 256  # px; crops of another size are refused (§4.1)

    # Losses (§4.2); a weight of 0 switches a loss off
    lambda_l2: float = 100.0  # eq. 6, first term, mean over pixels
    lambda_perceptual: float = 0.001  # eq. 6, second term
    lambda_adv_global: float = 1.0  # eq. 8
    lambda_adv_local: float = 0.5  # eq. 8
    lambda_landmark: float = 10.0  # eq. 11, sum over 68 points
    lambda_tv: float = 1.0  # eq. 11, sum over pixels
    label_real: float = 0.9  # smoothed label of real images, §3.3
    label_fake: float = 0.0  # label of restored images, §3.3
    vgg_face: str = ""  # weights of VGG-Face, or 'off'
    vgg_layer: str = "conv4_3"  # whose activation eq. 5 compares: the paper's "Conv-4", read as the block's last

    # Schedule (§4.2)
    warp_epochs: float = 5.0  # epochs of WarpNet alone on eq. 11
    epochs: float = 100.0  # at most, stage 1 included
    max_steps: int = 0  # steps at most, stage 1 included; 0 is no bound
    batch_size: int = 1  # samples per step, over all processes together
    learning_rates: tuple[float, ...] = (2e-4, 2e-5, 2e-6)  # Adam's, each until validation stops improving
    patience: int = 3  # validations without improvement after which the next rate comes
    rate_steps: tuple[int, ...] = ()  # longest stay at each rate in stage 2, in steps; () is no bound
    warp_rate: float = 2e-4  # Adam's rate in stage 1
    discriminator_rate: float = 1.0  # the discriminators' rate over the networks' rate
    beta1: float = 0.5  # Adam, §4.2
    beta2: float = 0.999  # Adam, its usual value
    validate_every: int = 0  # steps between validations; 0 is once an epoch
    seed: int = 0  # of weights, order, flips and degradations

    # Data
    flip: bool = True  # mirror half of the pairs, landmarks included (§4.2)
    blur_sigma: str = "0,1:0.1:3"  # rho, px (§3.2)
    scale: str = "1:0.1:8"  # s (§3.2)
    noise_sigma: str = "0:1:7"  # sigma, grey levels (§3.2)
    jpeg_quality: str = "0,10:1:40"  # q (§3.2)
    hold_out: float = 0.05  # share of the training persons that validates where the manifest has no 'val' pairs
    storage: str = "auto"  # crops as uint8 on the 'device', in 'host' memory, or read from 'disk'; auto: what fits

    # Speed
    precision: str = "float32"  # of the networks; weights and losses stay float32
    channels_last: bool = False  # memory order of images and weights
    compile: bool = False  # torch.compile the networks
    fused_adam: bool = False  # one kernel for all parameters
    tf32: bool = False  # TensorFloat-32 for what stays float32, on CUDA

    # What is kept
    on_nonfinite: str = "stop"  # at a non-finite loss or gradient: 'stop', or 'skip' the step and count
    checkpoint_every: int = 1000  # steps between checkpoints
    log_every: int = 50  # steps between rows of the metrics table
    samples: int = 4  # validation pairs in a picture

    @property
    def made_of(self) -> Model:
        """The model of these settings. Raises ConfigError for an unknown name."""
        return find_model(self.model, self.variant)


# These may differ when a run continues: they change where it ends or what it shows, not what a step does.
MAY_CHANGE = frozenset({"epochs", "max_steps", "checkpoint_every", "log_every", "samples", "on_nonfinite", "vgg_face"})


def paper() -> TrainConfig:
    """The paper's procedure (§4.2): batch 1, float32."""
    return TrainConfig()


def fast() -> TrainConfig:
    """The paper's losses and schedule on a modern GPU: large batches, bf16, everything on the device.

    The rates are four times the paper's, half of what the square root of the batch would give; steps are a 64th.
    """
    return replace(
        paper(),
        batch_size=64,
        learning_rates=(8e-4, 8e-5, 8e-6),
        warp_rate=8e-4,
        precision="bfloat16",
        channels_last=True,
        compile=True,
        fused_adam=True,
        tf32=True,
        checkpoint_every=500,
    )


def demo() -> TrainConfig:
    """A small network that shows the road on two CPU cores in minutes; no result of the paper.

    No adversarial and no perceptual loss: both need far longer to help. It trains on what the demo then tests,
    scale 4 with any blur, noise and JPEG quality, and its RecNet adds to its input, so that it starts at bicubic's
    quality.
    """
    return replace(
        paper(),
        width=16,
        output_skip=True,
        lambda_perceptual=0.0,
        lambda_adv_global=0.0,
        lambda_adv_local=0.0,
        vgg_face=OFF,
        warp_epochs=12.0,
        epochs=1000.0,
        max_steps=800,
        batch_size=8,
        learning_rates=(5e-4, 1e-4),
        rate_steps=(400,),
        warp_rate=3e-4,
        patience=1000,
        validate_every=100,
        scale="4",
        fused_adam=True,
        checkpoint_every=100,
        log_every=25,
    )


PRESETS = {"paper": paper, "fast": fast, "demo": demo}


def resolve(
    preset: str = "paper",
    file: Path | None = None,
    assignments: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """Return the preset, changed by the TOML `file`, then by `KEY=VALUE` assignments, then by `changes`.

    Raises ConfigError with every problem in one message; DataError when the file cannot be read.
    """
    problems: list[str] = []
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}{_nearest(preset, list(PRESETS))}; there are {', '.join(PRESETS)}")
    given: dict[str, Any] = {}
    if file is not None:
        given |= _coerce_all(_read_toml(file), f"{file}: ", problems)
    given |= _coerce_all(_parse_assignments(assignments, problems), "--set ", problems)
    given |= changes or {}
    name = given.get("model", GFRNET)
    of_model: dict[str, Any] = find_model(name).settings if name in NAMES else {}
    config = replace(PRESETS[preset](), **(of_model | given))
    problems += _out_of_range(config)
    if problems:
        raise ConfigError("; ".join(problems))
    return config


def to_toml(config: TrainConfig) -> str:
    """Write a configuration as TOML, one setting a line; `from_toml` reads it back equal."""
    return "".join(f"{name} = {_toml_value(value)}\n" for name, value in asdict(config).items())


def from_toml(text: str, where: str) -> TrainConfig:
    """Read what `to_toml` wrote. Raises DataError naming `where` when it is something else."""
    problems: list[str] = []
    try:
        given = _coerce_all(tomllib.loads(text), "", problems)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where} is no TOML: {error}") from error
    if problems:
        raise DataError(f"{where} is no configuration of this version: {'; '.join(problems)}")
    return TrainConfig(**given)


def from_values(values: Mapping[str, Any], where: str) -> TrainConfig:
    """Read `asdict` of a configuration after a journey through JSON. Raises DataError naming `where`."""
    problems: list[str] = []
    given = _coerce_all(values, "", problems) if isinstance(values, Mapping) else {}
    if problems or not given:
        raise DataError(f"{where} holds no configuration of this version: {'; '.join(problems)}")
    return TrainConfig(**given)


def differences(old: TrainConfig, new: TrainConfig) -> list[str]:
    """Say which settings differ that may not differ when a run continues."""
    before, after = asdict(old), asdict(new)
    return [
        f"{name} was {_toml_value(before[name])} and is {_toml_value(after[name])}"
        for name in before
        if name not in MAY_CHANGE and before[name] != after[name]
    ]


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the configuration {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no TOML: {error}") from error


def _parse_assignments(assignments: Sequence[str], problems: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            problems.append(f"--set {text!r} is not KEY=VALUE")
            continue
        try:
            given[key.strip()] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            given[key.strip()] = value.strip()  # a bare word is a string
    return given


def _coerce_all(values: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """Give each value its field's type; append what cannot be to `problems`."""
    kinds = get_type_hints(TrainConfig)
    names = [field.name for field in fields(TrainConfig)]
    given: dict[str, Any] = {}
    for key, value in values.items():
        if key not in kinds:
            problems.append(f"{where}unknown setting {key!r}{_nearest(key, names)}")
            continue
        try:
            given[key] = _coerce(value, kinds[key])
        except (TypeError, ValueError):
            wanted = str(kinds[key]) if get_origin(kinds[key]) else kinds[key].__name__
            problems.append(f"{where}{key} must be {wanted}, but is {value!r}")
    return given


def _coerce(value: Any, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(_coerce(one, item) for one in values)
    if kind is bool or isinstance(value, bool):
        if kind is bool and isinstance(value, bool):
            return value
        raise TypeError
    if kind is str:
        return value if isinstance(value, str) else str(_number(value))
    number = _number(value)
    if kind is int and number != int(number):
        raise ValueError
    return kind(number)


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise TypeError
    return value


def _nearest(key: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def _out_of_range(config: TrainConfig) -> Iterator[str]:
    yield from _bad_numbers(config)
    choices = {
        "model": NAMES,
        "variant": VARIANTS,
        "precision": PRECISIONS,
        "storage": STORAGES,
        "on_nonfinite": ON_NONFINITE,
        "norm": ("instance", "batch"),
    }
    for name, allowed in choices.items():
        value = getattr(config, name)
        if value not in allowed:
            yield f"{name} must be one of {', '.join(allowed)}, but is {value!r}{_nearest(str(value), allowed)}"
    if config.model != GFRNET and config.variant != "full":
        yield f"variant {config.variant} is one of gfrnet, and the model is {config.model!r}"
    if not config.learning_rates:
        yield "learning_rates must name at least one rate"
    if len(config.rate_steps) > len(config.learning_rates):
        yield "rate_steps has more values than learning_rates"
    if config.image_size & (config.image_size - 1) or config.image_size < 16:
        yield f"image_size must be a power of two of at least 16, but is {config.image_size}"
    try:
        parse_space(config.blur_sigma, config.scale, config.noise_sigma, config.jpeg_quality)
    except ConfigError as error:
        yield str(error)


def _bad_numbers(config: TrainConfig) -> Iterator[str]:
    """Each number in its range: at least 1 for counts, above 0 for rates, 0 or more for the others."""
    counts = ("width", "discriminator_width", "batch_size", "patience", "checkpoint_every", "log_every")
    above_zero = ("epochs", "warp_rate")
    below_one = ("beta1", "beta2", "hold_out")
    for name, value in asdict(config).items():
        values = value if isinstance(value, tuple) else (value,)
        for number in values:
            if isinstance(number, bool | str):
                continue
            if name in counts and number < 1:
                yield f"{name} must be at least 1, but is {number}"
            elif (name in above_zero or name == "learning_rates") and not number > 0:
                yield f"{name} must be above 0, but is {number}"
            elif not 0 <= number < float("inf"):
                yield f"{name} must be 0 or more and finite, but is {number}"
            elif name in below_one and number >= 1:
                yield f"{name} must be below 1, but is {number}"


def _toml_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(one) for one in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
