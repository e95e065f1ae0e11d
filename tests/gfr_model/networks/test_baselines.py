"""The other systems of Table 1: their sizes as the literature gives them, and that they can be called and trained."""

import pytest
import torch
from torch import nn

from gfr_model.models import GFRNET, MODELS, NAMES, POINTS
from gfr_model.networks.baselines.arcnn import ArCnn
from gfr_model.networks.baselines.deblurgan import DeblurGan
from gfr_model.networks.baselines.deepdeblur import DeepDeblur
from gfr_model.networks.baselines.dncnn import DnCnn
from gfr_model.networks.baselines.memnet import MemNet
from gfr_model.networks.baselines.srcnn import Srcnn
from gfr_model.networks.baselines.srgan import Srgan
from gfr_model.networks.baselines.vdsr import Vdsr
from gfr_model.networks.build import build_network
from gfr_model.presets import resolve
from gfr_model.training.batches import Inputs
from gfr_model.training.objective import Judges, objective
from gfr_model.training.processes import World
from gfr_model.training.step import Learner
from manifests import ConfigError

BASELINES = [name for name in NAMES if name not in (GFRNET, POINTS)]


def _parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def _kernels(network):
    """Weights of convolutions without biases, as most papers count."""
    return sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))


def _convolutions(network):
    return sum(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in network.modules())


def test_srcnn_has_the_8032_parameters_of_its_paper():
    """Dong et al., PAMI 2016, where they vary the filter sizes: 8,032 for 9-1-5 on one channel."""
    assert _kernels(Srcnn(channels=1)) == 8032


def test_vdsr_has_the_665_thousand_parameters_that_are_reported_for_it():
    """Tai et al., MemNet, ICCV 2017, compare theirs with VDSR's 665K: twenty layers on one channel."""
    assert _kernels(Vdsr(channels=1)) == 664_704
    assert _convolutions(Vdsr()) == 20


def test_srgan_has_the_one_and_a_half_million_parameters_that_are_reported_for_it():
    """Lim et al., EDSR, CVPRW 2017, compare with SRResNet: 16 blocks of 64 filters, 1.5M."""
    assert _parameters(Srgan()) == 1_549_462
    assert _parameters(Srgan(guided=True)) - _parameters(Srgan()) == 3 * 64 * 81


def test_deblurgan_has_the_11_4_million_parameters_of_the_nine_block_generator():
    """CycleGAN and pix2pix's published code prints 11.378 M for the generator that DeblurGAN takes over."""
    assert _parameters(DeblurGan()) == 11_378_179


def test_deepdeblur_has_120_layers_and_the_11_7_million_parameters_that_are_reported_for_it():
    """120 layers in its paper; 11.7M in Cho et al., MIMO-UNet, ICCV 2021, which compares with it."""
    network = DeepDeblur()
    assert [_convolutions(level) for level in network.levels] == [40, 40, 40]
    assert round(_parameters(network) / 1e6, 1) == 11.7


def test_dncnn_has_the_parameters_of_its_published_networks():
    """Without norm, which the published weights have merged: 556K for the 17 layers on one channel."""
    assert _parameters(DnCnn(norm="none", depth=17, channels=1)) == 555_137
    assert _parameters(DnCnn(norm="none")) == 668_227
    assert _convolutions(DnCnn()) == 20


def test_memnet_has_the_677_thousand_parameters_of_its_paper():
    """Tai et al., ICCV 2017: 677K, and 80 layers with recursions counted: 2 x 6 x 6, six gates, two ends."""
    network = MemNet(channels=1)
    assert _kernels(network) == 676_992
    assert 2 * 6 * len(network.blocks) + len(network.blocks) + 2 == 80


def test_arcnn_has_the_106_448_parameters_of_its_paper():
    """Yu et al., "Deep Convolution Networks for Compression Artifacts Reduction", 2016, for 9-7-1-5."""
    assert _kernels(ArCnn(channels=1)) == 106_448


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 32, 32, generator=generator) for _ in range(2)]


@pytest.mark.parametrize("name", BASELINES)
def test_each_is_called_and_trained_like_gfrnet(name, images):
    network = build_network(resolve("paper", changes={"model": name, "image_size": 32}))
    found = network.train()(*images)
    assert found.restored.shape == (1, 3, 32, 32)
    assert found.warped is None
    assert found.flow is None
    assert network.warpnet is None
    found.restored.mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    # A bias before a norm without scale has no effect; every kernel has one.
    assert all(p.grad.abs().max() > 0 for p in network.parameters() if p.dim() == 4)
    restored = network.eval()(*images).restored
    assert restored.min() >= 0
    assert restored.max() <= 1


@pytest.mark.parametrize("name", BASELINES)
def test_only_retrained_ones_see_the_guide(name, images):
    degraded, guide = images
    network = build_network(resolve("paper", changes={"model": name})).train()
    guide = guide.clone().requires_grad_()
    gradient = torch.autograd.grad(network(degraded, guide).restored.sum(), guide, allow_unused=True)[0]
    assert (gradient is not None) == MODELS[name].guided
    assert gradient is None or gradient.abs().max() > 0


@pytest.mark.parametrize("name", ["vdsr", "dncnn", "mdncnn", "deblurgan", "mdeblurgan", "memnet"])
def test_residual_ones_leave_the_image_as_it_is_when_their_last_layer_is_silent(name, images):
    network = build_network(resolve("paper", changes={"model": name})).eval()
    last = [m for m in network.modules() if isinstance(m, nn.Conv2d)][-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    torch.testing.assert_close(network(*images).restored, images[0])


@pytest.mark.parametrize("preset", ["paper", "demo"])
def test_a_baseline_is_trained_on_the_losses_of_its_own_paper(preset):
    plain = resolve(preset, changes={"model": "mdncnn"})
    assert (plain.lambda_l2, plain.lambda_perceptual, plain.lambda_adv_global, plain.lambda_adv_local) == (100, 0, 0, 0)
    assert (plain.lambda_vgg19, plain.norm) == (0, "batch")
    for model, vgg19, weights in (
        ("srgan", "", (0, 0.006, 1e-3)),  # Ledig et al., eq. 3, and VGG's features over 12.75
        ("msrgan", "off", (4, 0, 1e-3)),  # their SRGAN-MSE, whose images are twice as wide
        ("deblurgan", "vgg16-hed", (0, 100, 1)),  # Kupyn et al., eq. 2
        ("mdeblurgan", "off", (400, 0, 1)),
        ("deepdeblur", "", (0.5, 0, 1e-4)),  # Nah et al., eq. 5 and 7
    ):
        found = resolve(preset, changes={"model": model, "vgg19": vgg19})
        assert (found.lambda_l2, found.lambda_vgg19, found.lambda_adv_global) == weights
        assert (found.lambda_perceptual, found.lambda_adv_local, found.norm) == (0, 0, "batch")
    assert resolve(preset, assignments=["lambda_adv_global=0.5"], changes={"model": "srgan"}).lambda_adv_global == 0.5
    assert resolve(preset, assignments=["norm=instance"], changes={"model": "dncnn"}).norm == "instance"


def test_a_variant_of_gfrnet_is_refused_for_another_model():
    with pytest.raises(ConfigError, match="variant -W is one of gfrnet, and the model is 'srcnn'"):
        resolve("paper", changes={"model": "srcnn", "variant": "-W"})
    with pytest.raises(ConfigError, match="did you mean 'dncnn'"):
        resolve("paper", changes={"model": "dncn"})


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"gfrnet.*srcnn.*mdncnn.*'srcn'"):
        resolve("paper", changes={"model": "srcn"})


@pytest.mark.parametrize("name", BASELINES)
def test_the_trainers_step_lowers_each_ones_error(name):
    changes = {"model": name, "image_size": 32, "discriminator_width": 4, "vgg19": "off", "lambda_adv_global": 0.0}
    learner = Learner(resolve("paper", changes=changes), World(), None)
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(1, 3, 32, 32, generator=generator) for _ in range(3)]
    inputs = Inputs(*images, *(torch.zeros(1, 68, 2) for _ in range(2)))
    errors = [float(learner.joint_step(inputs)["l2"]) for _ in range(4)]
    assert errors[-1] < errors[0]


@pytest.mark.parametrize("name", ["dncnn", "memnet", "msrgan"])
def test_what_was_trained_on_single_images_is_scored_as_it_was_trained(name, images):
    """Running averages of single images lose up to 3 dB; batch norm of one image has none."""
    settings = {"model": name, "image_size": 32}
    network = build_network(resolve("paper", changes=settings)).train()
    for _ in range(3):
        trained = network(*images).restored
    torch.testing.assert_close(network.eval()(*images).restored, trained.clamp(0, 1))
    batched = build_network(resolve("paper", changes=settings | {"batch_size": 4}))
    assert any(isinstance(module, nn.BatchNorm2d) for module in batched.modules())


@pytest.mark.parametrize(("name", "count"), [("deepdeblur", 3), ("memnet", 7)])
def test_several_results_are_compared_with_the_truth_where_its_paper_does_so(name, count, images):
    """Nah et al.: three sizes. Tai et al.: six blocks and the whole. All weigh alike."""
    config = resolve("paper", changes={"model": name, "image_size": 32})
    network, (degraded, target) = build_network(config).train(), images
    found = network(degraded, degraded)
    inputs = Inputs(degraded, degraded, target, *(torch.zeros(1, 68, 2) for _ in range(2)))
    made = objective(found, inputs, nn.ModuleDict(), Judges(), config)
    sizes = [32 // one.shape[-1] for one in found.further]
    assert sizes == ([2, 4] if name == "deepdeblur" else [1] * 6)
    truths = [target, *(nn.functional.avg_pool2d(target, size) for size in sizes)]
    errors = [
        (one - truth).square().mean() for one, truth in zip((found.restored, *found.further), truths, strict=True)
    ]
    assert len(errors) == count
    torch.testing.assert_close(made.network, config.lambda_l2 * sum(errors) / count)
    assert network.eval()(degraded, degraded).further == ()
