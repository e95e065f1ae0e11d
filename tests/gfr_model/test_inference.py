"""Tests of loading trained networks: one that its own validation found worse than its input says so each time."""

import pytest
import torch

from gfr_model.checkpoint import MODEL_FILE, read, write
from gfr_model.config import TrainConfig
from gfr_model.default.__main__ import ship
from gfr_model.inference import load_model, shortfall, shortfall_of
from gfr_model.networks.build import build_network
from gfr_model.training.summary import TrainSummary, summary_lines

CONFIG = TrainConfig(width=2, variant="-WG", image_size=32)
WORSE = {"psnr": 20.5, "psnr_degraded": 22.25}


def run(folder, validation):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        state = build_network(CONFIG).state_dict()
    write(folder / MODEL_FILE, {f"network.{k}": v for k, v in state.items()}, CONFIG, {"validation": validation})
    return folder


@pytest.mark.parametrize(
    "validation", [{}, {"psnr": 22.25}, {"psnr": 22.25, "psnr_degraded": 22.25}, {"psnr": 9.0, "psnr_degraded": 8.0}]
)
def test_a_model_that_is_no_worse_than_its_input_or_was_not_validated_says_nothing(tmp_path, capsys, validation):
    load_model(run(tmp_path, validation))
    assert capsys.readouterr().err == ""
    assert shortfall_of(tmp_path) == ""


def test_a_model_that_loses_to_doing_nothing_says_so_at_every_use_and_in_the_first_line_of_its_summary(
    tmp_path, capsys
):
    run(tmp_path, WORSE)
    for _ in range(2):
        load_model(tmp_path)
        assert "loses to doing nothing: PSNR 20.50 dB" in capsys.readouterr().err
    summary = TrainSummary(tmp_path, 9, 9, 1.0, 0, 9, {}, "", ("rough",), shortfall_of(tmp_path))
    assert summary_lines(summary)[0] == f"Warning, {shortfall(WORSE)}."


def test_the_model_that_ships_carries_its_validation_along(tmp_path):
    (tmp_path / "package").mkdir()
    ship(run(tmp_path, WORSE), tmp_path / "package")
    assert read(tmp_path / "package" / MODEL_FILE).state["validation"] == WORSE
