"""Points are mapped, not held; what another file left is not taken for them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfr_data.faces.landmark_file import keyed_points
from gfr_data.faces.point_table import KEYS_FILE, NOTE_FILE, POINTS_FILE, ROWS_FILE, make_points, open_points
from gfr_data.sources.addresses import path_key

ROWS = 200_000  # 109 MB of points
HELD = """
import sys
from pathlib import Path
import numpy as np
from gfr_data.faces.point_table import open_points
def own():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1024
before = own()
table = open_points(Path(sys.argv[1]), "x")
sums = sum(float(table.find(int(key))[0, 0]) for key in table.keys[::20])
print(own() - before)
"""


def parts(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    keys = rng.permutation(count).astype(np.uint64) * np.uint64(7)
    points = rng.random((count, 136), np.float32)
    return [(keys[at : at + 1000], points[at : at + 1000]) for at in range(0, count, 1000)]


def test_every_key_finds_its_points_and_of_two_the_first(tmp_path: Path) -> None:
    made = parts(2500)
    made.append((made[0][0][:5], made[1][1][:5]))
    table = make_points(tmp_path, made, "x")
    for keys, points in made[:-1]:
        for key, wanted in zip(keys.tolist(), points, strict=True):
            found = table.find(key)
            assert found is not None
            assert (found.ravel() == wanted).all()
    assert table.find(3) is None
    assert table.find(2**64 - 1) is None


def test_points_of_a_file_are_those_of_its_rows(tmp_path: Path) -> None:
    points = np.random.default_rng(1).random((3, 136), np.float32)
    table = pa.table({"path": ["a.jpg", "b/c.jpg", "/d.jpg"], "landmarks": points.tolist()})
    pq.write_table(table, tmp_path / "points.parquet")
    made = make_points(tmp_path / "table", keyed_points(tmp_path / "points.parquet"), "x")
    for name, wanted in zip(("a.jpg", "b/c.jpg", "/d.jpg"), points, strict=True):
        found = made.find(path_key(str(tmp_path), name))
        assert found is not None
        assert (found.ravel() == wanted).all()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a process holds alone")
def test_a_process_holds_none_of_the_points_alone(tmp_path: Path) -> None:
    make_points(tmp_path, parts(ROWS), "x")
    command = [sys.executable, "-c", HELD, str(tmp_path)]
    held = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert float(held) < 10  # MB


@pytest.mark.parametrize("name", [NOTE_FILE, POINTS_FILE, KEYS_FILE, ROWS_FILE])
def test_what_is_cut_or_of_another_file_is_not_there(tmp_path: Path, name: str) -> None:
    make_points(tmp_path, parts(50), "x")
    assert open_points(tmp_path, "y") is None
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert open_points(tmp_path, "x") is None


def test_a_file_without_rows_gives_an_empty_table(tmp_path: Path) -> None:
    assert make_points(tmp_path, [], "x").find(1) is None
