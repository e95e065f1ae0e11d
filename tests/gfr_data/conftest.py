"""A small tree of rendered people that the tests of the build share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`vggface2/`, `casia-webface/` and `landmarks68.csv` of a few invented people. Copy it to change it."""
    from gfr_data.sample.write import render_sample

    out = tmp_path_factory.mktemp("people")
    render_sample(out, identities=8, photos=4, seed=3)
    return out
