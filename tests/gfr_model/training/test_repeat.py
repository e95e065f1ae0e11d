"""Two runs of a model are equal bit for bit, whatever else draws random numbers and wherever one was stopped."""

import pytest
import torch

from gfr_model.models import GFRNET, NAMES, VARIANTS
from gfr_model.presets import resolve
from gfr_model.training.batches import Inputs
from gfr_model.training.processes import World
from gfr_model.training.step import Learner

SMALL = {"image_size": 32, "width": 2, "discriminator_width": 2, "points_width": 4, "vgg_face": "off", "vgg19": "off"}
MODELS = [{"model": name} for name in NAMES if name != GFRNET] + [{"variant": name} for name in VARIANTS]


def _inputs(step, image_size=32):
    generator = torch.Generator().manual_seed(step)
    images = [torch.rand(1, 3, image_size, image_size, generator=generator) for _ in range(3)]
    return Inputs(*images, *(torch.rand(1, 68, 2, generator=generator) - 0.5 for _ in range(2)))


def _step(learner, step, size):
    torch.rand(step + 1)  # somebody else draws
    learner.joint_step(_inputs(step, size), step=step)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: "".join(model.values()))
def test_every_model_trains_to_the_same_bits_again_also_when_it_was_stopped(model):
    size = 64 if model.get("model", "points") == "points" else 32
    config = resolve("paper", changes=SMALL | model | {"image_size": size})
    whole, rest = (Learner(config, World(), None) for _ in range(2))
    _step(whole, 0, size)
    rest.load(whole.state())
    for learner in (whole, rest):
        _step(learner, 1, size)
    for name, value in whole.state().items():
        assert torch.equal(value, rest.state()[name]), name


def test_dropout_differs_between_steps_processes_and_seeds():
    inputs, found = _inputs(0), []
    for seed, rank, step in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)):
        learner = Learner(resolve("paper", changes=SMALL | {"model": "mdeblurgan", "seed": seed}), World(rank, 2), None)
        learner.network.load_state_dict({k: v.fill_(0.01) for k, v in learner.network.state_dict().items()})
        learner._update = lambda values, *rest: values
        found.append(float(learner.joint_step(inputs, step=step)["l2"]))
    assert len(set(found)) == 4
