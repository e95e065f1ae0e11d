"""The command for the day when a GPU is there, on a CPU: what it keeps, how it goes on, what its rows say."""

import json
import math
import subprocess
import sys
from argparse import Namespace

import pytest
import torch

from manifests import DataError
from tests.benchmarks import bench_training, gpu, gpu_parity, gpu_speed
from tests.benchmarks.bench_training import Pace
from tests.benchmarks.count_step import CARDS, card_named
from tests.benchmarks.gpu_record import QUICK, Result, Row, keep, kept, require_machine, short, table

MACHINE = {"device": "a card", "sizes": "quick"}
A_WHILE = Namespace(minutes=1.0)


def _part(name, measure):
    return gpu.Part(name, 0.5, measure)


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "machine", lambda device, sizes: MACHINE)
    return tmp_path / "out"


def _begin(out):
    """Measure in this process, as a child would."""
    return lambda part, seconds: "" if gpu.measure(out, part, "cpu", QUICK) == 0 else "ended badly"


def test_a_part_that_fails_is_a_row_and_the_others_go_on(out, capsys):
    def broken(device, sizes):
        yield Row("first", 1.0, "s")
        raise RuntimeError("CUDA error: an illegal memory access\nmore")

    parts = [_part("a", broken), _part("b", lambda device, sizes: iter([Row("second", 2.0, "s")]))]
    assert gpu.run(out, parts, _begin(out), A_WHILE) == 1
    first, second = kept(out)
    assert [row.what for row in first.rows] == ["first", "a"]
    assert first.rows[1].problem == "RuntimeError: CUDA error: an illegal memory access"
    assert second.whole
    assert not first.whole
    assert "not whole: a" in capsys.readouterr().out
    assert "not run: RuntimeError" in (out / "gpu.md").read_text()


def test_what_is_there_is_not_measured_again(out):
    calls = []

    def measured(device, sizes):
        calls.append(device)
        if len(calls) == 1:
            raise MemoryError
        return iter([Row("x", 1.0)])

    parts = [_part("a", measured)]
    assert gpu.run(out, parts, _begin(out), A_WHILE) == 1
    assert gpu.run(out, parts, _begin(out), A_WHILE) == 0
    assert gpu.run(out, parts, _begin(out), A_WHILE) == 0
    assert len(calls) == 2


def test_what_a_killed_part_had_measured_stays_until_it_is_tried_again(out):
    def killed(device, sizes):
        yield Row("measured", 3.0)
        raise KeyboardInterrupt  # nothing catches it, as nothing catches SIGKILL

    def begin(part, seconds):
        with pytest.raises(KeyboardInterrupt):
            gpu.measure(out, part, "cpu", QUICK)
        assert kept(out)[0].rows[-1].problem == gpu.CUT
        return "cut after 60 s"

    assert gpu.run(out, [_part("a", killed)], begin, A_WHILE) == 1
    assert [(row.what, row.problem) for row in kept(out)[0].rows] == [("measured", ""), ("a", "cut after 60 s")]


def test_a_command_that_outlasts_its_bound_is_ended_with_its_children():
    sleep = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    assert gpu._in_a_process([sys.executable, "-c", sleep], 1.0) == "cut after 1 s"
    assert gpu._in_a_process([sys.executable, "-c", "raise SystemExit('no memory')"], 30.0).endswith("no memory")
    with pytest.raises(DataError, match="another machine"):
        gpu._in_a_process(
            [sys.executable, "-c", "import sys; print('another machine', file=sys.stderr); sys.exit(2)"], 30
        )


def test_without_time_nothing_begins(out, capsys):
    parts = [_part("a", lambda device, sizes: iter([]))]
    assert gpu.run(out, parts, lambda *_: pytest.fail("began"), Namespace(minutes=0.0)) == 1
    assert "no time is left" in capsys.readouterr().out


def test_results_of_two_machines_do_not_mix(tmp_path):
    require_machine(tmp_path, MACHINE)
    require_machine(tmp_path, MACHINE)
    with pytest.raises(DataError, match="device 'a card', now 'another'"):
        require_machine(tmp_path, MACHINE | {"device": "another"})


def test_an_aim_is_of_the_ratio_where_there_is_a_peer():
    assert Row("x", 40.0, peer="p", peer_value=2.0, at_least=20).reached is True
    assert Row("x", 38.0, peer="p", peer_value=2.0, at_least=20).reached is False
    assert Row("x", 0.5, at_most=1.0).reached is True
    assert Row("x", 1.5, at_most=1.0).reached is False
    assert Row("x", 0.0, at_most=0.0).reached is True
    assert Row("x", 1e-9, at_most=0.0).reached is False
    assert Row("x", 1.0).reached is None
    assert Row("x", at_least=1.0).reached is None


def test_the_table_says_what_was_measured_and_what_was_aimed_at(tmp_path):
    rows = (
        Row("eq. 4", 12345.6, "images/s", "kornia 0.9", 500.0, at_least=20.0),
        Row("twice", 0.0, "of [0, 1]", at_most=0.0),
        Row("a | b", problem="kornia is missing"),
    )
    require_machine(tmp_path, MACHINE)
    keep(tmp_path, Result("part", 1.0, rows))
    lines = (tmp_path / "gpu.md").read_text().splitlines()
    assert lines[0] == "device a card; sizes quick."
    assert lines[-3] == "| eq. 4 | 12,346 images/s | kornia 0.9: 500 | 24.7x | at least 20x | reached |"
    assert lines[-2] == "| twice | 0 of [0, 1] |  |  | at most 0 | reached |"
    assert lines[-1] == "| a \\| b |  |  |  |  | not run: kornia is missing |"
    values = json.loads((tmp_path / "gpu.json").read_text())
    assert values["parts"][0]["rows"][2]["value"] is None
    assert math.isnan(kept(tmp_path)[0].rows[2].value)
    assert table(MACHINE, kept(tmp_path)).splitlines() == lines
    assert [short(value) for value in (0.00123, 3.14159, 999.4)] == ["0.00123", "3.14", "999"]


def test_cards_are_known_by_the_names_that_cuda_gives_them():
    assert card_named("NVIDIA H100 80GB HBM3") is CARDS["H100"]
    assert card_named("NVIDIA H200") is CARDS["H200"]
    for other in ("NVIDIA H100 PCIe", "NVIDIA H100 NVL", "NVIDIA GH200 480GB", "NVIDIA A100-SXM4-80GB"):
        assert card_named(other) is None


def test_a_device_that_computes_as_the_cpu_does_reaches_every_aim_of_parity():
    rows = {row.what: row for row in gpu_parity.parity("cpu", QUICK)}
    assert len(rows) == 15
    assert all(row.reached for row in rows.values()), rows
    assert all(row.value == 0 for row in rows.values())


def test_a_device_that_computes_otherwise_misses_it(monkeypatch):
    true = gpu_parity.losses_of
    here, there = true(torch.device("cpu"), 64), true(torch.device("cpu"), 64)
    there["tv"] = there["tv"] * 1.001
    answers = iter([here, there])
    monkeypatch.setattr(gpu_parity, "losses_of", lambda device, side: next(answers))
    (row,) = gpu_parity.all_losses(torch.device("cpu"), QUICK)
    assert row.reached is False
    assert row.note == "most in tv"
    assert gpu_parity.relative(torch.tensor([2.0, 4.0]), torch.tensor([2.0, 5.0])) == 0.25


def test_hours_and_share_of_the_peak_follow_from_the_rate(monkeypatch):
    monkeypatch.setattr(bench_training, "compare", lambda *a, **k: (Pace(64, 1000.0, 20.0), Pace(1, 25.0, 4.0)))
    monkeypatch.setattr(bench_training, "matmul_peak", lambda world, precision: (800e12, "bfloat16"))
    monkeypatch.setattr(gpu_speed, "stated_peak", lambda device: 989e12)
    loop, hours, stated, measured = gpu_speed.training("cpu", QUICK)
    assert (loop.ratio, loop.reached) == (40.0, True)
    assert hours.value == pytest.approx(100 * 20273 / 1000 / 3600)
    assert stated.value / measured.value == pytest.approx(800 / 989)
    assert stated.reached is False
    operations = stated.value * 989e12 / 1000
    assert 1e8 < operations < 1e10  # of a sample of 64 px at width 4, and VGG-Face on it: 3 x 2 GFLOP


def test_the_command_measures_a_part_and_finds_it_there_afterwards(repository, tmp_path):
    command = [repository / "tests" / "benchmarks" / "gpu.sh", tmp_path / "out", "--device", "cpu", "--quick"]
    command += ["--minutes", "60"]  # a machine that is busy with other tests
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PYTHONPATH": str(repository)}
    run = subprocess.run(
        [*command, "--only", "faces"], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    assert "MTCNN, rendered people of 512 px" in run.stdout
    (result,) = kept(tmp_path / "out")
    assert result.whole
    assert result.rows[0].ratio > 0
    assert result.rows[0].note == "1 and 1 faces found"  # the plain loop is a detector, too
    before = (tmp_path / "out" / "parts" / "faces.json").stat().st_mtime_ns
    subprocess.run([*command, "--only", "faces"], capture_output=True, check=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "out" / "parts" / "faces.json").stat().st_mtime_ns == before
