"""All that waits for a GPU, by one command within ten minutes: see gpu.sh.

    python -m tests.benchmarks.gpu OUT [--device cuda] [--minutes 10] [--only PART ...] [--quick]

Each part runs in a process of its own for a share of the time: one that fails, hangs or is killed is a row of the
table with its reason, and the others go on. What has ended is kept in OUT, so that the same command continues: it
measures what is missing and tries again what was not whole. OUT/gpu.md is the table, OUT/gpu.json is for programs.
"""

import argparse
import math
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests import ConfigError, DataError
from tests.benchmarks.gpu_record import (
    FULL,
    QUICK,
    TABLE,
    Result,
    Row,
    Sizes,
    keep,
    kept,
    require_machine,
    write_tables,
)

REPOSITORY = Path(__file__).resolve().parents[2]
CUT = "it was cut before its end"
LEAST = 20.0  # seconds that must be left for a part to begin


@dataclass(frozen=True)
class Part:
    name: str
    share: float  # of the whole time that it may take, the start of its process included
    measure: Callable[[str, Sizes], Iterator[Row]]  # of a device's name


def parts() -> tuple[Part, ...]:
    """What is measured, in this order: what an hour on a GPU is most wanted for comes first."""
    from tests.benchmarks import gpu_parity, gpu_speed

    return (
        Part("parity", 0.16, gpu_parity.parity),
        Part("training", 0.4, gpu_speed.training),
        Part("degradation", 0.1, gpu_speed.degradation),
        Part("faces", 0.12, gpu_speed.faces),
        Part("landmarks", 0.12, gpu_speed.landmarks),
        Part("restoring", 0.1, gpu_speed.restoring),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing; 1 where something is still missing afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=10.0, help="in which all ends; each part has its share of it")
    parser.add_argument("--only", action="append", metavar="PART", help="any of: " + ", ".join(p.name for p in parts()))
    parser.add_argument("--quick", action="store_true", help="sizes of seconds, which show that it runs and no more")
    parser.add_argument("--in-this-process", metavar="PART", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    known = {part.name: part for part in parts()}
    if unknown := sorted(set(options.only or []) - known.keys()):
        parser.error(f"--only {unknown[0]}: there are {', '.join(known)}")
    sizes = QUICK if options.quick else FULL
    if options.in_this_process:
        return measure(options.out, known[options.in_this_process], options.device, sizes)
    command = [*_command(options), "--in-this-process"]
    wanted = [part for part in known.values() if part.name in (options.only or known)]
    try:
        return run(options.out, wanted, lambda part, seconds: _in_a_process([*command, part.name], seconds), options)
    except DataError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def run(out: Path, wanted: Sequence[Part], begin: Callable[[Part, float], str], options: argparse.Namespace) -> int:
    """Run each part that is not there yet; `begin` runs one and returns why it was not whole, or ''."""
    whole = 60 * options.minutes
    end = time.monotonic() + whole
    done = {result.part for result in kept(out) if result.whole}
    for part in (part for part in wanted if part.name not in done):
        left = end - time.monotonic()
        if left < min(LEAST, part.share * whole):
            print(f"{part.name}: no time is left; the same command goes on", flush=True)
            continue
        print(f"{part.name} ...", flush=True)
        started = time.monotonic()
        reason = begin(part, min(part.share * whole, left))
        seconds = time.monotonic() - started
        if reason:
            rows = next((result.rows for result in kept(out) if result.part == part.name), ())
            keep(out, Result(part.name, seconds, (*_measured(rows), Row(part.name, problem=reason))))
        print(f"{part.name}: {reason or 'done'}, {seconds:.0f} s", flush=True)
    results = {result.part: result for result in kept(out)}
    if results:
        write_tables(out)
        print((out / TABLE).read_text(encoding="utf-8"))
    missing = [part.name for part in wanted if part.name not in results or not results[part.name].whole]
    if missing:
        print(f"not whole: {', '.join(missing)}; the same command goes on")
    return 1 if missing else 0


def measure(out: Path, part: Part, device: str, sizes: Sizes) -> int:
    """Measure one part here, and keep each row as it is found."""
    started = time.monotonic()
    try:
        require_machine(out, machine(device, sizes))
    except (DataError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 2
    rows: list[Row] = []

    def note(*problems: str) -> None:
        ended = (Row(part.name, problem=problem) for problem in problems)
        keep(out, Result(part.name, time.monotonic() - started, (*rows, *ended)))

    note(CUT)
    try:
        for row in part.measure(device, sizes):
            rows.append(row)
            note(CUT)
    except Exception as error:  # of any kind: the other parts go on
        note(reason_of(error))
    else:
        note()
    return 0


def _measured(rows: Sequence[Row]) -> Iterator[Row]:
    return (row for row in rows if not math.isnan(row.value))


def reason_of(error: Exception) -> str:
    """An exception as one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def machine(device: str, sizes: Sizes) -> dict[str, Any]:
    """What the figures are of."""
    import torch

    from gfr_model.device import open_device
    from tests.benchmarks.count_step import card_named

    there = open_device(device)
    on_gpu = there.type == "cuda"
    name = torch.cuda.get_device_name(there) if on_gpu else platform.processor() or platform.machine()
    known = not on_gpu or card_named(name) is not None
    return {
        "device": name if known else f"{name} (its peak is not known here)",
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "Python": platform.python_version(),
        "sizes": "full" if sizes == FULL else "quick",
    }


def _command(options: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "tests.benchmarks.gpu", str(options.out), "--device", options.device]
    return [*command, "--quick"] if options.quick else command


def _in_a_process(command: list[str], seconds: float) -> str:
    """Run a command for so long at most; '' when it ended well, else why not."""
    with subprocess.Popen(
        command, cwd=REPOSITORY, start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it started
            return f"cut after {seconds:.0f} s"
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    sys.stderr.write(errors)
    if process.returncode == 2:
        raise DataError(errors.strip().splitlines()[-1])
    lines = errors.strip().splitlines() or [""]
    return "" if process.returncode == 0 else f"ended with status {process.returncode}: {lines[-1][:200]}"


if __name__ == "__main__":
    sys.exit(main())
