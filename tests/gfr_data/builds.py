"""What the tests of builds share."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.sources.options import parse_source
from manifests import FACES_FILE, PAIRS_FILE


def config_of(root: Path, out: Path, *layouts: str, jobs: int = 1, **more: object) -> BuildConfig:
    names = layouts or ("vggface2", "casia-webface")
    sources = tuple(parse_source(f"{name}={root / name}") for name in names)
    landmarks = f"file:{root / 'landmarks68.csv'}"
    return BuildConfig(
        sources=sources, out=out, landmarks=landmarks, engine=Engine(jobs=jobs), **({"shard_photographs": 5} | more)
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that a build leaves, but the work folder's."""
    files = (path for path in folder.rglob("*") if path.is_file() and "work" not in path.relative_to(folder).parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def survive_kills(command: Sequence[str], out: Path, kills: int, earliest: float, cwd: Path) -> dict[str, bytes]:
    """The contents of `out` after an undisturbed run of `command`, which are those after each that kills let finish.

    It is killed `kills` times at random, from the share `earliest` of the time of the undisturbed one on.
    """
    begun = time.monotonic()
    subprocess.run(command, check=True, cwd=cwd)
    whole, wanted = time.monotonic() - begun, contents(out)
    shutil.rmtree(out)
    draw = random.Random(0)
    while kills:
        process = subprocess.Popen(command, cwd=cwd)
        try:
            process.wait(draw.uniform(earliest, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills -= 1
        process.wait()
        if (out / "summary.json").exists():
            assert contents(out) == wanted
            shutil.rmtree(out)
    subprocess.run(command, check=True, cwd=cwd)
    assert contents(out) == wanted
    return wanted


def again(built: Path, out: Path) -> Path:
    """A copy of a build without its tables, which are made again from its shards and crops."""
    shutil.copytree(built, out)
    for name in (FACES_FILE, PAIRS_FILE, "report.html", "summary.json"):
        (out / name).unlink()
    return out
