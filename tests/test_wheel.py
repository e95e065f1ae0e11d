"""What is installed elsewhere from a wheel works: nothing of the checkout is needed, nothing of the user's disturbs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

PACKAGES = ("manifests", "gfr_data", "gfr_model", "cli")
FACES = Path(__file__).parent / "gfr_data" / "faces" / "data"


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, built by `python -m build` from what the checkout has and nothing else."""
    pytest.importorskip("build", reason="needs build: pip install 'gfrnet-toolkit[dev]'")
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(repository / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    # What the build needs is there: no isolation, which would download it.
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=source)
    target = tmp_path_factory.mktemp("elsewhere") / "site"
    (wheel,) = (source / "dist").iterdir()
    assert wheel.stat().st_size < 30e6
    _run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=source)
    return target


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has the wheel, and a folder of their own called `cli`, which breaks if used."""
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text("raise ImportError('this is another project')")
    here = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return here | {"PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_the_wheel_restores_a_photograph_and_says_its_licence_once(
    installed: Path, elsewhere: dict[str, str], tmp_path: Path
) -> None:
    photo, guide, out = FACES / "person_0.jpg", FACES / "person_1.jpg", tmp_path / "good.png"
    command = [installed / "bin" / "gfr-eval", "restore", photo, "--guide", guide, "--out", out]
    command += ["--strength", "1"]  # the face is sharp: left to itself, it would stay as it is
    assert "research only" in _run(sys.executable, *command, cwd=tmp_path, env=elsewhere).stderr
    with Image.open(photo) as before, Image.open(out) as after:
        assert after.size == before.size
        assert after.tobytes() != before.convert("RGB").tobytes()
    # The second time from a program, through the front door.
    code = (
        "import sys; sys.path.remove('')\n"
        "import gfr_model; from gfr_data import build_pairs; from gfr_model import Restorer; from PIL import Image\n"
        f"made = Restorer(device='cpu').restore({str(photo)!r}, {str(guide)!r}, strength=1.0).image\n"
        f"assert made.tobytes() == Image.open({str(out)!r}).tobytes(), 'another result'\n"
        "print(gfr_model.__file__)"
    )
    again = _run(sys.executable, "-c", code, cwd=tmp_path, env=elsewhere)
    assert "research only" not in again.stderr
    assert again.stdout.startswith(str(installed))


@pytest.mark.parametrize("command", ["gfr-data", "gfr-train", "gfr-eval"])
def test_commands_name_the_version_and_are_not_disturbed_by_a_folder_called_cli(
    command: str, installed: Path, elsewhere: dict[str, str], tmp_path: Path
) -> None:
    run = _run(sys.executable, installed / "bin" / command, "--version", cwd=tmp_path, env=elsewhere)
    assert run.stdout.startswith(f"{command} ")
    assert "gfrnet-toolkit" in run.stdout
    assert "unknown" not in run.stdout


def _run(*command: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    run = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{command}: {run.stdout}{run.stderr}"
    return run
