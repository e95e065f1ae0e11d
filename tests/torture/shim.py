"""The shim before the C library, compiled where it is needed: see shim.c for what it counts and does."""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
LOADED = "GFR_TORTURE_SHIM"  # set where this process runs with the shim
NONE, KILL, TEAR, STOP, FAIL_ONCE, FAIL_FROM = range(6)  # enum trap
TRAPS = {"kill": KILL, "tear": TEAR, "stop": STOP, "EIO": FAIL_ONCE, "ENOSPC": FAIL_FROM}


@dataclass(frozen=True)
class Trap:
    """What happens at the `at`-th operation on files of the watched folder, from 1 on."""

    at: int = 0  # 0: never
    what: str = (
        "kill"  # before it 'kill', in the middle of a write 'tear', 'stop'; or fail: 'EIO' once, 'ENOSPC' from then on
    )

    def arm(self, folder: Path, log: Path) -> None:
        """Spring in this process: from now on it counts, and writes each operation as a line to `log`."""
        error = getattr(errno, self.what, 0)
        library = ctypes.CDLL(os.environ[LOADED])
        library.torture_arm(os.fsencode(folder), os.fsencode(log), ctypes.c_long(self.at), TRAPS[self.what], error)


def missing() -> str:
    """Why the shim cannot work on this machine; '' where it can."""
    if not sys.platform.startswith("linux"):
        return "the shim that counts file operations needs Linux"
    return "" if shutil.which("cc") else "the shim that counts file operations needs a C compiler, cc"


def environment(folder: Path) -> dict[str, str]:
    """Compile the shim into `folder`; returns the environment of a process that runs with it."""
    library = folder / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library), LOADED: str(library), "OMP_NUM_THREADS": "1"}


def preload(folder: Path) -> None:
    """Begin this program again with the shim; return where that is done already."""
    if LOADED not in os.environ:
        os.execve(sys.executable, [sys.executable, "-m", "tests.torture", *sys.argv[1:]], environment(folder))
