"""Run independent tasks: in this process, in others of this machine, or on a Dask or Ray cluster, through joblib.

Workers of this machine end with the process that started them, however it ends.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from manifests import ConfigError

Task = TypeVar("Task")
Result = TypeVar("Result")

BACKENDS = ("loky", "dask", "ray")

# What the backends raise when a worker is gone: killed, out of memory, crashed. By name, for they may not be installed.
_DEATHS = {"TerminatedWorkerError", "BrokenProcessPool", "KilledWorker", "WorkerCrashedError", "OutOfMemoryError"}


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
    function: Callable[[Task], Result], tasks: Sequence[Task], engine: Engine, *, apart: bool = False
) -> Iterator[Result]:
    """Yield `function(task)` of every task as they finish, in any order. `apart`: never in this process.

    While it runs in other processes, SIGTERM and SIGHUP raise SystemExit, as an interrupt raises KeyboardInterrupt: the
    workers are ended, and what the caller has to tidy up, it does.

    Raises WorkerDiedError when a worker is gone, ConfigError when the backend is not installed or not reachable, and
    whatever `function` raises.
    """
    from joblib import Parallel, delayed

    workers = max(engine.jobs, 2) if apart or engine.backend != "loky" else engine.jobs
    # joblib's Ray backend gives results only when all tasks are done: it gets a few at a time.
    whole = engine.backend != "ray"
    parts = [tasks] if whole else [tasks[at : at + 4 * workers] for at in range(0, len(tasks), 4 * workers)]
    with _backend(engine, workers), _signals_raise(workers > 1) as ended:
        kind = "generator_unordered" if whole else "list"
        parallel = Parallel(n_jobs=workers, batch_size=1, pre_dispatch=2 * workers, return_as=kind)
        try:
            for part in parts:
                yield from parallel(delayed(function)(task) for task in part)
        except Exception as error:
            if ended:  # the workers are gone because they were ended
                raise SystemExit(128 + ended[0]) from error
            if any(base.__name__ in _DEATHS for base in type(error).__mro__):
                raise WorkerDiedError(str(error).partition("\n")[0]) from error
            raise


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
    from joblib import parallel_config

    if engine.backend == "dask":
        from distributed import Client

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
        from ray.util.joblib import register_ray

        ray.init(address=engine.scheduler, ignore_reinit_error=True, num_cpus=None if engine.scheduler else engine.jobs)
        register_ray()
        return parallel_config(backend="ray")
    raise ConfigError(f"--backend {engine.backend!r}: choose one of {', '.join(BACKENDS)}")
