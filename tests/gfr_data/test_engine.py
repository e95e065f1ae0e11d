"""Tasks run in any number of processes, and a worker that dies is noticed."""

import math
import os
import signal

import pytest

from gfr_data.engine import Engine, WorkerDiedError, run
from manifests import ConfigError, DataError


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number: int) -> int:
    raise DataError(f"task {number} is bad")


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_gives_its_result(jobs: int) -> None:
    assert sorted(run(square, range(7), Engine(jobs=jobs))) == [0, 1, 4, 9, 16, 25, 36]


def test_dead_worker_is_noticed() -> None:
    with pytest.raises(WorkerDiedError):
        list(run(die, [1], Engine(), apart=True))


@pytest.mark.parametrize("jobs", [1, 2])
def test_error_of_a_task_comes_through(jobs: int) -> None:
    with pytest.raises(DataError, match="task 3 is bad"):
        list(run(fail, [3], Engine(jobs=jobs)))


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_missing_backend_says_what_to_install(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigError, match=rf"gfr\[{backend}\]"):
        list(run(square, [1], Engine(backend=backend)))


def test_local_dask_cluster_of_two_workers() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        engine = Engine(backend="dask", jobs=2, scheduler=cluster.scheduler_address)
        assert sorted(run(square, range(5), engine)) == [0, 1, 4, 9, 16]


def test_unreachable_scheduler_is_named() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match=r"tcp://127\.0\.0\.1:9"):
        list(run(square, [1], Engine(backend="dask", scheduler="tcp://127.0.0.1:9")))


def test_local_ray() -> None:
    ray = pytest.importorskip("ray")
    try:
        assert sorted(run(math.factorial, range(5), Engine(backend="ray", jobs=2))) == [1, 1, 2, 6, 24]
    finally:
        ray.shutdown()
