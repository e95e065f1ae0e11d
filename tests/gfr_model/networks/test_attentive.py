"""AttentiveRecNet: it begins with its input, looks where the guide's detail is, and does without a guide."""

import torch

from gfr_model.networks.attentive import RADIUS, AttentiveRecNet, LocalAttention


def images(seed: int, size: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_the_untrained_network_returns_its_input() -> None:
    net = AttentiveRecNet(8)
    degraded = images(0)
    assert torch.equal(net(degraded, images(1), torch.ones(2, 1, 64, 64)), degraded)
    assert torch.equal(AttentiveRecNet(8, guided=False)(degraded), degraded)


def test_every_parameter_learns_once_the_last_layer_has_moved() -> None:
    torch.manual_seed(0)
    net = AttentiveRecNet(8)
    torch.nn.init.normal_(net.last.weight)
    net(images(0), images(1), torch.ones(2, 1, 64, 64)).square().sum().backward()
    without = [name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert without == []


def test_attention_reaches_the_window_and_no_further() -> None:
    torch.manual_seed(1)
    attention = LocalAttention(4)
    x, y = torch.randn(1, 4, 16, 16), torch.randn(1, 4, 16, 16, requires_grad=True)
    attention(x, y)[0, :, 8, 8].sum().backward()
    assert y.grad is not None
    seen = y.grad[0].abs().sum(0).nonzero()
    assert (seen - 8).abs().max() == RADIUS
    assert len(seen) == (2 * RADIUS + 1) ** 2


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
