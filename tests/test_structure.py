"""The house rules that a program can check: who imports whom, and that commands start without heavy libraries."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

MAY_IMPORT = {
    "manifests": set(),
    "gfr_data": {"manifests"},
    "gfr_model": {"manifests"},
    "cli": {"manifests", "gfr_data", "gfr_model"},
}
HEAVY = ("torch", "cv2", "face_alignment", "tensorflow", "pandas", "scipy", "tensorboard", "jinja2", "matplotlib")


def imported_packages(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_between_packages_point_one_way(package: str, repository: Path) -> None:
    files = sorted((repository / package).rglob("*.py"))
    assert files
    for file in files:
        neighbours = imported_packages(file) & set(MAY_IMPORT) - {package}
        assert neighbours <= MAY_IMPORT[package], f"{file.relative_to(repository)} imports {neighbours}"


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
        ["-m", "cli.train", "--help"],
        ["-m", "cli.eval", "--help"],
        ["-m", "cli.eval", "score", "--help"],
        ["-m", "cli.eval", "table", "--help"],
        ["-m", "cli.eval", "report", "--help"],
        ["-m", "cli.eval", "restore", "--help"],
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
