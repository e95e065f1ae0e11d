"""How far two ways to run a network are apart, against what it is by hand."""

import math

import pytest
import torch

from tests.benchmarks.bench_runtimes import Found, apart, batches, compare


def test_results_are_compared_as_the_grey_levels_that_a_file_would_hold():
    one = Found([], [torch.full((3, 2, 2), 100 / 255)])
    other = Found([], [torch.full((3, 2, 2), 100.4 / 255)])
    assert apart(one, other) == (math.inf, 0.0, 0.0)
    other.restored[0][0, 0, 0] = 104 / 255
    psnr, most, share = apart(one, other)
    assert psnr == pytest.approx(10 * math.log10(255**2 * 12 / 16))
    assert most == 4
    assert share == pytest.approx(1 / 12)


def test_a_way_that_fails_is_left_out_and_the_others_are_compared(capsys):
    def broken(degraded, guide):
        raise RuntimeError("no compiler\nat all")

    pairs = [(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)) for _ in range(3)]
    found = compare({"a": lambda degraded, guide: degraded, "broken": broken}, pairs, 2, "cpu")
    assert list(found) == ["a"]
    assert "not compared: broken (no compiler)" in capsys.readouterr().out
    assert len(found["a"].seconds) == 6
    assert len(found["a"].restored) == 3
    joined = batches(pairs, 2)
    assert [len(degraded) for degraded, _ in joined] == [2, 1]
    assert torch.equal(torch.cat([degraded for degraded, _ in joined]), torch.stack(found["a"].restored))
