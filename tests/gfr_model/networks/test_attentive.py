"""AttentiveRecNet: it begins with its input, looks where the guide's detail is, and does without a guide."""

import pytest
import torch

from gfr_model.networks.attentive import AttentiveRecNet, LocalAttention, Shape

SMALL = Shape(8)


def images(seed: int, size: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


SHAPES = (
    SMALL,
    Shape(8, unshuffle=1, levels=1, radius=0),
    Shape(4, unshuffle=8, levels=4, radius=1),
    Shape(8, unshuffle=2, blocks=1, levels=3),
)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_untrained_network_returns_its_input(shape: Shape) -> None:
    degraded = images(0)
    assert torch.equal(AttentiveRecNet(shape)(degraded, images(1), torch.ones(2, 1, 64, 64)), degraded)
    assert torch.equal(AttentiveRecNet(shape, guided=False)(degraded), degraded)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_parameter_learns_once_the_last_layer_has_moved(shape: Shape) -> None:
    torch.manual_seed(0)
    net = AttentiveRecNet(shape)
    torch.nn.init.normal_(net.last.weight)
    net(images(0), images(1), torch.ones(2, 1, 64, 64)).square().sum().backward()
    without = [name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert without == []


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_attention_reaches_the_window_and_no_further(radius: int) -> None:
    torch.manual_seed(1)
    attention = LocalAttention(4, radius)
    x, y = torch.randn(1, 4, 16, 16), torch.randn(1, 4, 16, 16, requires_grad=True)
    attention(x, y)[0, :, 8, 8].sum().backward()
    assert y.grad is not None
    seen = y.grad[0].abs().sum(0).nonzero()
    assert (seen - 8).abs().max() == radius
    assert len(seen) == (2 * radius + 1) ** 2


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_as_many_levels_as_asked_for_take_from_the_guide(levels: int) -> None:
    net = AttentiveRecNet(Shape(4, levels=levels)).guide_encoder
    assert net is not None
    sides = [features.shape[-1] for features in net(images(0), torch.ones(2, 1, 64, 64))]
    assert sides == [16, 8, 4, 2][:levels]
    assert len(net.take) == levels


def test_a_place_whose_query_fits_nothing_takes_nothing() -> None:
    attention = LocalAttention(4)
    with torch.no_grad():
        for layer in (attention.query, attention.key):
            layer.weight.zero_()
            layer.bias.zero_()
        attention.query.bias.fill_(100.0)
        attention.key.bias.fill_(-100.0)
    taken = attention(torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8))
    assert taken.abs().max() < 1e-6


def test_of_two_guides_a_place_takes_from_the_one_that_fits() -> None:
    attention = LocalAttention(4)
    with torch.no_grad():
        for layer in (attention.query, attention.key, attention.value):
            layer.weight.zero_()
            layer.bias.zero_()
        attention.query.weight[0, :4] = 1.0  # what the observation shows
        attention.key.weight[0] = 30.0  # against what a guide shows
        attention.value.weight[:, :, 0, 0] = torch.eye(4)
    x, fits, does_not = torch.ones(1, 4, 8, 8), torch.ones(1, 4, 8, 8), -torch.ones(1, 4, 8, 8)
    torch.testing.assert_close(attention(x, fits, does_not), attention(x, fits))
    torch.testing.assert_close(attention(x, does_not, fits), attention(x, fits))


def test_the_order_of_guides_does_not_matter_and_a_single_one_is_the_same_with_and_without_their_dimension() -> None:
    torch.manual_seed(2)
    net = AttentiveRecNet(SMALL)
    torch.nn.init.normal_(net.last.weight)
    valid = torch.ones(2, 3, 1, 64, 64)
    guides = torch.stack([images(1), images(2), images(3)], dim=1)
    with torch.no_grad():
        restored = net(images(0), guides, valid)
        torch.testing.assert_close(net(images(0), guides.flip(1), valid), restored)
        assert torch.equal(net(images(0), guides[:, :1], valid[:, :1]), net(images(0), guides[:, 0], valid[:, 0]))
        assert (restored - net(images(0), guides[:, 0], valid[:, 0])).abs().max() > 1e-3
