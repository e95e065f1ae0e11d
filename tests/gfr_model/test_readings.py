"""How a run reads what the paper leaves open is said, truly, and apart for settings that differ in it."""

import pytest

from gfr_model.models import GFRNET, NAMES, VARIANTS
from gfr_model.presets import resolve
from gfr_model.readings import readings

EVERY = [{"model": name} for name in NAMES if name != GFRNET] + [{"variant": name} for name in VARIANTS]


def _text(**changes):
    return " | ".join(readings(resolve("paper", changes=changes)))


@pytest.mark.parametrize("changes", EVERY, ids=lambda one: "".join(one.values()))
def test_every_model_has_a_text_that_a_protocol_can_hold(changes):
    assert ";" not in _text(**changes)
    assert bool(_text(**changes)) == (changes.get("model") != "points")


def test_the_variants_say_what_tells_them_apart():
    assert "up to 16 times the width" in _text()
    assert "starts at the identity" in _text()
    assert "eq. 9 and 10: sums" in _text()
    assert "eq. 9 and 10: means" in _text(flow_reduction="mean")
    assert "Fig. 7" not in _text()
    assert "Fig. 7's unreasonable warp cannot appear" in _text(variant="-F")
    assert "positions through tanh" in _text(variant="-F", warp_output="position")
    assert "Fig. 7" not in _text(variant="-F", warp_output="position")
    assert "2 times the channels" in _text(variant="-W2")
    assert "WarpNet gives" not in _text(variant="-W")
    assert "not the paper's" in _text(recnet="attentive")


def test_losses_are_those_that_train_it():
    assert _text(model="srcnn") == "losses: squared error"
    assert _text(model="deepdeblur") == "losses: squared error of all results"
    assert _text(model="srgan").endswith("squared error, VGG-Face features, patch discriminator of the image")
    assert "VGG-Face" not in _text(model="srgan", vgg_face="off")
    assert _text(variant="-F").endswith("patch discriminator of the face")
    assert _text().endswith("landmarks, total variation")
