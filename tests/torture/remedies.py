"""What a person does who reads the one line of a refusal: exactly what it says, and then the command again."""

import re
from collections.abc import Iterator

from tests.torture.children import MEMORY, Outcome
from tests.torture.commands import BUILD, DEGRADE, SCORE, TRAIN, Command, maker_of
from tests.torture.world import LostError, UnexpectedError, World

ATTEMPTS = 4  # how often a person follows what is said
# Who is meant where a line names what to make again, in the words of the messages.
AGAIN = (
    (re.compile(r"build the pairs again|build again|gfr-data build-pairs"), BUILD),
    (re.compile(r"degrade (it|the pairs) again|gfr-data degrade"), DEGRADE),
    (re.compile(r"train (the run|it) again|gfr-train"), TRAIN),
    (re.compile(r"score (it |them )?again|gfr-eval score"), SCORE),
)
MAKE_AGAIN = re.compile(r"make (it|them|what is wrong|the table|that) (again|anew|first)|again, make it")
REMOVE_NAMED = re.compile(r"remove the files named")
REMOVE = re.compile(r"remove (it|the link|[^ ]*/[^ ;,]+)")
NOT_OURS = re.compile(r"did not write; give another folder")
ONLY_AGAIN = re.compile(r"run (it |this |the same command )?again|the same command|wait for it")


def misbehaviour(outcome: Outcome) -> str:
    """What is wrong with how a command ended, whatever it had to work on; '' where nothing is."""
    text = outcome.errors
    errors = [line for line in text.splitlines() if line.startswith("Error: ")]
    partly = "not restored" in outcome.output  # an album goes on past a photograph; each such has its line
    wrongs = {
        "it hangs": outcome.hung,
        f"it took {outcome.memory >> 20} MiB of memory": outcome.memory > MEMORY,
        f"signal {-outcome.code} ended it": outcome.code < 0,
        "it did not expect this": "Traceback" in text or "(unexpected;" in text,
        f"exit {outcome.code} without a line that says why": outcome.code != 0 and not errors and not partly,
        "its error is not one line": len(errors) > 1 or (bool(errors) and not text.strip().endswith(errors[0])),
    }
    return next((wrong for wrong, true in wrongs.items() if true), "")


def demand_manners(outcome: Outcome) -> None:
    """Raise UnexpectedError where a command misbehaved."""
    if wrong := misbehaviour(outcome):
        raise UnexpectedError(f"{wrong}: {outcome.errors.strip()[-600:]}")


def refusal(outcome: Outcome) -> str:
    """The line with which a command refused all or one of several photographs; '' where it refused nothing."""
    if found := re.search(r"rows have no score, the first because .*", outcome.output):
        return found[0]
    if "not restored" in outcome.output:
        return next(line for line in reversed(outcome.errors.splitlines()) if "; " in line)
    return outcome.said if outcome.code else ""


def finish(world: World, command: Command, depth: int = 2, elsewhere: bool = False) -> list[str]:
    """Give a command until it ends well, doing what its refusals say. Returns these refusals.

    `elsewhere`: to be told to take another folder is good enough; here that means to clear the one it has.

    Raises LostError when what they say does not help, or when they say nothing that could be done.
    """
    refusals: list[str] = []
    for _ in range(ATTEMPTS):
        outcome = world.run(command)
        demand_manners(outcome)
        line = refusal(outcome)
        if not line:
            return refusals
        if line in refusals:
            break
        refusals.append(line)
        if REMOVE_NAMED.search(line):
            _remove_named(world, command, outcome)
        command = _do(world, command, line, depth, elsewhere)
    raise LostError(f"{command.name} never ends well, though its advice was followed: {' | '.join(refusals)}")


def _do(world: World, command: Command, line: str, depth: int, elsewhere: bool) -> Command:
    """Do what a line says; returns the command to give next."""
    found = None if REMOVE_NAMED.search(line) else REMOVE.search(line)  # those are gone already
    if found:
        place = found[1] if "/" in found[1] else next(_places(world, line), "")
        if place:
            world.clear(place.removeprefix(f"{world.room}/"))
            return command
    if elsewhere and NOT_OURS.search(line):
        world.clear(command.writes)
        return command
    makers = [maker for pattern, maker in AGAIN if pattern.search(line)]
    if not makers and MAKE_AGAIN.search(line):
        makers = [maker for place in _places(world, line) if (maker := maker_of(place)) is not None][:1]
    for maker in makers[:1]:
        if maker.name == command.name and "--overwrite" in line:
            return command.plus("--overwrite")
        if maker.name != command.name and depth:
            finish(world, maker.plus("--overwrite") if "--overwrite" in line else maker, depth - 1, elsewhere)
        return command
    if "--overwrite" in line and command.writes:
        return command.plus("--overwrite")
    if ONLY_AGAIN.search(line) or REMOVE_NAMED.search(line):
        return command
    raise LostError(f"{command.name} refuses, and says nothing that could be done: {line}")


def _remove_named(world: World, command: Command, outcome: Outcome) -> None:
    """Remove the files that the lines above the last one name, and give the command that made them."""
    for place in command.reads:
        folder = world.room / place
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        named = [path for path in files if path.relative_to(folder).as_posix() in outcome.output]
        world.clear(*(path.relative_to(world.room).as_posix() for path in named))
        maker = maker_of(place)
        if named and maker is not None:
            finish(world, maker)


def _places(world: World, line: str) -> Iterator[str]:
    """The paths in the room that a line names, as from the room."""
    for found in re.finditer(re.escape(f"{world.room}/") + r"([^\s;,:'\")]+)", line):
        yield found[1]


def demand_same(world: World, command: Command) -> None:
    """Raise LostError where the result in the room is not the undisturbed one, or something unfinished lies about."""
    if left := [path.name for path in world.room.rglob(".*.part*")]:
        raise LostError(f"{command.name} ends well and leaves {left[0]}")
    if different := world.differences(command):
        more = f" and {len(different) - 4} more" if len(different) > 4 else ""
        raise LostError(f"{command.name} ends well with another result: {'; '.join(different[:4])}{more}")
