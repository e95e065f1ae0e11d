"""Damage: bits of files that the project wrote flip, files are cut, emptied or gone; then a command meets them.

It makes them again, or refuses in one line with a remedy that then works, or does not read them. It never passes other
values on: whatever it writes is what it writes from whole files.
"""

import random
from fnmatch import fnmatch
from pathlib import Path

from tests.torture.commands import ALL, MAKERS, SAMPLE, Command, validator_of
from tests.torture.remedies import demand_manners, demand_same, finish, refusal
from tests.torture.world import CLOCKED, LostError, World

# Pictures and pages that no command reads again: a person looks at them.
LOOKED_AT = (
    "report.html",
    "summary.html",
    "samples/*.png",
    "*.csv",
    "*/names.txt",
    "metrics.parquet",
    "index.html",
    "index_files/*",
)
# Read only where a newer one is damaged, too.
SPARES = ("checkpoints/step-00000002.safetensors",)
# What tells whose a folder is: without it a folder may be anybody's, and the way on is another folder.
MARKS = ("sample.json", "build.json", "degrade.json", "config.toml", "score.json", "restored.jsonl")
DAMAGES = ("bit", "bit", "bit", "bits", "cut", "empty", "gone", "zeros", "longer")


def flip(world: World, case: str) -> str:
    """`flip:17`: the damage that seed 17 draws, and the command that meets it."""
    draw = random.Random(case)
    owner = draw.choice(MAKERS)
    name = draw.choice(draw.choice(_kinds(owner, world.kept(owner))))
    readers = [command for command in ALL if owner.writes in command.reads and owner is not SAMPLE]
    reader = draw.choice([owner, *readers])
    again = reader is not owner and draw.random() < 0.5  # it did its work before the damage
    damage = draw.choice(DAMAGES)
    world.prepare(owner, reader)
    world.put(owner)
    if again and reader.writes:
        world.put(reader)
    hurt(world.room / owner.writes / name, damage, draw)
    what = f"{damage} of {owner.writes}/{name}, then {reader.name}{' again' if again else ''}"
    try:
        return _meet(world, owner, name, reader)
    except Exception as error:
        error.args = (f"{what}: {error}",)
        raise


def _meet(world: World, owner: Command, name: str, reader: Command) -> str:
    outcome = world.run(reader)
    demand_manners(outcome)
    refusals = finish(world, reader, elsewhere=name in MARKS) if refusal(outcome) else []
    if reader.writes and reader is not owner:
        demand_same(world, reader)
    read = not any(fnmatch(name, pattern) for pattern in LOOKED_AT)
    if refusals:
        if reader is owner and read:
            demand_same(world, owner)
        return "refused, and the remedy worked"
    left = [line for line in world.differences(owner) if line.split(": ")[0] == name]
    if reader is not owner or not left:
        return "did not matter" if left else "made again"
    if not read:
        return "not read by any command"
    if name in SPARES:
        return "a spare, not read while the newest is whole"
    return _validate(world, owner)


def _validate(world: World, owner: Command) -> str:
    """What the command itself passes over, the check finds, and its remedy mends."""
    validator = validator_of(owner)
    if validator is None:
        raise LostError(f"{owner.name} says that all is done, and leaves it: {'; '.join(world.differences(owner))}")
    if not finish(world, validator):
        raise LostError(f"neither {owner.name} nor validate finds it: {'; '.join(world.differences(owner))}")
    demand_same(world, owner)
    return "found by validate, and the remedy worked"


def hurt(path: Path, damage: str, draw: random.Random) -> None:
    """Damage one file."""
    content = bytearray(path.read_bytes())
    place = draw.randrange(max(len(content), 1))
    if damage == "gone":
        path.unlink()
        return
    if damage in ("bit", "bits") and content:
        for _ in range(1 if damage == "bit" else draw.randint(2, 20)):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif damage == "cut":
        del content[place:]
    elif damage == "zeros":
        content[place : place + 512] = bytes(len(content[place : place + 512]))
    elif damage == "longer":
        content += draw.randbytes(draw.randint(1, 4096))
    elif damage == "empty":
        content.clear()
    path.write_bytes(content)


def _kinds(owner: Command, folder: Path) -> list[list[str]]:
    """The files of a result by kind: one table counts as much as all crops together."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for name in sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()):
        photograph = owner is SAMPLE and name.endswith(".jpg")  # the user's own: another picture is no damage
        if not photograph and not name.startswith(CLOCKED):
            place, _, file = name.rpartition("/")
            kinds.setdefault((place.split("/")[0], file if not place else Path(file).suffix), []).append(name)
    return list(kinds.values())
