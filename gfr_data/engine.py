"""Run independent tasks: in this process, in others of this machine, or on a Dask or Ray cluster.

joblib runs them but for Ray, whose own tasks move to another node when theirs is gone and use one that joins later: of
joblib's pool of Ray actors neither is true. Workers of this machine end with the process that started them, however it
ends.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from typing import Any, TypeVar

from manifests import ConfigError

Task = TypeVar("Task")
Result = TypeVar("Result")

BACKENDS = ("loky", "dask", "ray")

# What the backends raise when a worker is gone: killed, out of memory, crashed. By name, for they may not be installed.
_DEATHS = {
    *("TerminatedWorkerError", "BrokenProcessPool", "KilledWorker"),
    *("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError"),
}


AHEAD = 2  # tasks of each worker that are given out, so that none waits for its next
ENDINGS = ("SIGTERM", "SIGHUP")  # signals that end a process that does not handle them; Windows lacks the second
PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG


class WorkerDiedError(Exception):
    """A worker ended before its task did; which task that was, the caller finds out."""


@dataclass(frozen=True)
class Engine:
    backend: str = "loky"  # one of BACKENDS
    jobs: int = 1  # tasks at a time; with loky, 1 works in this process
    scheduler: str | None = None  # address of the Dask scheduler or Ray head

    @property
    def in_process(self) -> bool:
        """Whether tasks run in this process, so that what kills a worker kills all."""
        return self.backend == "loky" and self.jobs == 1


def cores() -> int:
    """CPU cores that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


def run(
    function: Callable[[Task], Result], tasks: Iterable[Task], engine: Engine, *, apart: bool = False
) -> Iterator[Result]:
    """Yield `function(task)` of every task as they finish, in any order. `apart`: never in this process.

    Of tasks that are made as they are asked for, only those are held that are being worked on or soon will be.

    While it runs in other processes, SIGTERM and SIGHUP raise SystemExit, as an interrupt raises KeyboardInterrupt: the
    workers are ended, and what the caller has to tidy up, it does.

    Raises WorkerDiedError when a worker is gone, ConfigError when the backend is not installed or not reachable, and
    whatever `function` raises.
    """
    workers = max(engine.jobs, 2) if apart or engine.backend != "loky" else engine.jobs
    with _backend(engine, workers), _signals_raise(workers > 1) as ended:
        try:
            yield from _on_ray(function, tasks, workers) if engine.backend == "ray" else _in(function, tasks, workers)
        except Exception as error:
            if ended:  # the workers are gone because they were ended
                raise SystemExit(128 + ended[0]) from error
            if any(base.__name__ in _DEATHS for base in type(error).__mro__):
                raise WorkerDiedError(str(error).partition("\n")[0]) from error
            raise


def _in(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """The results from joblib's current backend."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, batch_size=1, pre_dispatch=AHEAD * workers, return_as="generator_unordered")
    yield from parallel(delayed(function)(task) for task in tasks)


def _on_ray(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """The results of Ray's tasks, which it begins anew, three times at most, when their worker or node is gone."""
    import ray

    call: Any = ray.remote(_call)
    left = iter(tasks)
    waiting = [call.remote(function, task) for task in islice(left, AHEAD * workers)]
    try:
        while waiting:
            (done,), waiting = ray.wait(waiting, num_returns=1)
            waiting += [call.remote(function, task) for task in islice(left, 1)]
            try:
                result = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            yield result
    finally:
        for task in waiting:
            ray.cancel(task)


def _call(function: Callable[[Task], Result], task: Task) -> Result:
    return function(task)


@contextmanager
def _signals_raise(others: bool) -> Iterator[list[int]]:
    """Where `others` work, raise SystemExit when a signal would end this process; an ignored one (nohup) stays so.

    The workers are killed first: joblib, wherever the signal finds it, may else wait for their tasks. Yields the
    signals that came.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        for worker in multiprocessing.active_children():
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
        raise SystemExit(128 + number)

    in_main = threading.current_thread() is threading.main_thread()  # no other thread may set what a signal does
    numbers = [getattr(signal, name) for name in ENDINGS if others and in_main and hasattr(signal, name)]
    changed = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, end)
    try:
        yield came
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """What SIGTERM does stays as it was: Ray sets it for the whole process, and for good."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _end_with(parent: int) -> None:
    """In a worker: have it killed when the process `parent` ends, also where that was killed itself.

    Linux alone can do that. Elsewhere a worker whose parent was killed finishes its task and then finds out.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before this was said
            os._exit(1)


def _backend(engine: Engine, workers: int) -> AbstractContextManager[Any]:
    if engine.backend == "loky":
        from joblib import parallel_config

        tied = {"initializer": _end_with, "initargs": (os.getpid(),)}
        return parallel_config("loky", inner_max_num_threads=1, **tied) if workers > 1 else nullcontext()
    try:
        return _cluster(engine)
    except ImportError as error:
        raise ConfigError(
            f"--backend {engine.backend} needs a package that is not installed ({error.name}); "
            f"install it with: pip install 'gfrnet-toolkit[{engine.backend}]'"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"--backend {engine.backend}: no scheduler answers at {engine.scheduler!r}: {error}"
        ) from error


def _cluster(engine: Engine) -> AbstractContextManager[Any]:
    if engine.backend == "dask":
        from distributed import Client
        from joblib import parallel_config

        client = (
            Client(engine.scheduler, timeout=10)
            if engine.scheduler
            else Client(n_workers=engine.jobs, threads_per_worker=1)
        )
        both = ExitStack()  # joblib finds the client that is current
        both.enter_context(client)
        both.enter_context(parallel_config(backend="dask"))
        return both
    if engine.backend == "ray":
        import ray

        with _sigterm_kept():
            ray.init(
                address=engine.scheduler,
                ignore_reinit_error=True,
                num_cpus=None if engine.scheduler else engine.jobs,
            )
        return nullcontext()
    raise ConfigError(f"--backend {engine.backend!r}: choose one of {', '.join(BACKENDS)}")
