"""The room in which commands are tortured, and what each of them makes there when nothing disturbs it."""

import json
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from manifests.files import hash_bytes, hash_file
from manifests.folders import HOLDER
from tests.torture.children import Child, Outcome
from tests.torture.commands import Command, maker_of
from tests.torture.shim import Trap

NO_TRAP = Trap()
# Names and content hold the time of day; a disk that fails as the note of who holds the folder goes leaves one, which
# means nothing.
CLOCKED = ("events/", HOLDER)


class UnexpectedError(Exception):
    """What must not happen; its text says it to a person."""


class LostError(UnexpectedError):
    """A result that was damaged or interrupted, and that no command makes as an undisturbed one would have."""


@dataclass(frozen=True)
class World:
    """The folders of one session: the room, what belongs into it, and notes."""

    base: Path
    operations: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of each undisturbed command, see `count`

    @property
    def room(self) -> Path:
        """Where commands work. It is always the same, for some of what they write names it."""
        return self.base / "room"

    def start(self, command: Command, trap: Trap = NO_TRAP, notes: str = "notes") -> Child:
        """Begin a command in the room."""
        return Child(command.arguments(self.room), self.room, self.base / notes, trap)

    def run(self, command: Command, trap: Trap = NO_TRAP) -> Outcome:
        """Run a command in the room to its end."""
        outcome = self.start(command, trap).wait()
        assert outcome is not None
        return outcome

    def kept(self, command: Command) -> Path:
        """Where the undisturbed result of a command lies, made when it is first asked for."""
        path = self.base / "kept" / command.label / command.writes
        if not path.exists():
            self._make(command, path)
        return path

    def _make(self, command: Command, path: Path) -> None:
        self.prepare(command)
        outcome = self.run(command)
        if outcome.code:
            raise RuntimeError(f"{' '.join(command.line)} fails undisturbed:\n{outcome.output}{outcome.errors}")
        self.operations[command.label] = outcome.operations
        path.parent.mkdir(parents=True, exist_ok=True)
        _copy(self.room / command.writes, path)

    def put(self, command: Command) -> None:
        """Put the undisturbed result of a command into the room, in the place of what is there."""
        source = self.kept(command)
        self.clear(command.writes)
        _copy(source, self.room / command.writes)

    def clear(self, *places: str) -> None:
        """Take files and folders out of the room."""
        for place in filter(None, places):
            path = self.room / place
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)

    def prepare(self, *commands: Command) -> None:
        """Make the room hold all that these commands read, undisturbed, and nothing else."""
        wanted = list(dict.fromkeys(one for command in commands for one in _upstream(command)))
        for one in wanted:
            self.kept(one)  # made now, if at all: making empties the room
        self.room.mkdir(parents=True, exist_ok=True)
        self.clear(*(path.name for path in list(self.room.iterdir())))
        for one in wanted:
            self.put(one)

    def differences(self, command: Command) -> list[str]:
        """What of the result in the room is not as an undisturbed run leaves it, `name: how` each."""
        wanted, found = contents(self.kept(command)), contents(self.room / command.writes)
        changed = [name for name in found if found[name] != wanted.get(name)]
        lines = [f"{name}: {'other bytes' if name in wanted else 'too much'}" for name in changed]
        return [*lines, *(f"{name}: missing" for name in wanted if name not in found)]


def contents(path: Path) -> dict[str, str]:
    """The hash of each file of a result by its name in it, but for what depends on the time of day."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
    names = {file.relative_to(path).as_posix(): file for file in files if file.is_symlink() or not file.is_dir()}
    timed = (*CLOCKED, *(name for name in names if name.endswith(".times")))
    return {name: _hash(file) for name, file in names.items() if not name.startswith(timed)}


def _hash(file: Path) -> str:
    if file.is_symlink():
        return f"link to {file.readlink()}"
    if file.suffix == ".pt" and zipfile.is_zipfile(file):
        return _hash_of_torchscript(file)
    if file.suffix != ".jsonl":
        return hash_file(file)
    # A log: what it says last of each output counts.
    last: dict[str, str] = {}
    for line in file.read_text("utf-8", errors="replace").splitlines():
        try:
            last[json.loads(line)["output"]] = line
        except (ValueError, KeyError, TypeError):
            continue  # cut short
    return hash_bytes("\n".join(sorted(last.values())).encode())


def _hash_of_torchscript(file: Path) -> str:
    """The hash of its code and numbers; torch numbers the lines of its remarks for debuggers as it happens."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if not name.endswith((".debug_pkl", "serialization_id"))]
        return hash_bytes(b"".join(name.encode() + archive.read(name) for name in names))


def _upstream(command: Command) -> list[Command]:
    """The commands whose results a command reads, and those that these read."""
    found: list[Command] = []
    for place in command.reads:
        maker = maker_of(place)
        assert maker is not None, place
        found += [*_upstream(maker), maker]
    return found


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
