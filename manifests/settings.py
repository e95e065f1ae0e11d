"""Settings: frozen dataclasses whose fields carry range, meaning and unit; one way to read them, one to write them.

A class of settings is a `pydantic.dataclasses.dataclass(frozen=True, config=FORBID)`. Each field is one line:

    width: Annotated[Count, about("channels after the first convolution")] = 64

Types are exact: a text is no number and `true` is not 1. Only for a text a number may stand, for a tuple its one value.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo

from manifests.errors import ConfigError, DataError

FORBID = ConfigDict(extra="forbid", allow_inf_nan=False)  # an unknown name and a number that is not finite are refused

Settings = TypeVar("Settings")
Item = TypeVar("Item")


def about(text: str) -> Any:
    """The meaning of a setting, with its unit and source: one line, which `to_toml` writes beside the value."""
    return Field(description=text)


def one_of(names: Sequence[str]) -> AfterValidator:
    """A text that must be one of `names`."""

    def check(value: str, info: ValidationInfo) -> str:
        if value not in names:
            allowed = ", ".join(names)
            raise ValueError(f"{info.field_name} must be one of {allowed}, but is {value!r}{nearest(value, names)}")
        return value

    check.names = names  # type: ignore[attr-defined]  # for `listed`
    return AfterValidator(check)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Count = Annotated[int, Field(strict=True, ge=1)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[float, Field(strict=True, gt=0)]
NotNegative = Annotated[float, Field(strict=True, ge=0)]
Share = Annotated[float, Field(strict=True, ge=0, lt=1)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, BeforeValidator(_as_text)]
Many = Annotated[tuple[Item, ...], BeforeValidator(_as_tuple)]


def from_values(kind: type[Settings], values: Any, where: str) -> Settings:
    """Settings from values that a file holds, checked; what is absent has its default.

    Raises DataError naming the file, `where`, when it holds anything else.
    """
    try:
        return TypeAdapter(kind).validate_python(values or None)
    except ValidationError as error:
        problems = "; ".join(_problems(error, kind))
        raise DataError(f"{where} holds no settings of this version: {problems}") from error


def change(base: Settings, *sources: Mapping[str, Any], problems: Sequence[str] = ()) -> Settings:
    """`base` with the values of `sources` put in, the last one's winning.

    Raises ConfigError with everything that is wrong in one message, after `problems` that were known before.
    """
    kind = type(base)
    values: dict[str, Any] = asdict(base)  # type: ignore[call-overload]  # settings are dataclasses
    for source in sources:
        _put(values, source)
    try:
        changed = TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ConfigError("; ".join([*problems, *_problems(error, kind)])) from error
    if problems:
        raise ConfigError("; ".join(problems))
    return changed


def read_toml(file: Path) -> dict[str, Any]:
    """The values of a user's TOML file. Raises DataError when it cannot be read, ConfigError when it is no TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the settings {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file} is no TOML: {error}") from error


def from_toml(kind: type[Settings], text: str, where: str) -> Settings:
    """Read what `to_toml` wrote. Raises DataError naming `where` when it is something else."""
    try:
        return from_values(kind, tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where} is no TOML: {error}") from error


def parse_assignments(texts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The values of `KEY=VALUE` texts, and what is wrong with them. VALUE is TOML or a bare word, KEY may be `A.B`."""
    values: dict[str, Any] = {}
    problems = []
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            problems.append(f"--set {text!r} is not KEY=VALUE")
            continue
        try:
            found = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            found = value
        for part in reversed(key.split(".")):
            found = {part: found}
        _put(values, found)
    return values, problems


def to_toml(settings: Any) -> str:
    """Settings as TOML, one a line with its meaning as a comment; reading it gives the same settings."""
    known: dict[str, FieldInfo] = type(settings).__pydantic_fields__
    lines = [f"{name} = {as_toml(value)}  # {known[name].description}\n" for name, value in asdict(settings).items()]
    return "".join(lines)


def listed(settings: Any, prefix: str = "") -> str:
    """The lines of `to_toml`, with the names that a setting is one of, to be read by a person; each after `prefix`."""
    known: dict[str, FieldInfo] = type(settings).__pydantic_fields__
    lines = []
    for line, field in zip(to_toml(settings).splitlines(), known.values(), strict=True):
        checks = (getattr(one, "func", None) for one in field.metadata)
        names = next(filter(None, (getattr(check, "names", ()) for check in checks)), ())
        lines.append(f"{prefix}{line}" + (f"; one of {', '.join(names)}" if names else ""))
    return "\n".join(lines)


def as_toml(value: Any) -> str:
    """One value as TOML."""
    if isinstance(value, tuple):
        return "[" + ", ".join(as_toml(one) for one in value) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def nearest(name: str, names: Sequence[str]) -> str:
    """`, did you mean '...'?` where one of `names` is near."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def _put(values: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Put `source` into `values`, sections into sections."""
    for name, value in source.items():
        if isinstance(value, Mapping) and isinstance(values.get(name), dict):
            _put(values[name], value)
        else:
            values[name] = value


def _problems(error: ValidationError, kind: type) -> Iterator[str]:
    """Each problem as half a sentence that names the setting."""
    for found in error.errors(include_url=False):
        *sections, last = [part for part in found["loc"] if isinstance(part, str)] or ["these values"]
        name = ".".join([*sections, last])
        if found["type"] == "unexpected_keyword_argument":
            yield f"unknown setting {name!r}{nearest(last, _names(kind, sections))}"
        elif found["type"] == "value_error":
            yield str(found["ctx"]["error"])
        else:
            yield f"{name} {found['msg'].replace('Input should', 'must')}, but is {found['input']!r}"


def _names(kind: Any, sections: Sequence[str]) -> list[str]:
    """The settings of a section."""
    for section in sections:
        kind = kind.__pydantic_fields__[section].annotation
    return list(kind.__pydantic_fields__)
