"""Each loss against its formula written out in numpy, and its gradient against finite differences."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from gfr_model.networks.warp import identity_flow, normalise
from gfr_model.training import losses


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def _random(generator, *shape, grad=False):
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_(grad)


def _points(generator, *shape):
    return torch.rand(*shape, generator=generator, dtype=torch.float64) * 1.8 - 0.9


@pytest.mark.parametrize("loss", [losses.l2_loss, losses.perceptual_loss])
def test_squared_distances_are_means_over_batch_channels_and_pixels(loss, generator):
    one, other = _random(generator, 2, 5, 4, 3, grad=True), _random(generator, 2, 5, 4, 3)
    per_image = ((one - other).detach().numpy() ** 2).sum(axis=(1, 2, 3)) / (5 * 4 * 3)  # eq. 5
    assert loss(one, other).item() == pytest.approx(per_image.mean())
    assert gradcheck(loss, (one, other))


def _cross_entropy(logits, label):
    """-[label log D + (1 - label) log(1 - D)]"""
    d = 1 / (1 + np.exp(-logits.detach().numpy()))
    return -(label * np.log(d) + (1 - label) * np.log(1 - d)).mean()


def test_adversarial_losses_are_cross_entropies_with_smoothed_labels(generator):
    real, fake = (_random(generator, 2, 1, 3, 3, grad=True) for _ in range(2))
    wanted = _cross_entropy(real, 0.9) + _cross_entropy(fake, 0.0)
    assert losses.discriminator_loss(real, fake).item() == pytest.approx(wanted)
    assert losses.generator_loss(fake).item() == pytest.approx(_cross_entropy(fake, 0.9))
    assert gradcheck(losses.discriminator_loss, (real, fake))
    assert gradcheck(losses.generator_loss, (fake,))


def test_discriminator_is_pleased_by_being_right():
    sure = torch.full((1, 1, 2, 2), 4.0)
    assert losses.discriminator_loss(sure, -sure) < losses.discriminator_loss(-sure, sure)
    assert losses.generator_loss(sure) < losses.generator_loss(-sure)


def test_adversarial_losses_stay_finite_for_a_certain_judge():
    certain = torch.full((1, 1, 2, 2), 1e4)
    assert losses.discriminator_loss(-certain, certain).isfinite()
    assert losses.generator_loss(-certain).isfinite()


def _read_at(flow, point):
    """A flow (2, H, W) between its pixels, at a point in [-1, 1]."""
    _, height, width = flow.shape
    x, y = (point + 1) / 2 * (width - 1, height - 1)
    j, i = min(int(x), width - 2), min(int(y), height - 2)
    a, b = x - j, y - i
    upper = flow[:, i, j] * (1 - a) + flow[:, i, j + 1] * a
    lower = flow[:, i + 1, j] * (1 - a) + flow[:, i + 1, j + 1] * a
    return upper * (1 - b) + lower * b


def test_landmark_loss_is_equation_9(generator):
    flow = _random(generator, 2, 2, 6, 7, grad=True)
    target, guide = _points(generator, 2, 68, 2), _points(generator, 2, 68, 2)
    sums = [
        sum(
            ((_read_at(flow[b].detach().numpy(), target[b, i].numpy()) - guide[b, i].numpy()) ** 2).sum()
            for i in range(68)
        )
        for b in range(2)
    ]
    assert losses.landmark_loss(flow, target, guide).item() == pytest.approx(np.mean(sums))
    mean = losses.landmark_loss(flow, target, guide, reduction="mean")
    assert mean.item() == pytest.approx(np.mean(sums) / target[0].numel())
    assert gradcheck(losses.landmark_loss, (flow, target, guide))


def test_landmark_loss_is_zero_for_the_exact_flow(generator):
    """The guide is the target turned, shrunk and moved; the flow that does so is linear in x and y."""
    turn = torch.tensor([[0.7, 0.3], [-0.3, 0.7]], dtype=torch.float64)
    shift = torch.tensor([0.1, -0.05], dtype=torch.float64)
    target = _points(generator, 3, 68, 2)
    flow = torch.einsum("dc,bchw->bdhw", turn, identity_flow(32, 32, dtype=torch.float64)) + shift.view(1, 2, 1, 1)
    loss = losses.landmark_loss(flow.expand(3, -1, -1, -1), target, target @ turn.T + shift)
    assert loss.item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_landmarks_outside_either_crop_do_not_enter_equation_9(generator, reduction):
    flow = _random(generator, 1, 2, 6, 7, grad=True)
    target, guide = _points(generator, 1, 6, 2), _points(generator, 1, 6, 2)
    wanted = losses.landmark_loss(flow, target[:, :4], guide[:, :4], reduction=reduction)
    target[0, 4, 0], guide[0, 5, 1] = -1.01, torch.nan
    found = losses.landmark_loss(flow, target, guide, reduction=reduction)
    torch.testing.assert_close(found, wanted)
    (gradient,) = torch.autograd.grad(found, flow)
    torch.testing.assert_close(gradient, torch.autograd.grad(wanted, flow)[0])
    outside = torch.full_like(guide, 2.0)
    assert losses.landmark_loss(flow, target, outside, reduction=reduction).item() == 0


def test_landmark_loss_counts_a_pixel_as_the_paper_normalises_it():
    flow = identity_flow(256, 256)
    target = normalise(torch.full((1, 68, 2), 100.0))
    guide = normalise(torch.full((1, 68, 2), 100.0) + torch.tensor([1.0, 0.0]))
    assert losses.landmark_loss(flow, target, guide).item() == pytest.approx(68 * (2 / 255) ** 2, rel=1e-3)


def test_tv_loss_is_equation_10(generator):
    flow = _random(generator, 2, 2, 5, 6, grad=True)
    array = flow.detach().numpy()
    moved = array - identity_flow(5, 6).double().numpy()
    for field, literal in ((array, True), (moved, False)):
        wanted = ((np.diff(field, axis=2) ** 2).sum() + (np.diff(field, axis=3) ** 2).sum()) / 2
        assert losses.tv_loss(flow, literal=literal).item() == pytest.approx(wanted, rel=1e-6)
        mean = np.mean(np.diff(field, axis=2) ** 2) + np.mean(np.diff(field, axis=3) ** 2)
        assert losses.tv_loss(flow, literal=literal, reduction="mean").item() == pytest.approx(mean, rel=1e-6)
    assert losses.tv_loss(identity_flow(5, 6) + 0.3).item() == pytest.approx(0, abs=1e-12)
    assert gradcheck(losses.tv_loss, (flow,))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_short_types_are_computed_in_float32(dtype, generator):
    flow = torch.tanh(_random(generator, 2, 2, 64, 64)).to(dtype)
    assert losses.tv_loss(flow).dtype == torch.float32
    assert losses.tv_loss(flow).item() == pytest.approx(losses.tv_loss(flow.double()).item(), rel=1e-5)
    image, other = (_random(generator, 1, 3, 64, 64).to(dtype) for _ in range(2))
    for loss in (losses.l2_loss, losses.perceptual_loss, losses.discriminator_loss):
        assert loss(image, other).dtype == torch.float32
        assert loss(image, other).item() == pytest.approx(loss(image.double(), other.double()).item(), rel=1e-5)


def test_the_face_counts_by_its_own_pixels_alone():
    restored, target = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    face = torch.zeros(2, 1, 4, 4)
    face[0, 0, 1:3, 1:3] = 1
    target[0, :, 0, 0] = 9.0  # outside
    target[0, 0, 1, 1] = 2.0  # inside: 4 / 3 channels, over 4 px
    assert losses.face_loss(restored, target, face).item() == pytest.approx(4 / 3 / 4)
    assert losses.face_loss(restored, target, 0 * face).item() == 0


def test_identity_loss_is_one_minus_the_cosine():
    one = torch.tensor([[1.0, 0.0], [3.0, 0.0], [1.0, 1.0]])
    other = torch.tensor([[0.0, 2.0], [5.0, 0.0], [1.0, 0.0]])
    assert losses.identity_loss(one, other).item() == pytest.approx(1 - (0 + 1 + 0.5**0.5) / 3)


def test_spread_loss_is_lowest_where_the_spread_tells_the_distance():
    generator = torch.Generator().manual_seed(0)
    wanted = torch.zeros(1, 2000, 2, dtype=torch.float64)
    angle = torch.rand(2000, generator=generator, dtype=torch.float64) * 6.3
    distance = torch.rand(2000, generator=generator, dtype=torch.float64) + 0.5
    found = (distance[:, None] * torch.stack((angle.cos(), angle.sin()), -1))[None]
    by_scale = {
        scale: losses.spread_loss(found, torch.full((1, 2000), scale, dtype=torch.float64), wanted).item()
        for scale in (0.1, 0.4, 0.5, 0.6, 2.0)
    }
    assert min(by_scale, key=by_scale.__getitem__) == 0.5
    one = losses.spread_loss(found, torch.full((1, 2000), 0.5, dtype=torch.float64), wanted)
    assert one.item() == pytest.approx(np.mean(distance.numpy() / 0.5 + 2 * np.log(0.5)))


def test_points_loss_is_the_mean_distance():
    wanted = torch.zeros(1, 2, 2)
    found = torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])
    assert losses.points_loss(found, wanted).item() == pytest.approx(3.0)
