"""The README's Python does what it says, as it stands there."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from PIL import Image


def test_the_readmes_example_runs(repository: Path, tmp_path: Path) -> None:
    from gfr_data.sample.write import render_sample

    if not entry_points(group="gfr.vision"):
        pytest.skip("needs the installed project (entry point gfr.vision): pip install -e .")
    (example,) = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.S)
    assert 10 <= len(example.splitlines()) <= 18
    render_sample(tmp_path / "people", identities=3, photos=3, seed=3)
    (tmp_path / "example.py").write_text(example)
    run = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "256, 256]) torch.Size" in run.stdout
    with (
        Image.open(tmp_path / "people" / "album" / "photograph.jpg") as before,
        Image.open(tmp_path / "restored.png") as after,
    ):
        assert after.size == before.size
