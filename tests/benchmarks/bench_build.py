"""Whether building pairs stays as fast and as small when photographs are many: a thousand, then ten thousand.

    python tests/benchmarks/bench_build.py [SIZE ...] [--people SAMPLE] [--jobs 2]

The photographs are views of rendered people (`gfr-data sample`), each turned, scaled, shifted, lit and perhaps mirrored
by chance, twenty of an identity; the points move along. Ten thousand rendered anew would take a quarter of an hour.
Memory is what a process holds alone plus its part of what it shares (Linux's PSS).
"""

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed

PER_IDENTITY = 20
ASK_EVERY = 0.25  # seconds between looks at the memory


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 10000])
    parser.add_argument("--people", type=Path, help="a sample that is there; else one is rendered")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = options.people or render(folder / "people")
        print(f"{platform.machine()}, {os.cpu_count()} cores, {options.jobs} jobs, points from a file")
        print(
            f"{'photographs':>12}{'pairs':>8}{'seconds':>9}{'ms/photograph':>15}{'MB, builder':>13}{'MB, workers':>13}"
        )
        for size in options.sizes:
            points = make_views(people, folder / f"views{size}", size, options.jobs)
            out = folder / f"pairs{size}"
            command = ["build-pairs", "--source", f"folder={points.parent}", "--landmarks", f"file:{points}"]
            seconds, own, workers = watched([*command, "--out", str(out), "--jobs", str(options.jobs)])
            speed = f"{seconds:>9.1f}{1e3 * seconds / size:>15.1f}"
            print(f"{size:>12,}{pairs_of(out):>8,}{speed}{own:>13.0f}{workers:>13.0f}")


def render(out: Path) -> Path:
    """A sample of sixty people."""
    gfr_data("sample", str(out), "--identities", "60", "--photos", "6", "--seed", "1")
    return out


def make_views(people: Path, root: Path, size: int, jobs: int) -> Path:
    """A tree of `size` views in the form of `folder`; returns the file of their points, which lies in its root."""
    known: dict[str, list[tuple[Path, np.ndarray]]] = {}
    with open(people / "landmarks68.csv", encoding="utf-8", newline="") as file:
        for path, *values in list(csv.reader(file))[1:]:
            known.setdefault(str(Path(path).parent), []).append((people / path, np.array(values, float).reshape(68, 2)))
    identities = [photographs for photographs in known.values() if len(photographs) > 1]
    work = []
    for number in range(size):
        identity = number // PER_IDENTITY
        photographs = identities[identity % len(identities)]
        to = root / f"person{identity:05d}" / f"{number % PER_IDENTITY:03d}.jpg"
        to.parent.mkdir(parents=True, exist_ok=True)
        work.append((*photographs[number % len(photographs)], to, number))
    rows = Parallel(n_jobs=jobs, batch_size=50)(delayed(view)(*task) for task in work)
    points = root / "points.csv"
    with open(points, "w", encoding="utf-8", newline="") as file:
        names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
        csv.writer(file).writerows([["path", *names], *rows])
    return points


def view(photograph: Path, points: np.ndarray, to: Path, seed: int) -> list[object]:
    """Write one view of a photograph; its row of the file of points."""
    draw = np.random.default_rng(seed)
    image = cv2.imread(str(photograph))
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), draw.uniform(-12, 12), draw.uniform(0.9, 1.15))
    matrix[:, 2] += draw.uniform(-0.04, 0.04, 2) * (width, height)
    if draw.random() < 0.5:
        matrix = np.array([[-1, 0, width - 1], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    turned = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    lit = cv2.convertScaleAbs(turned, alpha=draw.uniform(0.8, 1.1), beta=draw.uniform(-10, 10))
    cv2.imwrite(str(to), lit, [cv2.IMWRITE_JPEG_QUALITY, 92])
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return [f"{to.parent.name}/{to.name}", *moved.round(3).ravel()]


def watched(command: list[str]) -> tuple[float, float, float]:
    """Seconds of a gfr-data command, and the most MB that it held: its own process, and all others together."""
    process = subprocess.Popen([sys.executable, "-m", "cli.data", *command], stdout=subprocess.DEVNULL)
    most, done = [0.0, 0.0], threading.Event()

    def look() -> None:
        while not done.wait(ASK_EVERY):
            own, *others = map(memory_of, family(process.pid))
            most[:] = max(most[0], own), max(most[1], sum(others))

    start = time.perf_counter()
    watcher = threading.Thread(target=look)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    if code:
        raise SystemExit(f"gfr-data {' '.join(command)} ended with {code}")
    return seconds, most[0], most[1]


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):  # of each of its threads
        for child in _or_empty(children.read_text).split():
            found += family(int(child))
    return found


def memory_of(pid: int) -> float:
    """A process's share of the memory, in MB; 0 for one that is gone."""
    text = _or_empty(Path(f"/proc/{pid}/smaps_rollup").read_text)
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def _or_empty(read: Callable[[], str]) -> str:
    try:
        return read()
    except OSError:
        return ""


def pairs_of(folder: Path) -> int:
    """How many pairs a build gave."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(folder / "pairs.parquet").num_rows)


def gfr_data(*arguments: str) -> None:
    """Run a command to its end."""
    subprocess.run([sys.executable, "-m", "cli.data", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
