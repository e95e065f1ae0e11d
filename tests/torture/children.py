"""Commands in forked children of a parent that has imported everything: what each did, said and wrote."""

import faulthandler
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.shim import Trap

PROGRAMS = {"gfr-data": "cli.data", "gfr-train": "cli.train", "gfr-eval": "cli.eval"}
BUSY = 120.0  # seconds of CPU after which a command hangs: others may be at work on the machine
IDLE = 60.0  # seconds in which one that hangs has used none
ADDRESSES = 6 << 30  # bytes of address space that a command may take beyond its parent's
MEMORY = 2 << 30  # bytes of memory that it may have, at most


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int  # its exit code; minus the number of the signal that ended it
    output: str  # stdout
    errors: str  # stderr
    operations: tuple[str, ...]  # what it did to files of the room, in order
    seconds: float
    memory: int  # bytes at most
    hung: bool = False

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL and not self.hung

    @property
    def said(self) -> str:
        """The line that a person reads last."""
        return (self.errors.strip().splitlines() or [""])[-1]


class Child:
    """A command at work. It may have stopped itself; `wait` until it ends."""

    def __init__(self, arguments: tuple[str, ...], room: Path, notes: Path, trap: Trap) -> None:
        """Begin `gfr-data ...`, `gfr-train ...` or `gfr-eval ...`; `notes`: a folder for what it says."""
        notes.mkdir(parents=True, exist_ok=True)
        self.files = [notes / name for name in ("stdout", "stderr", "operations")]
        for file in self.files:  # what an earlier command left running may still write into its own
            file.unlink(missing_ok=True)
        self.began = time.monotonic()
        self.number = os.fork()
        if self.number == 0:
            _become(arguments, room, self.files, trap)
        self.stopped = False

    def wait(self, until_stopped: bool = False) -> Outcome | None:
        """What came of it. None: it stopped itself, which happens only `until_stopped`."""
        hung = False
        busy, since = 0.0, time.monotonic()
        while True:
            number, status, used = os.wait4(self.number, os.WNOHANG | os.WUNTRACED)
            if number and os.WIFSTOPPED(status):
                self.stopped = True
                if until_stopped:
                    return None
            elif number:
                break
            elif (now := _busy(self.number)) > busy:
                busy, since = now, time.monotonic()
            if (busy > BUSY or time.monotonic() - since > IDLE) and not hung:
                hung = True
                os.killpg(self.number, signal.SIGKILL)
            time.sleep(0.002)
        output, errors, operations = (file.read_text("utf-8", errors="replace") for file in self.files)
        seconds = time.monotonic() - self.began
        code = os.waitstatus_to_exitcode(status)
        return Outcome(code, output, errors, tuple(operations.splitlines()), seconds, used.ru_maxrss << 10, hung)

    def go_on(self) -> None:
        """Wake it where it stopped itself."""
        if self.stopped:
            self.stopped = False
            os.kill(self.number, signal.SIGCONT)


def _become(arguments: tuple[str, ...], room: Path, files: list[Path], trap: Trap) -> None:
    """Turn this forked process into the command; never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        for number, file in zip((1, 2), files, strict=False):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2))
        faulthandler.enable(sys.stderr)
        bound = _addresses() + ADDRESSES
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        main: Callable[..., None] = importlib.import_module(PROGRAMS[arguments[0]]).main
        trap.arm(room, files[2])
        main(list(arguments[1:]), prog_name=arguments[0])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _busy(number: int) -> float:
    """Seconds of CPU that a process has used."""
    used = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def _addresses() -> int:
    """Bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
