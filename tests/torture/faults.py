"""Faults: the n-th operation on files fails with an input/output error, or from it on the disk is full, for every n."""

from collections.abc import Iterator

from tests.torture.commands import WRITERS, named
from tests.torture.remedies import demand_manners, demand_same, finish
from tests.torture.shim import Trap
from tests.torture.world import World

ERRORS = ("EIO", "ENOSPC")


def cases(world: World) -> Iterator[str]:
    """Every operation of every command with either error."""
    for command in WRITERS:
        world.kept(command)
        for number, line in enumerate(world.operations[command.label], start=1):
            full = line.split()[0] in ("create", "folder", "link", "write")  # what takes room
            yield from (f"fault:{command.name}:{number}:{error}" for error in ERRORS if full or error == "EIO")


def fault(world: World, case: str) -> str:
    """`fault:build:17:EIO`: what the command leaves is whole, or it says in one line what is wrong and then goes on."""
    _, name, at, error = case.split(":")
    command = named(name)
    world.prepare(command)
    outcome = world.run(command, Trap(int(at), error))
    demand_manners(outcome)
    if outcome.code == 0:
        demand_same(world, command)
        return "did not matter"
    finish(world, command)
    demand_same(world, command)
    return "one line, then finished"
