"""What tests of several packages share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_FACES = REPOSITORY.parent / "shared" / "faces"

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_faces() -> Path:
    """A folder of real photographs beside the checkout; they may not be shipped, so tests without them skip."""
    if not REAL_FACES.is_dir():
        pytest.skip("needs the folder of real photographs ../shared/faces beside the checkout")
    return REAL_FACES
