"""Races: two to four commands at once in one folder. One works, the others refuse in one line or find all done.

Each is stopped at an operation that the seed draws, so that they stand inside each other as often as can be; then all
go on. What is there at the end is what one of those that ended well makes alone, and nothing else.
"""

import random
from dataclasses import dataclass

from tests.torture.children import Child, Outcome
from tests.torture.commands import MAKERS, Command, validator_of
from tests.torture.remedies import demand_manners, demand_same, finish
from tests.torture.shim import Trap
from tests.torture.world import UnexpectedError, World


@dataclass(frozen=True)
class Runner:
    command: Command
    child: Child


def race(world: World, case: str) -> str:
    """`race:17`: the commands, their settings and the places where they stop, as seed 17 draws them."""
    draw = random.Random(case)
    maker = draw.choice(MAKERS)
    other = maker.plus(*maker.other)
    entrants = [maker, *(draw.choice(_rivals(maker)) for _ in range(draw.randint(1, 3)))]
    kept = {one.label for one in (maker, other) if world.kept(one)}  # made now: making empties the room
    assert len(kept) == 2
    world.prepare(maker)
    if draw.random() < 0.4:
        entrants[0] = maker.plus("--overwrite")
        world.put(other)
    names = ", ".join(" ".join((one.name, *one.extra)) for one in entrants)
    try:
        return _run(world, maker, entrants, draw)
    except Exception as error:
        error.args = (f"at once {names}: {error}",)
        raise


def _run(world: World, maker: Command, entrants: list[Command], draw: random.Random) -> str:
    runners: list[Runner] = []
    ended: list[tuple[Command, Outcome]] = []
    for number, command in enumerate(entrants):
        trap = Trap(draw.randint(1, len(world.operations[maker.label])), "stop")
        runner = Runner(command, world.start(command, trap, notes=f"notes-{number}"))
        outcome = runner.child.wait(until_stopped=True)
        if outcome is None:
            runners.append(runner)
        else:
            ended.append((command, outcome))
    draw.shuffle(runners)
    for runner in runners:
        runner.child.go_on()
    for runner in runners:
        outcome = runner.child.wait()
        assert outcome is not None
        ended.append((runner.command, outcome))
    for _, outcome in ended:
        demand_manners(outcome)
    _judge(world, maker, ended)
    return f"{len(ended)} at once, one result"


def _judge(world: World, maker: Command, ended: list[tuple[Command, Outcome]]) -> None:
    """One of those that ended well has made what is there; the next call makes it what it shall be."""
    well = [command for command, outcome in ended if outcome.code == 0 and command.writes]
    if not well:
        raise UnexpectedError(f"none of them ended well: {' | '.join(outcome.said for _, outcome in ended)}")
    found = {command.label: world.differences(command) for command in well}
    if all(found.values()):
        raise UnexpectedError(
            f"what is there is nobody's result: {'; '.join(f'{n}: {d[:3]}' for n, d in found.items())}"
        )
    finish(world, maker)
    demand_same(world, maker)


def _rivals(maker: Command) -> list[Command]:
    other = maker.plus(*maker.other)
    rivals = [maker, maker.plus("--overwrite"), other, other.plus("--overwrite")]
    validator = validator_of(maker)
    return rivals if validator is None else [*rivals, validator]
