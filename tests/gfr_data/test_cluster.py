"""Workers in processes of their own: one is killed, one joins late and finishes alone; the bytes stay the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.engine import Engine
from gfr_data.sources.options import parse_source
from manifests import Progress
from tests.gfr_data.builds import contents

PATIENCE = 300  # seconds that a process may take to start, on a machine that does much else
ALONE = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def built(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed build by one process."""
    out = tmp_path_factory.mktemp("built") / "pairs"
    build_pairs(config_of(people, out, Engine()))
    return out


def config_of(people: Path, out: Path, engine: Engine) -> BuildConfig:
    sources = (parse_source(f"casia-webface={people / 'casia-webface'}"),)
    points = f"file:{people / 'landmarks68.csv'}"
    return BuildConfig(sources, out, points, shard_photographs=3, engine=engine)


def wait_for(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def at(moments: dict[int, Callable[[], None]]) -> Progress:
    """Do something when so many photographs are examined, or more, once."""

    def progress(stage: str, done: int, total: int) -> None:
        for moment in sorted(moments):
            if stage == "examine" and done >= moment:
                moments.pop(moment)()

    return progress


@contextmanager
def dask(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-m", "dask", *arguments], env=ALONE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_dask_workers_come_and_go_and_the_bytes_stay(people: Path, built: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    place = tmp_path / "scheduler.json"
    lone = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)]
    worker = ["worker", "--scheduler-file", str(place), "--host", "127.0.0.1", *lone]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place)]
    with dask(*scheduler), dask(*worker) as first, dask(*worker) as second:
        wait_for(place.exists, "no scheduler")
        with distributed.Client(scheduler_file=str(place), timeout=PATIENCE) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
            address = client.scheduler.address
            late: list[subprocess.Popen[bytes]] = []

            def change() -> None:
                first.kill()
                wait_for(lambda: len(client.scheduler_info()["workers"]) == 1, "the dead worker is still there")
                late.append(subprocess.Popen([sys.executable, "-m", "dask", *worker], env=ALONE))
                client.wait_for_workers(2, timeout=PATIENCE)
                second.kill()

            try:
                engine = Engine("dask", 2, address)
                build_pairs(config_of(people, tmp_path / "pairs", engine), at({1: change}))
            finally:
                for process in late:
                    process.kill()
    assert late
    assert (first.wait(), second.wait()) == (-signal.SIGKILL, -signal.SIGKILL)
    assert contents(tmp_path / "pairs") == contents(built)


def test_ray_nodes_come_and_go_and_the_bytes_stay(
    people: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", ALONE["PYTHONPATH"])
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else its workers step back for whatever else the machine does
    ended_by = signal.getsignal(signal.SIGTERM)  # the cluster of this process sets it for good
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    first, second = (cluster.add_node(num_cpus=1) for _ in range(2))
    came = []

    def change() -> None:
        cluster.remove_node(first, allow_graceful=False)
        came.append(cluster.add_node(num_cpus=1))
        cluster.remove_node(second, allow_graceful=False)

    try:
        engine = Engine("ray", 2, cluster.address)
        build_pairs(config_of(people, tmp_path / "pairs", engine), at({1: change}))
    finally:
        ray.shutdown()
        cluster.shutdown()
        signal.signal(signal.SIGTERM, ended_by)
    assert came
    assert contents(tmp_path / "pairs") == contents(built)
