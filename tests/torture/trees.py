"""Trees: photographs of two people, and hostile neighbours in folders of their own; build, check and restore from them.

No command hangs, takes gigabytes or ends without its line; every neighbour is a row or nothing, never two; and the rows
and crops of the two people are those of a tree without neighbours.
"""

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.files import hash_file
from tests.torture import hostile
from tests.torture.commands import ROOM, SAMPLE, TRAIN, Command
from tests.torture.remedies import demand_manners, finish
from tests.torture.shim import Trap
from tests.torture.world import LostError, UnexpectedError, World

ALBUM, POINTS = "album", "points.csv"
NEIGHBOURS = 8  # at most, in a tree
PEOPLE = ("out", "Ada & Bo", "crops", "work", "\u202eeve", "a%2Fb", "con")  # folders for them
BUILD = Command(
    "build-album",
    ("gfr-data", "build-pairs", "--source", f"folder={ROOM}/{ALBUM}", "--landmarks", f"file:{ROOM}/{POINTS}",
     "--out", f"{ROOM}/pairs", "--jobs", "1"),
    "pairs",
)  # fmt: skip
VALIDATE = Command("validate-album", ("gfr-data", "validate", f"{ROOM}/pairs"))


@dataclass(frozen=True)
class Tree:
    whole: list[Path]  # photographs of the two people
    put: list[str]  # what was put beside them
    folders: list[Path]  # where

    @property
    def text(self) -> str:
        return f"tree of {', '.join(self.put)}"


def tree(world: World, case: str) -> str:
    """`tree:17`: the neighbours that seed 17 draws, and what the commands make of them."""
    draw = random.Random(case)
    wanted = _undisturbed(world)
    world.prepare(BUILD)
    made = plant(world, draw, draw.randint(1, NEIGHBOURS))
    try:
        if draw.random() < 0.4:
            return _change_underway(world, made, draw)
        if draw.random() < 0.3:
            return _restore(world, made)
        return _build(world, made, wanted)
    except Exception as error:
        error.args = (f"{made.text}: {error}",)
        raise


def _build(world: World, made: Tree, wanted: dict[str, Any]) -> str:
    outcome = world.run(BUILD)
    demand_manners(outcome)
    if outcome.code:
        raise UnexpectedError(f"the build refused: {outcome.said}")
    found = rows(world.room / "pairs")
    if different := [name for name, values in wanted.items() if found.get(name) != values]:
        raise UnexpectedError(f"{different[0]} has become {found.get(different[0])}, was {wanted[different[0]]}")
    _count(world, made, len(found) - len(wanted))
    if refused := finish(world, VALIDATE):
        raise UnexpectedError(f"validate finds what the build made: {refused[0]}")
    if (world.room / "was-run").exists():
        raise UnexpectedError("a picture was run as a program")
    return "rows, and the neighbours as ever"


def _count(world: World, made: Tree, rows_beside: int) -> None:
    """Each regular file is one row; anything else is one or none."""
    files = [Path(here) / name for place in made.folders for here, _, names in os.walk(place) for name in names]
    listed = [file for file in files if not file.name.startswith(".")]
    regular = [file for file in listed if file.is_file() and not file.is_symlink()]
    links = [path for place in made.folders for path in place.rglob("*") if path.is_symlink()]
    if not len(regular) <= rows_beside <= len({*listed, *links}):
        raise UnexpectedError(f"{rows_beside} rows of {len(regular)} files and {len({*listed, *links})} names")


def _change_underway(world: World, made: Tree, draw: random.Random) -> str:
    """The build is killed, photographs vanish or change, and it is given again."""
    world.run(BUILD, Trap(draw.randint(1, 40), "kill"))
    for photograph in draw.sample(made.whole, draw.randint(1, 2)):
        damage = draw.choice(("gone", "dangling", "empty", "folder"))
        photograph.unlink()
        if damage == "dangling":
            photograph.symlink_to("nowhere.jpg")
        elif damage == "empty":
            photograph.write_bytes(b"")
        elif damage == "folder":
            photograph.mkdir()
    finish(world, BUILD)
    if refused := finish(world, VALIDATE):
        raise LostError(f"validate finds what the build made: {refused[0]}")
    return "photographs changed under the build"


def _restore(world: World, made: Tree) -> str:
    """Restore all that lies in a folder of neighbours, with the same folder as guides, and without."""
    world.put(TRAIN)
    for number, place in enumerate(made.folders):
        for guides in (place, made.whole[0].parent):
            line = ("gfr-eval", "restore", str(place), "--guide", str(guides), "--run", f"{ROOM}/run")
            demand_manners(world.run(Command("restore", (*line, "--out", f"{ROOM}/restored-{number}"))))
    return "restored, or one line that says why not"


def plant(world: World, draw: random.Random, neighbours: int) -> Tree:
    """Make the album in the room: two people as they are, and neighbours in folders beside them."""
    people = world.kept(SAMPLE)
    album = world.room / ALBUM
    world.clear(ALBUM, POINTS)
    points = ["path," + ",".join(f"{axis}{k}" for k in range(68) for axis in "xy")]
    whole = []
    for line in (people / "landmarks68.csv").read_text().splitlines()[1:]:
        name = line.split(",", 1)[0]
        if name.startswith("vggface2/train/"):
            inside = name.removeprefix("vggface2/train/")
            (album / inside).parent.mkdir(parents=True, exist_ok=True)
            (album / inside).write_bytes((people / name).read_bytes())
            whole.append(album / inside)
            points.append(f"{ALBUM}/{inside},{line.split(',', 1)[1]}")
    (world.room / POINTS).write_text("\n".join([*points, ""]))
    content = next((people / "vggface2/test").rglob("*.jpg")).read_bytes()
    put, folders = [], []
    for _ in range(neighbours):
        folder = album / draw.choice(PEOPLE)
        folder.mkdir(exist_ok=True)
        one = draw.choice(hostile.ALL)
        try:
            put.append(f"{one.__name__} {os.fsdecode(one(folder, content, draw))!a}")
        except FileExistsError:
            continue  # the same twice
        folders.append(folder)
    return Tree(whole, put, list(dict.fromkeys(folders)))


def rows(pairs: Path) -> dict[str, Any]:
    """What became of each photograph, by its path: status, reason, and the hash of its crop."""
    found: dict[str, Any] = {}
    columns = ["source_path", "status", "reason", "crop_path"]
    for row in pq.read_table(pairs / "faces.parquet", columns=columns).to_pylist():
        if row["source_path"] in found:
            raise UnexpectedError(f"two rows are called {row['source_path']!r}")
        crop = row["crop_path"]
        found[row["source_path"]] = (row["status"], row["reason"], hash_file(pairs / crop) if crop else None)
    return found


def _undisturbed(world: World) -> dict[str, Any]:
    """The rows of a tree without neighbours."""
    kept = world.base / "kept" / "album"
    if not kept.exists():
        world.prepare(BUILD)
        plant(world, random.Random(0), 0)
        outcome = world.run(BUILD)
        assert outcome.code == 0, outcome.errors
        kept.parent.mkdir(parents=True, exist_ok=True)
        (world.room / "pairs").rename(kept)
    return rows(kept)
