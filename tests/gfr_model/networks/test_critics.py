"""The discriminators of other papers: their layers as the papers list them, at any size of images."""

import pytest
import torch
from torch import nn

from gfr_model.networks.baselines.critics import DeepDeblurCritic, SrganCritic

# Nah et al. (2017), Table 1: outputs, inputs, kernel, stride.
DEEPDEBLUR = (
    *((32, 3, 5, 2), (64, 32, 5, 1), (64, 64, 5, 2), (128, 64, 5, 1), (128, 128, 5, 4), (256, 128, 5, 1)),
    *((256, 256, 5, 4), (512, 256, 5, 1), (512, 512, 4, 4)),
)
# Ledig et al. (2017), Fig. 4: outputs and stride of 3x3 kernels.
SRGAN = ((64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2))


def _convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


def test_deepdeblurs_has_the_layers_of_its_papers_table_and_at_256_px_pools_nothing():
    network = DeepDeblurCritic()
    found = [(m.out_channels, m.in_channels, m.kernel_size[0], m.stride[0]) for m in _convolutions(network)]
    assert tuple(found) == DEEPDEBLUR
    assert sum(p.numel() for p in network.parameters()) == sum(o * (i * k * k + 1) for o, i, k, _ in DEEPDEBLUR) + 513
    sizes = {}
    for module in network.modules():
        if isinstance(module, nn.AdaptiveAvgPool2d):
            module.register_forward_hook(lambda _, inputs, made: sizes.update({inputs[0].shape[-1]: made.shape[-1]}))
    with torch.device("meta"):
        DeepDeblurCritic()
    network.to("meta")(torch.empty(1, 3, 256, 256, device="meta"))
    assert sizes == {4: 4}


def test_srgans_has_the_layers_of_its_papers_figure_and_at_96_px_pools_nothing():
    network = SrganCritic()
    assert tuple((m.out_channels, m.stride[0]) for m in _convolutions(network)) == SRGAN
    assert [m.out_features for m in network.modules() if isinstance(m, nn.Linear)] == [1024, 1]
    sizes = {}
    network.layers[-2].register_forward_hook(
        lambda _, inputs, made: sizes.update({inputs[0].shape[-1]: made.shape[-1]})
    )
    network.to("meta")(torch.empty(1, 3, 96, 96, device="meta"))
    assert sizes == {6: 6}


@pytest.mark.parametrize("critic", [SrganCritic, DeepDeblurCritic])
@pytest.mark.parametrize("size", [32, 96])
def test_a_verdict_is_of_the_whole_image(critic, size):
    image = torch.rand(2, 3, size, size, requires_grad=True)
    verdict = critic(4)(image)
    assert verdict.shape == (2, 1)
    (slope,) = torch.autograd.grad(verdict[0].sum(), image)
    assert slope[1].abs().max() == 0  # of one image alone
    corners = slope[0, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners.abs().sum(0) > 0).all()
