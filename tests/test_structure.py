"""The house rules that a program can check: who imports whom, how long things are, and that commands start at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

MAY_IMPORT = {
    "manifests": set(),
    "gfr_data": {"manifests"},
    "gfr_model": {"manifests"},
    "cli": {"manifests", "gfr_data", "gfr_model"},
}
# The rooms of each package, its floors from the ground up. A room imports only rooms of floors below its own.
FLOORS = {
    "manifests": (
        ("errors", "memory", "progress", "paper"),
        ("files", "pages", "settings"),
        ("crops",),
        ("crowds", "folders", "notes", "programs", "tables"),
        ("degradation", "weights"),
        ("manifests",),  # what other packages take from it without naming a room
    ),
    "gfr_data": (
        ("dataset_card", "engine", "settle", "sources"),
        ("faces",),
        ("degradation", "export", "quality", "sample"),
        ("examination",),
        ("pairs", "report"),
        ("config", "rules"),
        ("build",),
        ("gfr_data",),  # what programs take from it without naming a room
    ),
    "gfr_model": (
        ("default", "device", "landmarks", "models", "pictures", "torch7"),
        ("config", "degradation", "results"),
        ("readings",),
        ("checkpoint", "networks", "presets"),
        ("embedders", "inference"),
        ("learned_metrics",),
        ("export", "imported", "restoration", "scoring", "training"),
        ("app",),
        ("default.__main__",),  # a program
        ("gfr_model",),
    ),
    "cli": (("command", "finder", "progress"), ("build", "restore", "weights"), ("data", "eval", "train")),
}
HEAVY = ("torch", "cv2", "face_alignment", "tensorflow", "pandas", "scipy", "tensorboard", "jinja2", "matplotlib")
FILE_LINES, FUNCTION_LINES = 300, 40
LONG_FUNCTIONS = {"gfr_model/training/train.py: _fit"}  # the training loop, which is read from top to bottom


def modules_of(repository: Path, package: str) -> dict[str, Path]:
    """Each module by its dotted name; a folder's `__init__` has the folder's name."""
    files = sorted((repository / package).rglob("*.py"))
    names = (".".join(file.relative_to(repository).with_suffix("").parts) for file in files)
    return dict(zip((name.removesuffix(".__init__") for name in names), files, strict=True))


def imports(file: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Those of `modules` that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                if name in modules or node.module in modules:
                    yield name if name in modules else node.module


def room_of(module: str) -> str:
    """`gfr_data.faces.crop` is in `faces`; a package's own `__init__` is a room called as the package."""
    package, *inside = module.split(".")
    return ".".join(inside) if inside[-1:] == ["__main__"] else (inside or [package])[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_between_packages_point_one_way(package: str, repository: Path) -> None:
    everything = {name: file for other in MAY_IMPORT for name, file in modules_of(repository, other).items()}
    for file in modules_of(repository, package).values():
        neighbours = {name.split(".")[0] for name in imports(file, everything)} - {package}
        assert neighbours <= MAY_IMPORT[package], f"{file.relative_to(repository)} imports {neighbours}"


@pytest.mark.parametrize("package", FLOORS)
def test_arrows_between_rooms_point_down(package: str, repository: Path) -> None:
    modules = modules_of(repository, package)
    floor = {room: level for level, rooms in enumerate(FLOORS[package]) for room in rooms}
    bare = {name for name, file in modules.items() if file == repository / package / "__init__.py"}
    rooms = {room_of(name) for name in modules if name not in bare}
    assert rooms == floor.keys() - bare, "a room without a floor, or a floor without its room"
    for name, file in modules.items():
        for other in imports(file, modules):
            here, there = room_of(name), room_of(other)
            assert here == there or floor[here] > floor[there], f"{name} imports {other}: an arrow that is not down"


@pytest.mark.parametrize("package", FLOORS)
def test_no_modules_import_each_other_in_a_circle(package: str, repository: Path) -> None:
    modules = modules_of(repository, package)
    graph = {name: set(imports(file, modules)) - {name} for name, file in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules of the circle


@pytest.mark.parametrize("package", FLOORS)
def test_files_and_functions_are_read_at_a_sitting(package: str, repository: Path) -> None:
    for file in modules_of(repository, package).values():
        text, name = file.read_text(), file.relative_to(repository).as_posix()
        assert len(text.splitlines()) <= FILE_LINES, f"{name} is longer than {FILE_LINES} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and f"{name}: {node.name}" not in LONG_FUNCTIONS:
                lines = node.end_lineno - node.body[0].lineno + 1  # without its arguments: a command has many
                assert lines <= FUNCTION_LINES, f"{name}: {node.name} has {lines} lines"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import gfr_data"],
        ["-c", "import gfr_model"],
        ["-m", "cli.data", "--help"],
        ["-m", "cli.data", "sample", "--help"],
        ["-m", "cli.data", "build-pairs", "--help"],
        ["-m", "cli.data", "degrade", "--help"],
        ["-m", "cli.data", "validate", "--help"],
        ["-m", "cli.data", "weights", "--help"],
        ["-m", "cli.train", "--help"],
        ["-m", "cli.eval", "--help"],
        ["-m", "cli.eval", "score", "--help"],
        ["-m", "cli.eval", "table", "--help"],
        ["-m", "cli.eval", "report", "--help"],
        ["-m", "cli.eval", "restore", "--help"],
        ["-m", "cli.eval", "import", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_import_start_without_heavy_libraries(arguments: list[str], repository: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=repository, capture_output=True, text=True, check=True
    )
    loaded = {line.rsplit("|", 1)[-1].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert "gfr_data" in loaded or "gfr_model" in loaded or "manifests" in loaded
    assert not loaded & set(HEAVY)


def test_no_path_of_one_machine_stands_in_the_project(repository: Path) -> None:
    for file in [*repository.glob("*"), *(f for p in MAY_IMPORT for f in (repository / p).rglob("*.py"))]:
        if file.is_file() and file.suffix in {".py", ".md", ".cfg", ".toml", ".txt"}:
            text = file.read_text()
            assert "/home/" not in text, f"{file} names a home folder"
            assert "/root/" not in text, f"{file} names a home folder"
