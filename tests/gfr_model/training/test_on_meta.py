"""A step reads nothing back and mixes no devices: every recipe runs on 'meta', where both are refused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from gfr_model.models import MODELS, NAMES, VARIANTS
from gfr_model.presets import PRESETS, resolve
from gfr_model.training.meter import Meter
from gfr_model.training.processes import World
from tests.gfr_model.training.on_meta import META, OffDeviceError, feed_of, learner_of, nothing_leaves, steps_of

SMALL = {"image_size": 64, "width": 4, "discriminator_width": 4, "points_width": 4, "points_hidden": 4, "batch_size": 3}
WINDOW = {"window": 64}
EVERYTHING = {  # that no preset has switched on
    "alignment": "landmarks",
    "recnet": "attentive",
    "warp_size": 32,
    "lambda_face": 1.0,
    "lambda_identity": 1.0,
    "clip": 1.0,
    "ema": 0.9,
    "weight_decay": 0.1,
    "grey": 0.5,
    "no_guide": 0.5,
    "hard": 0.5,
    "jitter": 0.1,
    "jitter_angle": 0.1,
    "guides": "any",
    "strangers": 0.5,
    "space": "wide",
    **WINDOW,
}


def _refuses(work):
    with pytest.raises((OffDeviceError, RuntimeError)), nothing_leaves():  # some of it torch refuses itself
        work()


@pytest.mark.parametrize("recipe", [*PRESETS, "everything"])
def test_a_step_of_every_stage_stays_on_its_device(recipe, tiny_pairs):
    preset, changes = ("fast", EVERYTHING) if recipe == "everything" else (recipe, {})
    if preset == "default":
        changes = WINDOW | {"lambda_identity": 2.1}
    config = resolve(preset, changes=SMALL | {"vgg_face": ""} | changes)
    learner, meter = learner_of(config), Meter(World(device=META))
    feed = feed_of(tiny_pairs, config)
    feed.step(0)  # matrices and tables are made once, on the host
    for step in steps_of(learner, feed).values():
        with nothing_leaves():
            meter.add(1, step(1))


@pytest.mark.parametrize("model", [*VARIANTS, *(name for name in NAMES if name in MODELS)])
def test_a_step_of_every_model_stays_on_its_device(model, tiny_pairs):
    named = {"variant": model} if model in VARIANTS else {"model": model}
    config = resolve("paper", changes=SMALL | {"vgg_face": "off"} | named)
    feed = feed_of(tiny_pairs, config)
    feed.step(0)
    for step in steps_of(learner_of(replace(config, lambda_perceptual=0.0)), feed).values():
        with nothing_leaves():
            step(1)


def test_the_watch_sees_what_makes_a_gpu_wait():
    one, host = torch.empty(3, 3, device="meta"), torch.ones(3, 3)
    _refuses(lambda: one + host)
    _refuses(one.cpu)
    _refuses(lambda: host.to("meta"))
    _refuses(lambda: one.sum().item())
    _refuses(lambda: bool(one.sum() > 0))
    _refuses(lambda: one[one > 0])
    _refuses(lambda: torch.tensor([1.0], device="meta"))
    _refuses(lambda: one.new_tensor([1.0]))
    _refuses(lambda: torch.zeros(()))
    _refuses(lambda: torch.linalg.inv(one))
    with nothing_leaves():
        nn.functional.conv2d(one[None, None], one[None, None]) + torch.zeros((), device="meta")
