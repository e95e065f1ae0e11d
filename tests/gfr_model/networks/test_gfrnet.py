import pytest
import torch

from gfr_model.models import MODELS, VARIANTS
from gfr_model.networks.attentive import Shape
from gfr_model.networks.build import build_network
from gfr_model.networks.gfrnet import GfrNet
from gfr_model.networks.layers import depth_of
from gfr_model.networks.points import Landmarks
from gfr_model.networks.recnet import RecNet
from gfr_model.networks.spline import similarity_flow
from gfr_model.networks.warp import identity_flow
from gfr_model.networks.warpnet import WarpNet
from gfr_model.presets import resolve
from gfr_model.training.losses import landmark_loss, tv_loss
from manifests import ConfigError

SIZE, WIDTH = 32, 4


def _images(batch=2, size=SIZE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, 3, size, size, generator=generator) for _ in range(2)]


def _count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def _expected_count(encoder, decoder):
    """Parameters of layers (inputs, outputs, has norm): 4x4 kernels, and scale and shift or a bias."""
    return sum(16 * i * o + (2 * o if norm else o) for i, o, norm in (*encoder, *decoder))


def _expected_recnet(width, inputs):
    c = [width * m for m in (1, 2, 4, 8, 16, 16, 16, 16)]
    encoder = [(inputs, c[0], False), *[(c[i], c[i + 1], i < 6) for i in range(7)]]
    # out of 1024 come 1024 at 2x2, each later layer also gets the encoder's: 2048 -> 1024 ... 128 -> 3
    decoder = [(c[7], c[6], True), *[(2 * c[i], c[i - 1], True) for i in range(6, 0, -1)], (2 * c[0], 3, False)]
    return _expected_count(encoder, decoder)


def _expected_warpnet(width):
    c = [width * m for m in (1, 2, 4, 8, 16, 16, 16, 16)]
    encoder = [(6, c[0], False), *[(c[i], c[i + 1], i < 6) for i in range(7)]]
    decoder = [*[(c[i], c[i - 1], True) for i in range(7, 0, -1)], (c[0], 2, False)]
    return _expected_count(encoder, decoder)


def test_networks_of_the_paper_have_as_many_parameters_as_their_layers():
    with torch.device("meta"):
        counts = {name: _count(GfrNet(MODELS[name])) for name in VARIANTS}
    assert counts["full"] == counts["-F"] == _expected_warpnet(64) + _expected_recnet(64, 6)
    assert counts["-W"] == _expected_recnet(64, 6)
    assert counts["-WG"] == _expected_recnet(64, 3)
    assert counts["-W2"] == _expected_recnet(128, 6)
    assert counts["-WG2"] == _expected_recnet(128, 3)
    # §4.5: the full model has nearly two times the parameters of the one without WarpNet.
    assert counts["full"] / counts["-W"] == pytest.approx(1.73, abs=0.01)


def test_an_encoder_halves_eight_times_to_one_pixel():
    with torch.device("meta"):
        network = GfrNet()
        features, sizes = torch.empty(1, 6, 256, 256), []
        for layer in network.warpnet.encoder:
            features = layer(features)
            sizes.append(tuple(features.shape[1:]))
        channels = (64, 128, 256, 512, 1024, 1024, 1024, 1024)
        assert sizes == [(c, 256 >> i, 256 >> i) for i, c in enumerate(channels, start=1)]
        found = network(torch.empty(2, 3, 256, 256), torch.empty(2, 3, 256, 256))
    assert found.restored.shape == found.warped.shape == (2, 3, 256, 256)
    assert found.flow.shape == (2, 2, 256, 256)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_every_variant_restores_a_single_image_in_training(variant, norm, size):
    network = GfrNet(MODELS[variant], WIDTH, norm, image_size=size).train()
    degraded, guide = _images(batch=1, size=size)
    found = network(degraded, guide)
    assert found.restored.shape == degraded.shape
    assert found.restored.min() >= 0
    assert found.restored.max() <= 1
    assert (found.flow is None) == (found.warped is None) == (variant not in {"full", "-F"})
    found.restored.mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.recnet.parameters())


def test_several_guides_are_each_aligned_and_the_first_is_the_one_that_is_told_of():
    changes = {"width": WIDTH, "variant": "-W", "alignment": "landmarks", "recnet": "attentive", "image_size": SIZE}
    torch.manual_seed(0)
    network = build_network(resolve("paper", changes=changes | {"points_width": 4})).eval()
    torch.nn.init.normal_(network.recnet.last.weight)
    (degraded, first), (_, second) = _images(), _images(seed=7)
    both = torch.stack([first, second], dim=1)
    with torch.no_grad():
        alone, found, twice = network(degraded, first), network(degraded, both), network(degraded, both[:, :1])
        other = network(degraded, second)
    assert network.takes_several
    assert torch.equal(twice.restored, alone.restored)
    for name in ("warped", "flow"):
        assert torch.equal(getattr(found, name), getattr(alone, name))
    assert torch.equal(found.further_landmarks[0].points, other.guide_landmarks.points)
    assert (found.restored - alone.restored).abs().max() > 1e-4
    assert (found.restored - other.restored).abs().max() > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_variants_with_a_guide_see_it(variant):
    network = GfrNet(MODELS[variant], WIDTH, image_size=SIZE)
    degraded, guide = _images()
    guide.requires_grad_()
    restored = network(degraded, guide).restored
    if variant in {"-WG", "-WG2"}:
        assert not torch.autograd.grad(restored.sum(), guide, allow_unused=True)[0]
        assert torch.equal(restored, network(degraded, 1 - guide).restored)
    else:
        assert torch.autograd.grad(restored.sum(), guide)[0].abs().max() > 0


@pytest.mark.parametrize("size", [16, 64, 256])
@pytest.mark.parametrize("scale", [1.0, 1e3])
@pytest.mark.parametrize("warp_size", [0, 32])
def test_the_untrained_warp_is_the_flow_it_starts_from(size, scale, warp_size):
    network = WarpNet(WIDTH, image_size=size, warp_size=warp_size)
    degraded, guide = (scale * image for image in _images(size=size))
    assert torch.equal(network(degraded, guide), identity_flow(size, size).expand(2, -1, -1, -1))
    start = similarity_flow(torch.rand(2, 5, 2), torch.rand(2, 5, 2), size)
    assert torch.equal(network(degraded, guide, start), start)


def test_a_smaller_warpnet_sees_smaller_images_and_its_flow_is_enlarged():
    network = WarpNet(WIDTH, image_size=128, warp_size=32)
    torch.nn.init.normal_(network.last.weight, 0, 0.02)
    images = _images(size=128)
    shrunk = [torch.nn.functional.interpolate(i, size=(32, 32), mode="bilinear", antialias=True) for i in images]
    small = network(*shrunk) - identity_flow(32, 32)
    enlarged = torch.nn.functional.interpolate(small, size=(128, 128), mode="bilinear", align_corners=True)
    assert enlarged.abs().max() > 0.01
    torch.testing.assert_close(network(*images) - identity_flow(128, 128), enlarged, atol=1e-5, rtol=1e-4)


def test_warpnet_learns_from_its_first_steps():
    """Its last layer starts at zero: the first step moves that layer, the second all others."""
    network = WarpNet(WIDTH, image_size=SIZE)
    degraded, guide = _images()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        network(degraded, guide)[:, 0].square().mean().backward()
        optimiser.step()
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


@pytest.mark.parametrize("alignment", ["landmarks", "similarity"])
def test_what_aligns_by_landmarks_is_not_rounded_by_bfloat16(alignment):
    """A spline is a difference of large terms: in bfloat16 that of two real faces is 9 px off at its worst place."""
    network = build_network(resolve("paper", changes={"width": WIDTH, "alignment": alignment, "points_width": 4}))
    generator = torch.Generator().manual_seed(1)
    at = torch.rand(2, 68, 2, generator=generator) * 1.2 - 0.6
    to = at * 1.05 + 0.02 * torch.randn(2, 68, 2, generator=generator)
    found, guides = (Landmarks(points, torch.full((2, 68), 0.05)) for points in (at, to))
    wanted = network.coarse(found, guides)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(network.coarse(found, guides), wanted)


def test_warpnet_keeps_positions_in_float32_under_bfloat16():
    torch.manual_seed(0)
    network = WarpNet(WIDTH, image_size=SIZE)
    torch.nn.init.normal_(network.last.weight, 0, 0.02)
    plain = network(*_images())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        short = network(*_images())
    assert short.dtype == torch.float32
    assert len(short.unique()) > 0.9 * short.numel()
    assert (short - plain).abs().max() < 0.05


def test_warpnet_has_no_skips():
    """All that the decoder knows passes the 1x1 bottleneck: with that held still, the flow stays the same."""
    network = WarpNet(WIDTH, image_size=SIZE)
    torch.nn.init.normal_(network.last.weight)
    network.encoder[-1].register_forward_hook(lambda *_: torch.ones(2, 16 * WIDTH, 1, 1))
    assert torch.equal(network(*_images(seed=1)), network(*_images(seed=2)))


def test_every_layer_of_recnets_encoder_reaches_its_equal_in_the_decoder():
    """Layer i's output has the size of layer L - i's: cutting all other ways still leaves a gradient."""
    network = RecNet(WIDTH, image_size=SIZE)
    depth = depth_of(SIZE)
    for level in range(depth - 1):
        inputs, kept = [], {}
        hooks = [
            network.encoder[level].register_forward_hook(lambda m, i, o, kept=kept: kept.setdefault("skip", o)),
            network.encoder[level + 1].register_forward_pre_hook(lambda m, args: (args[0].detach(),)),
        ]
        target = network.last if level == 0 else network.decoder[depth - 1 - level]
        hooks.append(target.register_forward_pre_hook(lambda m, args, inputs=inputs: inputs.append(args[0])))
        output = network(*_images())
        for hook in hooks:
            hook.remove()
        half = inputs[0].shape[1] // 2
        assert torch.equal(inputs[0][:, half:], kept["skip"])
        assert torch.autograd.grad(output.sum(), kept["skip"])[0].abs().max() > 0


def test_output_skip_starts_from_the_degraded_image():
    degraded, guide = _images()
    found = GfrNet(MODELS["full"], WIDTH, output_skip=True, image_size=SIZE)(degraded, guide).restored
    assert (found - degraded).abs().max() <= 1 / 255 + 1e-6
    without = GfrNet(MODELS["full"], WIDTH, output_skip=False, image_size=SIZE)(degraded, guide).restored
    assert (without - degraded).abs().max() > 0.1
    assert _count(GfrNet(MODELS["full"], WIDTH, output_skip=True)) == _count(GfrNet(MODELS["full"], WIDTH))


def test_instance_norm_restores_an_image_alike_in_any_company_and_mode():
    network = GfrNet(MODELS["full"], WIDTH, image_size=SIZE)
    degraded, guide = _images(batch=4)
    together = network.train()(degraded, guide).restored
    alone = network.eval()(degraded[2:3], guide[2:3]).restored
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-5)


def test_batch_norm_of_one_image_is_instance_norm():
    """What norm='instance' stands for: the paper's batch norm at batch 1."""
    degraded, guide = _images(batch=1)
    one, other = (RecNet(WIDTH, norm, SIZE).train() for norm in ("instance", "batch"))
    other.load_state_dict(one.state_dict(), strict=False)
    torch.testing.assert_close(one(degraded, guide), other(degraded, guide), rtol=1e-4, atol=1e-5)


def test_positions_start_at_random_and_stay_inside_the_guide():
    """What Fig. 7 shows of -F needs a start that is not the identity already."""
    network = build_network(resolve("paper", changes={"width": WIDTH, "image_size": SIZE, "warp_output": "position"}))
    flow = network(*_images()).flow
    assert (flow.abs() < 1).all()
    assert (flow - identity_flow(SIZE, SIZE)).abs().mean() > 0.2
    assert flow.flatten(2).std(-1).min() > 0.01
    flow.square().mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in network.warpnet.parameters() if parameter.dim() == 4)
    with pytest.raises(ConfigError, match="warp_output position leaves no place for alignment"):
        resolve("paper", changes={"warp_output": "position", "alignment": "similarity"})


def test_wrong_shapes_are_named():
    network = GfrNet(MODELS["full"], WIDTH, image_size=SIZE)
    degraded, guide = _images()
    with pytest.raises(ValueError, match=r"guide must have shape \(2, 3, 32, 32\), but is \(2, 1, 32, 32\)"):
        network(degraded, guide[:, :1])
    with pytest.raises(ValueError, match=r"degraded must have shape \(2, 3, 32, 32\), but is \(2, 3, 64, 64\)"):
        network(_images(size=64)[0], guide)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"-WG2.*'-X'"):
        resolve("paper", changes={"variant": "-X"})
    with pytest.raises(ConfigError, match="power of two"):
        GfrNet(image_size=100)
    with pytest.raises(ConfigError, match=r"norm must be .* but is 'layer'"):
        GfrNet(norm="layer")


def test_a_configuration_builds_its_network():
    changes = {
        "variant": "-W2",
        "width": WIDTH,
        "image_size": SIZE,
        "norm": "batch",
        "output_skip": True,
        "batch_size": 2,
    }
    network = build_network(resolve("paper", changes=changes))
    assert isinstance(network, GfrNet)
    assert network.recnet.encoder[0][0].out_channels == 2 * WIDTH
    assert network.recnet.output_skip
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_state_holds_weights_alone():
    """So that a checkpoint has the paper's parameters and nothing else."""
    network = GfrNet(MODELS["full"], WIDTH, image_size=SIZE)
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}


def test_warpnet_follows_landmarks_without_roughening_its_flow():
    """Eq. 11 of one batch falls at once; from rough kernels WarpNet settles near the identity."""
    torch.manual_seed(0)
    network = WarpNet(8, image_size=128)
    images = torch.rand(4, 6, 128, 128, generator=torch.Generator().manual_seed(1))
    target = torch.rand(4, 68, 2, generator=torch.Generator().manual_seed(2)) - 0.5
    guide = target + torch.tensor([[0.1, 0.0], [-0.1, 0.05], [0.0, -0.1], [0.05, 0.1]])[:, None]
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-4, betas=(0.5, 0.999))
    history = []
    for _ in range(50):
        flow = network(images[:, :3], images[:, 3:])
        landmark, tv = landmark_loss(flow, target, guide), tv_loss(flow)
        history.append((landmark.item(), tv.item()))
        optimiser.zero_grad()
        (10 * landmark + tv).backward()
        optimiser.step()
    first, last = history[0], history[-1]
    assert last[0] < 0.5 * first[0]
    assert last[1] < 1


@pytest.mark.parametrize("variant", ["full", "-W"])
def test_settings_make_a_network_that_aligns_by_landmarks(variant):
    settings = {"variant": variant, "alignment": "landmarks", "recnet": "attentive", "warp_size": 16, "width": WIDTH}
    config = resolve("paper", changes=settings | {"image_size": SIZE, "points_width": 4})
    network = build_network(config).eval()
    found = network(*_images())
    assert found.restored.shape == found.warped.shape == (2, 3, SIZE, SIZE)
    assert found.target_landmarks.points.shape == (2, 68, 2)
    assert (network.warpnet is None) == (variant == "-W")
    assert not any(parameter.requires_grad for parameter in network.points.parameters())


def test_weights_of_the_network_of_landmarks_have_their_names_in_gfrnet():
    changes = {"image_size": SIZE, "points_width": 4, "width": WIDTH}
    finder = build_network(resolve("paper", changes=changes | {"model": "points"})).eval()
    network = build_network(resolve("paper", changes=changes | {"alignment": "landmarks"})).eval()
    missing, unexpected = network.load_state_dict(finder.state_dict(), strict=False)
    assert not unexpected
    assert not any(name.startswith("points.") for name in missing)
    degraded, guide = _images()
    found, aligned = finder(degraded, guide), network(degraded, guide)
    assert torch.equal(found.restored, degraded)
    assert network.points is not None
    for image, alone, both_ways in zip((degraded, guide), found[3:5], aligned[3:5], strict=True):
        torch.testing.assert_close(alone, network.points(image))
        torch.testing.assert_close(both_ways, network.points.find(image))


def test_a_self_ensemble_restores_the_mirror_image_as_the_mirror_image_of_what_it_restores():
    torch.manual_seed(0)
    network = GfrNet(
        MODELS["-W"], 8, image_size=64, alignment="landmarks", attentive=Shape(), self_ensemble=True
    ).eval()
    torch.nn.init.normal_(network.recnet.last.weight, std=0.05)
    degraded, guide = _images(size=64)
    with torch.no_grad():
        restored = network(degraded, guide).restored
        mirrored = network(degraded.flip(-1), guide.flip(-1)).restored
        network.self_ensemble = False
        alone = network(degraded, guide).restored
    torch.testing.assert_close(mirrored.flip(-1), restored, atol=1e-4, rtol=0)
    assert (alone - restored).abs().max() > 1e-3, "the network alone is not blind to mirroring"


def test_sizes_at_which_a_network_cannot_work_are_refused():
    with pytest.raises(ConfigError, match=r"warp_size must be a power of two"):
        resolve("paper", assignments=["warp_size=48"])
    with pytest.raises(ConfigError, match=r"warp_size 64 is above image_size 16; recnet attentive needs"):
        resolve("paper", assignments=["warp_size=64", "image_size=16", "recnet=attentive"])
    with pytest.raises(ConfigError, match=r"unshuffle must be a power of two from 1 to 8, but is 3"):
        resolve("paper", assignments=["unshuffle=3"])
    with pytest.raises(ConfigError, match=r"recnet attentive needs an image_size of at least 64"):
        resolve("paper", assignments=["unshuffle=8", "image_size=32", "recnet=attentive"])
    with pytest.raises(ConfigError, match=r"window 96 must be a multiple of 64"):
        resolve("default", assignments=["unshuffle=8", "window=96"])


def test_without_validity_a_guide_of_one_colour_is_seen_as_a_guide():
    torch.manual_seed(0)
    grey = torch.full((2, 3, 64, 64), 0.5)
    moved = {}
    for validity in (True, False):
        network = GfrNet(MODELS["-W"], 8, image_size=64, attentive=Shape(), validity=validity).eval()
        torch.nn.init.normal_(network.recnet.last.weight, std=0.05)
        told = network.recnet.guide_encoder.head.weight.detach()[:, -1:].clone()
        with torch.no_grad():
            before = network(_images(size=64)[0], grey).restored
            network.recnet.guide_encoder.head.weight[:, -1:] = -told
            moved[validity] = (network(_images(size=64)[0], grey).restored - before).abs().max().item()
    assert moved[True] == 0, "a guide that stands for none is told by a validity of 0, whatever its weight"
    assert moved[False] > 1e-5
