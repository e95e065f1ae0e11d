"""The games of other papers against their formulas, and against each game written out as its paper tells it."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from gfr_model.networks.baselines import deblurgan, deepdeblur, srgan
from gfr_model.presets import resolve
from gfr_model.training import losses, step
from gfr_model.training.adversarial import seen_by
from gfr_model.training.batches import Inputs
from gfr_model.training.objective import Judges
from gfr_model.training.processes import World
from gfr_model.training.step import Learner

SMALL = {"image_size": 32, "discriminator_width": 4, "precision": "float64", "norm": "instance"}
SHARE = 0.3


@pytest.fixture(autouse=True)
def _few_blocks(monkeypatch):
    for module in (srgan, deblurgan, deepdeblur):
        monkeypatch.setattr(module, "BLOCKS", 1)


class Features(nn.Module):
    """Stands in VGG19's place."""

    def forward(self, images):
        return torch.cat((images.diff(dim=-1), images.diff(dim=-1).square()), dim=1)


def _inputs(seed=0, size=32):
    generator = torch.Generator().manual_seed(seed)
    images = [torch.rand(2, 3, size, size, generator=generator, dtype=torch.float64) for _ in range(3)]
    points = [torch.rand(2, 68, 2, generator=generator, dtype=torch.float64) - 0.5 for _ in range(2)]
    return Inputs(*images, *points)


def _images(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, 5, 4, generator=generator, dtype=torch.float64)


def test_the_penalty_of_a_linear_critic_is_that_of_its_weights():
    weights = _images(1)[0]
    found = losses.gradient_penalty(
        lambda x: (weights * x).sum((1, 2, 3), keepdim=True), _images(2), _images(3), torch.rand(2, 1, 1, 1)
    )
    assert found.item() == pytest.approx((float(weights.norm()) - 1) ** 2)


def test_the_penalty_is_taken_between_the_images_at_the_share_of_the_real_one():
    """Of the critic x^2 / 2, summed, the gradient is the image itself."""
    real, fake = _images(2), _images(3)
    share = torch.tensor([0.25, 0.75], dtype=torch.float64).view(2, 1, 1, 1)
    norms = [float((s * one + (1 - s) * other).norm()) for s, one, other in zip((0.25, 0.75), real, fake, strict=True)]
    found = losses.gradient_penalty(lambda x: x.square().sum((1, 2, 3), keepdim=True) / 2, real, fake, share)
    assert found.item() == pytest.approx(sum((norm - 1) ** 2 for norm in norms) / 2)


def test_a_critic_of_patches_is_penalised_for_the_mean_of_its_verdicts():
    weights = _images(1)[0]
    patches = lambda x: (weights * x)[:, :1] * 7  # noqa: E731
    found = losses.gradient_penalty(patches, _images(2), _images(3), torch.zeros(2, 1, 1, 1, dtype=torch.float64))
    assert found.item() == pytest.approx((float(7 * weights[0].norm()) / 20 - 1) ** 2)


def test_the_penalty_teaches_the_critic_by_its_second_derivatives():
    weights = _images(1)[0].requires_grad_()
    real, fake, share = _images(2), _images(3), torch.full((2, 1, 1, 1), SHARE, dtype=torch.float64)

    def penalty(w):
        return losses.gradient_penalty(lambda x: (w * x.square()).sum((1, 2, 3), keepdim=True), real, fake, share)

    assert gradcheck(penalty, (weights,))


def test_wasserstein_compares_means():
    assert losses.wasserstein_loss(torch.tensor([1.0, 3.0]), torch.tensor([7.0])).item() == 5


def _judged(critic, image):
    return critic(2 * image - 1)


def _critic_loss(name, critic, real, fake):
    """What the paper of each has its critic minimise."""
    if name == "deblurgan":  # Gulrajani et al.: the penalty has the weight 10, values are means over patches
        between = (2 * (SHARE * real + (1 - SHARE) * fake) - 1).requires_grad_()
        value = critic(between).flatten(1).mean(1).sum()
        (slope,) = torch.autograd.grad(value, between, create_graph=True)
        penalty = ((slope.square().sum((1, 2, 3)).sqrt() - 1) ** 2).mean()
        return _judged(critic, fake).mean() - _judged(critic, real).mean() + 10 * penalty
    return -(_judged(critic, real).sigmoid().log().mean() + (1 - _judged(critic, fake).sigmoid()).log().mean())


def _network_loss(name, critic, found, target):
    """What the paper of each has its network minimise."""
    on_fake = _judged(critic, found.restored)
    features = (Features()(found.restored) - Features()(target)).square().mean()
    if name == "deblurgan":
        return 100 * features - on_fake.mean()
    if name == "srgan":
        return 0.006 * features - 1e-3 * on_fake.sigmoid().log().mean()
    sizes = [nn.functional.avg_pool2d(target, 2**n) for n in range(3)]
    errors = [(one - truth).square().mean() for one, truth in zip((found.restored, *found.further), sizes, strict=True)]
    return sum(errors) / 6 - 1e-4 * on_fake.sigmoid().log().mean()


@pytest.mark.parametrize(("name", "turns"), [("deblurgan", 5), ("srgan", 1), ("deepdeblur", 1)])
def test_critic_and_network_take_turns_as_their_paper_says(name, turns, monkeypatch):
    monkeypatch.setattr(step, "draw_share", lambda seen: torch.full((2, 1, 1, 1), SHARE, dtype=torch.float64))
    inputs, config = _inputs(), resolve("paper", changes=SMALL | {"model": name})
    judges = Judges(vgg19=Features())
    ours, by_hand = (Learner(config, World(), judges) for _ in range(2))
    for learner in (ours, by_hand):
        for module in learner.network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        learner.set_rate(1e-3)
    values = ours.joint_step(inputs)

    network, critic = by_hand.network, by_hand.critics["global"]
    adams = [torch.optim.Adam(module.parameters(), lr=1e-3, betas=(0.5, 0.999)) for module in (critic, network)]
    found = network(inputs.degraded, inputs.guide)
    for _ in range(turns):
        adams[0].zero_grad()
        loss = _critic_loss(name, critic, inputs.target, found.restored.detach())
        loss.backward()
        adams[0].step()
    whole = _network_loss(name, critic, found, inputs.target)
    adams[1].zero_grad()
    whole.backward()
    adams[1].step()

    told = float(values["critic_global"]) + 10 * float(values.get("penalty_global", 0))
    assert told == pytest.approx(float(loss.detach()), rel=1e-6)
    assert float(values["loss"]) == pytest.approx(float(whole.detach()), rel=1e-6)
    for part in ("network", "critics"):
        for key, value in ours.modules[part].named_parameters():
            torch.testing.assert_close(value, dict(by_hand.modules[part].named_parameters())[key], rtol=1e-6, atol=2e-5)


def test_a_critic_of_another_paper_sees_the_image_alone_and_gfrnets_all_three():
    inputs, restored = _inputs(), _inputs(1).degraded
    given, real, fake = seen_by("global", restored, inputs, resolve("paper", changes=SMALL | {"model": "msrgan"}))
    assert given == ()
    torch.testing.assert_close(real, 2 * inputs.target - 1)
    torch.testing.assert_close(fake, 2 * restored - 1)
    given, real, fake = seen_by("global", restored, inputs, resolve("paper", changes=SMALL))
    assert given == (inputs.degraded, inputs.guide)
    assert real is inputs.target
    assert fake is restored


@pytest.mark.parametrize("name", ["deblurgan", "srgan"])
def test_nothing_moves_where_a_turn_of_the_critic_is_not_finite(name):
    inputs = _inputs()
    learner = Learner(resolve("paper", changes=SMALL | {"model": name, "ema": 0.9}), World(), Judges(vgg19=Features()))
    learner.joint_step(inputs)
    before = {key: value.clone() for key, value in learner.state().items()}
    inputs.target[0, 0, 0, 0] = float("nan")
    assert learner.joint_step(inputs)["nonfinite"] == 1
    # The average moves on, towards weights that stood still.
    held = {key: value for key, value in learner.state().items() if not key.startswith("average.")}
    assert all(torch.equal(value, before[key]) for key, value in held.items())


def test_where_the_penalty_is_taken_differs_between_steps_processes_seeds_and_turns(monkeypatch):
    drawn = []
    real_draw = step.draw_share
    monkeypatch.setattr(step, "draw_share", lambda seen: drawn.append(real_draw(seen)) or drawn[-1])
    for seed, rank, at in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)):
        config = resolve("paper", changes=SMALL | {"model": "deblurgan", "vgg19": "off", "seed": seed})
        learner = Learner(config, World(rank, 2), None)
        learner._update = lambda values, *rest: values
        learner.joint_step(_inputs(), step=at)
    assert len({float(share[0]) for share in drawn}) == 4 * 5
