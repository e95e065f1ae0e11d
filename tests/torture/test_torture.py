"""A short slice of `make torture`, and the shim itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import shim

CASES = 4
KINDS = ("kill", "fault", "replace", "race")


@pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "runs")
def test_killed_and_failing_commands_end_with_the_bytes_of_undisturbed_ones(repository: Path, tmp_path: Path) -> None:
    which = ["--kinds", *KINDS, "--most", str(CASES), "--minutes", "5", "--folder", str(tmp_path)]
    command = [sys.executable, "-m", "tests.torture", *which]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unexpected: 0, lost: 0" in done.stdout


@pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "runs")
def test_the_shim_kills_tears_and_fails_at_the_operation_that_is_named(repository: Path, tmp_path: Path) -> None:
    for at, what, left in (
        (2, "kill", b""),
        (2, "tear", b"1234"),
        (2, "EIO", b""),
        (2, "ENOSPC", b""),
        (1, "tear", None),  # cannot be done by half
        (0, "kill", b"12345678"),
    ):
        code = (
            "import sys; from pathlib import Path; from tests.torture.shim import Trap\n"
            "room = Path(sys.argv[1]); Trap(int(sys.argv[2]), sys.argv[3]).arm(room, room.parent / 'log')\n"
            "file = open(room / 'file', 'wb', buffering=0); file.write(b'12345678')\n"
        )
        room = tmp_path / f"{what}-{at}" / "room"
        room.mkdir(parents=True)
        arguments = [sys.executable, "-c", code, str(room), str(at), what]
        done = subprocess.run(
            arguments, cwd=repository, env=shim.environment(tmp_path), capture_output=True, text=True, check=False
        )
        assert ((room / "file").read_bytes() if (room / "file").exists() else None) == left
        assert done.returncode == {"kill": -9 if at else 0, "tear": -9}.get(what, 1), done.stderr
        assert what in ("kill", "tear") or f"[Errno {5 if what == 'EIO' else 28}]" in done.stderr
        assert (room.parent / "log").read_text().splitlines() == ["create /file", "write /file"][: at or 2]
