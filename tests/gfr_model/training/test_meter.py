import torch

from gfr_model.training.meter import Meter, note_of
from gfr_model.training.processes import World


def _values(loss, bad=0.0):
    return {"loss": torch.tensor(loss), "nonfinite": torch.tensor(bad)}


def test_means_begin_anew_after_a_look():
    meter = Meter(World())
    meter.add(0, _values(1.0))
    meter.add(1, _values(3.0))
    assert meter.read() == {"loss": 2.0}
    meter.add(2, _values(7.0))
    assert meter.read() == {"loss": 7.0}
    assert meter.read() == {}


def test_skipped_steps_are_counted_and_leave_the_means_alone():
    meter = Meter(World())
    for step, (loss, bad) in enumerate([(1.0, 0.0), (float("nan"), 1.0), (3.0, 0.0), (float("inf"), 1.0)]):
        meter.add(step, _values(loss, bad))
    assert meter.nonfinite() == (2, 1)
    assert meter.nonfinite() == (0, -1)
    assert meter.read() == {"loss": 2.0}


def test_a_value_of_one_stage_is_averaged_over_its_own_steps():
    meter = Meter(World())
    meter.add(0, _values(1.0))
    meter.add(1, _values(1.0) | {"l2": torch.tensor(4.0)})
    assert meter.read() == {"loss": 1.0, "l2": 4.0}


def test_the_bar_shows_loss_and_psnr_once_they_are_known():
    assert note_of({}, {}) == ""
    assert note_of({"loss": 0.123456, "tv": 1.0}, {}) == "loss 0.1235"
    assert note_of({"loss": 12.0}, {"psnr": 24.0, "tv": 1.0}) == "loss 12, PSNR 24.00 dB"
