"""What the tests of builds share."""

import shutil
from pathlib import Path

from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.sources.options import parse_source
from manifests import (
    FACES_FILE,
    PAIRS_FILE,
)


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


def again(built: Path, out: Path) -> Path:
    """A copy of a build without its tables, which are made again from its shards and crops."""
    shutil.copytree(built, out)
    for name in (FACES_FILE, PAIRS_FILE, "report.html", "summary.json"):
        (out / name).unlink()
    return out
