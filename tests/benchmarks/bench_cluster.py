"""What a worker of a cluster examines beside a process of this machine: a Dask worker and a Ray node on the loopback.

    python -m tests.benchmarks.bench_cluster PEOPLE POINTS [PHOTOGRAPHS] [--backends loky dask ray]

PEOPLE holds a folder per person, POINTS is the file of their landmarks. One worker each,
so that the processes do not fight for cores; the first shard, in which a worker loads its networks, is left out. 'busy'
is the share of the time between its first and its last shard in which the worker was at one.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.examination.index import write_index
from gfr_data.examination.shard import ShardTask, examine_shard
from gfr_data.examination.work import POINTS, WORK, Work
from gfr_data.examination.workers import examine_all
from gfr_data.faces.providers import put_points
from gfr_data.sources.layouts import list_identities
from gfr_data.sources.options import parse_source
from manifests import silent

SHARD = 16  # photographs
TIMES = "times.jsonl"


def main() -> None:
    """Print a row for each backend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path)
    parser.add_argument("points", type=Path)
    parser.add_argument("photographs", nargs="?", type=int, default=160)
    parser.add_argument("--backends", nargs="+", default=["loky", "dask", "ray"])
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores; a worker each, {options.photographs} photographs")
    print(f"{'backend':<10}{'photographs':>12}{'CPU ms each':>13}{'ms each':>9}{'busy':>7}")
    clusters: dict[str, Callable[[Path], object]] = {"loky": here, "dask": dask_worker, "ray": ray_node}
    for backend in options.backends:
        with tempfile.TemporaryDirectory() as name, clusters[backend](Path(name)) as address:  # type: ignore[attr-defined]
            source = parse_source(f"folder={options.people}")
            config = BuildConfig(
                (source,), Path(name) / "build", f"file:{options.points}", engine=Engine(backend, 1, address)
            )
            times = examine(config, options.photographs)
        count = sum(one["photographs"] for one in times)
        cpu, wall = (1e3 * sum(one[what] for one in times) / count for what in ("cpu", "wall"))
        busy = sum(one["wall"] for one in times) / (times[-1]["end"] - times[0]["end"] + times[0]["wall"])
        print(f"{backend:<10}{count:>12}{cpu:>13.1f}{wall:>9.1f}{busy:>7.0%}", flush=True)


def examine(config: BuildConfig, photographs: int) -> list[dict[str, float]]:
    """What each shard took, but the first of the worker."""
    (source,), settings = config.sources, config.examination()
    work = Work(config.out / WORK, config.made_by())
    work.make()

    def some() -> Iterator[tuple[int, object]]:
        left = photographs
        for identity in list_identities(source):
            if left > 0:
                yield 0, identity
            left -= len(identity.paths)

    write_index(work, some(), SHARD)  # type: ignore[arg-type]
    put_points(settings.landmarks, config.out / POINTS, settings.points or "")
    examine_all(work, settings, config.engine, silent, measured)
    lines = [json.loads(line) for line in (config.out / TIMES).read_text().splitlines()]
    return sorted(lines, key=lambda one: one["end"])[1:]


def measured(task: ShardTask) -> int:
    """Examine a shard, and note what that took."""
    cpu, start = time.process_time(), time.time()
    count = examine_shard(task)
    taken = {"photographs": count, "cpu": time.process_time() - cpu, "wall": time.time() - start, "end": time.time()}
    with open(task.work.folder.parent / TIMES, "a", encoding="utf-8") as file:
        file.write(json.dumps(taken) + "\n")
    return count


@contextmanager
def here(folder: Path) -> Iterator[None]:
    yield None


@contextmanager
def dask_worker(folder: Path) -> Iterator[str]:
    """The address of a scheduler with one worker, each a process of its own."""
    place, alone = folder / "scheduler.json", {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(place)]
    worker = ["worker", *common, "--nthreads", "1", "--no-nanny", "--local-directory", str(folder)]
    dask = [sys.executable, "-m", "dask"]
    with (
        subprocess.Popen([*dask, "scheduler", "--port", "0", *common], env=alone, stderr=subprocess.DEVNULL) as first,
        subprocess.Popen([*dask, *worker], env=alone, stderr=subprocess.DEVNULL) as second,
    ):
        try:
            while not place.exists():
                time.sleep(0.2)
            yield json.loads(place.read_text())["address"]
        finally:
            second.kill()
            first.kill()


@contextmanager
def ray_node(folder: Path) -> Iterator[str]:
    """The address of a head without work and one node with one core."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # as the others
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster.address
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
