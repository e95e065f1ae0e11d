"""What `gpu.sh` found: rows of measurements, each part's kept as it ends, all of them as one JSON and one table."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from manifests import DataError
from manifests.files import write_lone

PARTS, JSON, TABLE, MACHINE = "parts", "gpu.json", "gpu.md", "machine.json"  # in the folder of results


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    side: int  # px of images, a power of two
    side_of_all: int  # the same where every network is looked at
    width: int
    batch: int  # of training, and of faces restored together
    images: int  # degraded together
    faces: int  # whose landmarks are found
    photographs: int  # searched for faces
    steps: int  # of each training loop in a round
    rounds: int
    compile: bool


FULL = Sizes(
    side=256, side_of_all=64, width=64, batch=64, images=256, faces=64, photographs=16, steps=10, rounds=3, compile=True
)
QUICK = Sizes(
    side=64, side_of_all=32, width=4, batch=2, images=4, faces=1, photographs=1, steps=1, rounds=1, compile=False
)


@dataclass(frozen=True)
class Row:
    """One measurement, perhaps beside another's, perhaps with an aim; or why there is none."""

    what: str
    value: float = math.nan
    unit: str = ""
    peer: str = ""  # what it is compared with
    peer_value: float | None = None  # the same of it
    at_least: float | None = None  # aim: of the ratio where there is a peer, else of the value
    at_most: float | None = None
    note: str = ""
    problem: str = ""  # why nothing, or not all, was measured; such a part is tried again

    @property
    def ratio(self) -> float | None:
        """Ours over the other's; None where there is none, or it is 0."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def reached(self) -> bool | None:
        """Whether the aim is reached; None without one, or where nothing was measured."""
        judged = self.value if not self.peer else self.ratio
        if judged is None or math.isnan(judged) or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or judged >= self.at_least) and (self.at_most is None or judged <= self.at_most)


@dataclass(frozen=True)
class Result:
    """What one part found."""

    part: str
    seconds: float  # that it took, start of its process included
    rows: tuple[Row, ...]

    @property
    def whole(self) -> bool:
        """Whether all of it was measured."""
        return not any(row.problem for row in self.rows)


def keep(out: Path, result: Result) -> None:
    """Write a part's result, and all results so far as JSON and as a table."""
    write_lone(out / PARTS / f"{result.part}.json", _as_json(asdict(result)))
    write_tables(out)


def kept(out: Path) -> list[Result]:
    """The results of the parts that have ended, in the order of their names. Raises DataError for a broken file."""
    found = []
    for path in sorted((out / PARTS).glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            rows = tuple(Row(**row | {"value": _number(row["value"])}) for row in values["rows"])
            found.append(Result(values["part"], values["seconds"], rows))
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path} holds no results; remove it, then run again") from error
    return found


def require_machine(out: Path, machine: dict[str, Any]) -> None:
    """Note the machine that results are of. Raises DataError where `out` holds those of another, or of other sizes."""
    path = out / MACHINE
    if not path.is_file():
        write_lone(path, _as_json(machine))
    elif (before := json.loads(path.read_text(encoding="utf-8"))) != machine:
        differs = ", ".join(f"{key} {before.get(key)!r}, now {machine[key]!r}" for key in _changed(before, machine))
        raise DataError(f"{out} holds results of another machine or other sizes ({differs}); give another folder")


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [key for key in now if before.get(key) != now[key]]


def write_tables(out: Path) -> None:
    """All results so far: OUT/gpu.json and OUT/gpu.md."""
    machine = json.loads((out / MACHINE).read_text(encoding="utf-8"))
    results = kept(out)
    write_lone(out / JSON, _as_json({"machine": machine, "parts": [asdict(result) for result in results]}))
    write_lone(out / TABLE, table(machine, results).encode())


def table(machine: dict[str, Any], results: Sequence[Result]) -> str:
    """The results as Markdown for the page of benchmarks."""
    lines = [
        "; ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "",
        "| what | measured | beside it | ratio | aim | |",
        "| --- | --: | --: | --: | --- | --- |",
    ]
    for result in results:
        lines += [_line(row) for row in result.rows]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    ours = "" if math.isnan(row.value) else f"{short(row.value)} {row.unit}".strip()
    peer = f"{row.peer}: {short(row.peer_value)}" if row.peer and row.peer_value is not None else ""
    ratio = f"{short(row.ratio)}x" if row.peer and row.ratio is not None else ""
    unit = "x" if row.peer else ""
    bounds = (("at least", row.at_least), ("at most", row.at_most))
    aims = [f"{word} {short(aim)}{unit}" for word, aim in bounds if aim is not None]
    verdict = {True: "reached", False: "missed", None: ""}[row.reached]
    remarks = "; ".join(part for part in (verdict, row.note, f"not run: {row.problem}" if row.problem else "") if part)
    cells = (row.what, ours, peer, ratio, ", ".join(aims), remarks)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def short(value: float) -> str:
    """A number for a person: three digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _as_json(values: Any) -> bytes:
    return (json.dumps(_finite(values), indent=1, ensure_ascii=False) + "\n").encode()


def _finite(values: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _number(value: float | None) -> float:
    return math.nan if value is None else value
