"""Kills: a command dies at its n-th operation on files, for every n; the same command then gives the same bytes."""

from collections.abc import Iterator

from tests.torture.commands import MAKERS, WRITERS, Command, named
from tests.torture.remedies import demand_manners, demand_same, finish
from tests.torture.shim import Trap
from tests.torture.world import UnexpectedError, World


def cases(world: World) -> Iterator[str]:
    """Every point of every command: before each operation, and in the middle of each write."""
    for command in WRITERS:
        world.kept(command)
        yield from _points(world, "kill", command, command.label)


def cases_of_overwriting(world: World) -> Iterator[str]:
    """The same while `--overwrite` replaces another result."""
    for command in MAKERS:
        yield from _points(world, "replace", command, _replaced(world, command))


def kill(world: World, case: str) -> str:
    """`kill:build:17:tear`: kill a command that begins with nothing, then give it again."""
    _, name, at, how = case.split(":")
    command = named(name)
    world.prepare(command)
    return _kill(world, command, Trap(int(at), how))


def replace(world: World, case: str) -> str:
    """`replace:build:17:kill`: kill it while it replaces what it made with other settings, then give it again."""
    _, name, at, how = case.split(":")
    command = named(name)
    world.prepare(command)
    world.put(command.plus(*command.other))
    return _kill(world, command.plus("--overwrite"), Trap(int(at), how))


def _kill(world: World, command: Command, trap: Trap) -> str:
    outcome = world.run(command, trap)
    if not outcome.killed:
        demand_manners(outcome)
        if outcome.code:
            raise UnexpectedError(f"refused before it was killed: {outcome.said}")
        demand_same(world, command)
        return "ended before its death"
    refusals = finish(world, command)
    demand_same(world, command)
    return "finished by what the refusal said" if refusals else "finished by the same command"


def _points(world: World, kind: str, command: Command, label: str) -> Iterator[str]:
    for number, line in enumerate(world.operations[label], start=1):
        yield f"{kind}:{command.name}:{number}:kill"
        if line.startswith("write "):
            yield f"{kind}:{command.name}:{number}:tear"


def _replaced(world: World, command: Command) -> str:
    """Count the operations of replacing another result; returns their name in `world.operations`."""
    label = f"{command.name}-replaced"
    if label not in world.operations:
        world.prepare(command)
        world.put(command.plus(*command.other))
        outcome = world.run(command.plus("--overwrite"))
        demand_manners(outcome)
        demand_same(world, command)
        world.operations[label] = outcome.operations
    return label
