"""`make torture`: hurt every command for a while, and say what came of it. Exit 1 on anything unexpected."""

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.torture import faults, flips, kills, races, shim, trees
from tests.torture.commands import SAMPLE
from tests.torture.memory import import_everything, leave_charts_out, remember_faces
from tests.torture.report import Report
from tests.torture.world import LostError, UnexpectedError, World

TORTURES: dict[str, Callable[[World, str], str]] = {
    "kill": kills.kill,
    "replace": kills.replace,
    "fault": faults.fault,
    "flip": flips.flip,
    "race": races.race,
    "tree": trees.tree,
}


def main() -> int:
    options = _options()
    if why := shim.missing():
        print(f"nothing was done: {why}")
        return 0
    base = options.folder.resolve() / f"gfr-torture-{options.seed}"
    base.mkdir(parents=True, exist_ok=True)
    shim.preload(base)
    for path in [base / "room", base / "kept"]:
        shutil.rmtree(path, ignore_errors=True)
    world, report = World(base), Report()
    print("importing, and making what shall be hurt", flush=True)
    import_everything()
    leave_charts_out()
    photographs = sorted(world.kept(SAMPLE).rglob("*.jpg"))
    remember_faces(photographs)
    cases = iter([options.case]) if options.case else _mixed(world, options.seed, options.kinds)
    end = time.monotonic() + 60 * options.minutes
    for case in itertools.islice(cases, options.most):
        if time.monotonic() > end:
            break
        _attempt(world, case, report, options.verbose)
    print(report.text())
    shutil.rmtree(base)
    return 1 if report.unexpected else 0


def _attempt(world: World, case: str, report: Report, verbose: bool) -> None:
    began = time.monotonic()
    try:
        outcome = TORTURES[case.partition(":")[0]](world, case)
        report.add(case, outcome)
    except UnexpectedError as error:
        outcome = report.add_unexpected(case, str(error), isinstance(error, LostError))
        print(outcome, flush=True)
    if verbose:
        print(f"{case} {time.monotonic() - began:.1f} s: {outcome.partition(chr(10))[0]}", flush=True)


def _mixed(world: World, seed: int, kinds: list[str]) -> Iterator[str]:
    """Cases of all kinds in turn: points of death and of failure once each in any order, the others without end."""
    draw = random.Random(seed)
    streams: dict[str, Iterator[str]] = {
        "kill": _shuffled(kills.cases, world, draw),
        "fault": _shuffled(faults.cases, world, draw),
        "replace": _shuffled(kills.cases_of_overwriting, world, draw),
        **{kind: _numbered(kind, 1000 * seed) for kind in ("flip", "race", "tree")},
    }
    turns = itertools.cycle(
        [
            kind
            for kind in ("kill", "fault", "flip", "kill", "fault", "tree", "replace", "flip", "race")
            if kind in kinds
        ]
    )
    for kind in turns:
        case = next(streams[kind], None)
        if case is not None:
            yield case


def _numbered(kind: str, first: int) -> Iterator[str]:
    yield from (f"{kind}:{number}" for number in itertools.count(first))


def _shuffled(cases: Callable[[World], Iterator[str]], world: World, draw: random.Random) -> Iterator[str]:
    found = list(cases(world))
    draw.shuffle(found)
    yield from found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long; what is begun is finished")
    parser.add_argument("--most", type=int, help="this many cases at most")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where to work")
    parser.add_argument("--seed", type=int, default=0, help="which cases, in which order")
    parser.add_argument("--case", default="", help="one case alone, by the name that a report gives it")
    parser.add_argument("--kinds", nargs="+", choices=TORTURES, default=list(TORTURES), help="these alone")
    parser.add_argument("--verbose", action="store_true", help="a line for each case")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
