"""A small tree of rendered people that the tests of the build share, and a build of it."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`vggface2/`, `casia-webface/` and `landmarks68.csv` of a few invented people. Copy it to change it."""
    from gfr_data.sample.write import render_sample

    out = tmp_path_factory.mktemp("people")
    render_sample(out, identities=8, photos=4, seed=3)
    return out


@pytest.fixture(scope="session")
def copied(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people, some of whose files are broken."""
    root = tmp_path_factory.mktemp("copied") / "people"
    shutil.copytree(people, root)
    identity = min(path for path in (root / "vggface2" / "train").iterdir())
    (identity / "empty.jpg").write_bytes(b"")
    (identity / "text.jpg").write_text("no photograph")
    photograph = min(identity.glob("0*.jpg"))
    (identity / "cut.jpg").write_bytes(photograph.read_bytes()[:500])
    (identity / "twin.jpg").write_bytes(photograph.read_bytes())
    return root


@pytest.fixture(scope="session")
def built(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed build."""
    from gfr_data.build import build_pairs
    from tests.gfr_data.builds import config_of

    out = tmp_path_factory.mktemp("built") / "pairs"
    build_pairs(config_of(copied, out))
    return out
