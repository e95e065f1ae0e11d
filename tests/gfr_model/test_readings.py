"""How a run reads what the paper leaves open is said, truly, and apart for settings that differ in it."""

import pytest

from gfr_model.models import GFRNET, NAMES, VARIANTS
from gfr_model.presets import resolve
from gfr_model.readings import readings, short_losses

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
    assert _text(model="memnet") == "losses: squared error of all results"
    assert _text(model="deepdeblur").startswith("losses: squared error of all results, DeepDeblur's discriminator | ")
    assert _text(model="srgan").startswith("losses: VGG19 features (conv5_4), SRGAN's discriminator | steps of the ")
    assert _text(model="srgan").endswith(": 1 | begun with the weights of a srresnet")
    assert _text(model="deblurgan").startswith("losses: VGG19 features (conv3_3), WGAN-GP's critic of patches | ")
    assert _text(model="deblurgan").endswith("for each of the network: 5")
    assert "VGG16-HED features (for conv5_4)" in _text(model="msrgan", vgg19="vgg16-hed")
    assert _text(model="msrgan", vgg19="vgg16-hed").endswith(
        "not its paper's: VGG-16 of an edge detector in VGG19's place"
    )
    assert "VGG19 or its substitute by own.pth features" in _text(model="srgan", vgg19="folder/own.pth")
    assert "squared error in place of VGG19's features, SRGAN's" in _text(model="srgan", vgg19="off")
    assert "discriminator" not in _text(model="deepdeblur", lambda_adv_global=0.0)
    assert _text(variant="-F").endswith("patch discriminator of the face")
    assert _text().endswith("landmarks, total variation")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "MSE+VGG-Face+GAN"),
        ({"vgg_face": "off"}, "MSE+GAN"),
        ({"model": "vdsr"}, "MSE"),
        ({"model": "srresnet"}, "MSE"),
        ({"model": "srgan"}, "VGG19+GAN"),
        ({"model": "msrgan", "vgg19": "vgg16-hed"}, "VGG16-HED+GAN"),
        ({"model": "deblurgan", "vgg19": "off"}, "MSE+WGAN-GP"),
        ({"model": "deepdeblur"}, "MSE+GAN"),
    ],
)
def test_a_name_can_bear_the_losses_that_were_used(changes, wanted):
    assert short_losses(resolve("paper", changes=changes)) == wanted
