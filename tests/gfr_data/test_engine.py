"""Tasks run in any number of processes, and a worker that dies is noticed."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gfr_data.engine import Engine, WorkerDiedError, run
from manifests import ConfigError, DataError


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def linger(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def fail(number: int) -> int:
    raise DataError(f"task {number} is bad")


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_gives_its_result(jobs: int) -> None:
    assert sorted(run(square, range(7), Engine(jobs=jobs))) == [0, 1, 4, 9, 16, 25, 36]


LINGER = """
import signal
import sys
for number in (signal.SIGTERM, signal.SIGHUP):  # also where the tests run under nohup
    signal.signal(number, signal.SIG_DFL)
from gfr_data.engine import Engine, run
from test_engine import linger
try:
    list(run(linger, [sys.argv[1]] * 2, Engine(jobs=2)))
finally:
    print("tidied up", flush=True)
"""


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that was killed")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name)
def test_workers_end_with_the_process_that_started_them(tmp_path: Path, number: signal.Signals) -> None:
    """Else they would go on writing, also into the folder of the next command."""
    alone = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", LINGER, str(tmp_path)]
    with subprocess.Popen(command, env=alone, stdout=subprocess.PIPE, text=True) as parent:
        deadline = time.monotonic() + 120
        while len(workers := [int(path.name) for path in tmp_path.iterdir()]) < 2:
            assert parent.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert all(runs(worker) for worker in workers)
        parent.send_signal(number)
        said, _ = parent.communicate(timeout=30)
    killed = number == signal.SIGKILL
    assert (parent.returncode, said) == ((-number, "") if killed else (128 + number, "tidied up\n"))
    deadline = time.monotonic() + 5
    while any(runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)


def test_a_signal_that_is_ignored_or_handled_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        found = [signal.getsignal(signal.SIGHUP) for _ in run(square, range(2), Engine(jobs=2))]
        assert found == [signal.SIG_IGN] * 2
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


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
    with pytest.raises(ConfigError, match=rf"gfrnet-toolkit\[{backend}\]"):
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
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        ray.shutdown()
