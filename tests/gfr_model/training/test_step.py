from dataclasses import replace

import pytest
import torch
import torch._dynamo.config as dynamo

from gfr_model.networks.window import corners, cut
from gfr_model.presets import resolve
from gfr_model.training import losses
from gfr_model.training.adversarial import view
from gfr_model.training.batches import Inputs
from gfr_model.training.judges import load_identity, load_perceptual
from gfr_model.training.objective import Judges
from gfr_model.training.processes import World
from gfr_model.training.step import Learner
from manifests import DataError

SETTINGS = {"image_size": 64, "width": 4, "discriminator_width": 4, "vgg_face": "off", "lambda_perceptual": 0.0}


def _config(**changes):
    return resolve("paper", changes=SETTINGS | changes)


def _inputs(batch=2, seed=0, dtype=torch.float32, layout=torch.contiguous_format):
    generator = torch.Generator().manual_seed(seed)
    images = [torch.rand(batch, 3, 64, 64, generator=generator) for _ in range(3)]
    points = [torch.rand(batch, 68, 2, generator=generator) * 1.6 - 0.8 for _ in range(2)]
    return Inputs(*(i.to(dtype=dtype, memory_format=layout) for i in images), *(p.to(dtype) for p in points))


def _gradients(learner, inputs, monkeypatch):
    """Gradients that a joint step would apply, by name."""
    found = {}

    def note(self, values, totals, moved):
        for name, module in self.modules.items():
            found.update({f"{name}.{key}": p.grad for key, p in module.named_parameters() if p.grad is not None})
        return values

    monkeypatch.setattr(Learner, "_update", note)
    learner.joint_step(inputs)
    return found


def test_one_judgement_serves_both_players_as_two_would(monkeypatch):
    """Against the textbook way: discriminators on the detached image, then the network with them held still."""
    config = _config(precision="float64")
    inputs = _inputs(dtype=torch.float64)
    shared = _gradients(Learner(config, World(), None), inputs, monkeypatch)

    learner = Learner(config, World(), None)
    restoration = learner.network(inputs.degraded, inputs.guide)
    for name, critic in learner.critics.items():
        degraded, guide, real, fake = view(name, restoration.restored.detach(), inputs)
        losses.discriminator_loss(
            critic(degraded, guide, real), critic(degraded, guide, fake), real_label=0.9, fake_label=0.0
        ).backward()
    learner.critics.requires_grad_(False)
    total = 100 * losses.l2_loss(restoration.restored, inputs.target)
    total = total + 10 * losses.landmark_loss(restoration.flow, inputs.target_points, inputs.guide_points)
    total = total + losses.tv_loss(restoration.flow)
    for name, weight in (("global", 1.0), ("local", 0.5)):
        degraded, guide, _, fake = view(name, restoration.restored, inputs)
        total = total + weight * losses.generator_loss(learner.critics[name](degraded, guide, fake), label=0.9)
    total.backward()
    for name, module in learner.modules.items():
        for key, parameter in module.named_parameters():
            torch.testing.assert_close(shared[f"{name}.{key}"], parameter.grad, rtol=1e-9, atol=1e-12)


def _falls(config, names):
    """Whether named losses fall over 40 steps on one batch, each by itself."""
    learner = Learner(config, World(), None)
    learner.set_rate(config.learning_rates[0])
    rows = [learner.joint_step(_inputs()) for _ in range(40)]
    return {name: bool(rows[-1][name] < rows[0][name]) for name in names}


def test_each_player_wins_against_one_that_stands_still():
    both = ("critic_global", "critic_local")
    assert _falls(_config(learning_rates=(1e-9,), discriminator_rate=1e6), both) == dict.fromkeys(both, True)
    # The network serves two judges at once: their weighted sum, all that is left of eq. 12 here, must fall.
    held = _config(learning_rates=(1e-3,), discriminator_rate=0.0, lambda_l2=0.0, lambda_tv=0.0, lambda_landmark=0.0)
    assert _falls(held, ["loss"]) == {"loss": True}


def test_a_weight_of_zero_leaves_its_discriminator_out():
    learner = Learner(_config(lambda_adv_local=0.0), World(), None)
    assert list(learner.critics) == ["global"]
    assert not any("local" in name for name in learner.joint_step(_inputs()))
    without = Learner(_config(lambda_adv_local=0.0, lambda_adv_global=0.0), World(), None)
    assert len(without.critics) == 0
    assert {"l2", "landmark", "tv", "loss"} <= without.joint_step(_inputs()).keys()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channels_last": True},
        {"fused_adam": True},
        {"precision": "bfloat16", "channels_last": True},
        {"ema": 0.9, "weight_decay": 0.1},
    ],
)
def test_a_learner_that_was_saved_takes_the_same_next_step(changes):
    config = _config(**changes)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    one = Learner(config, World(), None)
    one.warp_step(_inputs(seed=1, layout=layout))
    one.joint_step(_inputs(seed=2, layout=layout))
    other = Learner(replace(config, seed=99), World(), None)
    other.load({name: value.contiguous().clone() for name, value in one.state().items()})
    for learner in (one, other):
        learner.set_rate(1e-3)
        learner.joint_step(_inputs(seed=3, layout=layout))
    for name, value in one.state().items():
        assert torch.equal(value, other.state()[name]), name


def test_tensors_of_another_network_are_refused():
    small, large = (Learner(_config(width=width), World(), None) for width in (4, 6))
    with pytest.raises(DataError, match="does not fit"):
        large.load(small.state())


def test_equal_seeds_give_equal_weights_and_the_global_random_state_stays():
    before = torch.random.get_rng_state()
    one, two, other = (Learner(_config(seed=seed), World(), None).state() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("fused", [False, True])
def test_nothing_moves_at_a_gradient_that_is_not_finite(fused):
    learner = Learner(_config(fused_adam=fused), World(), None)
    learner.joint_step(_inputs(seed=1))
    before = {name: value.clone() for name, value in learner.state().items()}
    inputs = _inputs(seed=2)
    inputs.target[0, 0, 0, 0] = float("inf")
    values = learner.joint_step(inputs)
    assert values["nonfinite"] == 1
    for name, value in learner.state().items():
        assert torch.equal(value, before[name]), name


def test_bfloat16_comes_close_to_float32():
    results = {}
    for precision in ("float32", "bfloat16"):
        learner = Learner(_config(precision=precision), World(), None)
        for seed in range(5):
            values = learner.joint_step(_inputs(seed=seed))
        results[precision] = {name: float(value) for name, value in values.items() if name != "gradient_norm"}
    assert results["bfloat16"] == pytest.approx(results["float32"], rel=0.05, abs=0.02)


@pytest.mark.parametrize("changes", [{"model": "points"}, {"alignment": "landmarks", "recnet": "attentive"}])
def test_landmarks_are_found_in_bfloat16_too(changes):
    settings = {"points_width": 4, "precision": "bfloat16", "warp_size": 16}
    learner = Learner(_config(**settings, **changes), World(), None)
    assert torch.isfinite(learner.joint_step(_inputs())["loss"])
    assert learner.restore(_inputs()).target_landmarks.points.dtype == torch.float32


def test_perceptual_loss_needs_weights_or_a_word():
    with pytest.raises(DataError, match=r"weights get vgg-face.*--vgg-face off"):
        load_perceptual(resolve("paper"), World())
    assert load_perceptual(resolve("paper", changes={"vgg_face": "off"}), World()) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_never_waits_for_the_device():
    learner = Learner(_config(precision="bfloat16", fused_adam=True), World(device=torch.device("cuda")), None)
    inputs = Inputs(*(value.cuda() for value in vars(_inputs()).values()))
    learner.joint_step(inputs)
    torch.cuda.set_sync_debug_mode("error")
    try:
        learner.joint_step(inputs)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_compiled_networks_take_the_same_steps(monkeypatch):
    """The two discriminators are one class at two sizes, which once met in a graph that could not be compiled."""
    inputs = _inputs()
    config = _config(channels_last=True)
    plain, compiled = (Learner(config, World(), None) for _ in range(2))
    with monkeypatch.context() as undone:
        undone.setattr(dynamo, "suppress_errors", False)
        if reason := compiled.compile():
            pytest.skip(f"torch.compile does not work here: {reason}")
        dynamo.suppress_errors = False  # what cannot be compiled is an error here
        for learner in (plain, compiled):
            learner.warp_step(inputs)
        wanted, found = (learner.joint_step(inputs) for learner in (plain, compiled))
    assert {name: float(v) for name, v in found.items()} == pytest.approx(
        {name: float(v) for name, v in wanted.items()}, rel=1e-3
    )


def test_warpnet_has_a_rate_of_its_own():
    learner = Learner(_config(), World(), None)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    learner.set_rate(1e-3, 0.0)
    learner.joint_step(_inputs())
    moved = {n for n, value in learner.network.state_dict().items() if not torch.equal(value, before[n])}
    assert moved
    assert not any(name.startswith("warpnet.") for name in moved)


def test_the_network_that_finds_landmarks_is_not_trained_with_gfrnet():
    learner = Learner(_config(alignment="landmarks", points_width=4, warp_size=16), World(), None)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    learner.set_rate(1e-2)
    learner.warp_step(_inputs())
    learner.joint_step(_inputs())
    moved = {n.partition(".")[0] for n, v in learner.network.state_dict().items() if not torch.equal(v, before[n])}
    assert moved == {"warpnet", "recnet"}


def test_averages_are_what_their_formula_says_and_serve_only_in_their_context():
    learner = Learner(_config(ema=0.5, variant="-W"), World(), None)
    wanted = learner.network.recnet.last.weight.detach().clone()
    for n in range(12):
        learner.set_rate(1e-2)
        learner.joint_step(_inputs(seed=n))
        decay = min(0.5, (1 + n) / (10 + n))
        wanted = decay * wanted + (1 - decay) * learner.network.recnet.last.weight.detach()
    now = learner.network.recnet.last.weight.detach().clone()
    assert not torch.allclose(now, wanted, rtol=1e-4)
    with learner.average.applied():
        torch.testing.assert_close(learner.network.recnet.last.weight.detach(), wanted)
    assert torch.equal(learner.network.recnet.last.weight, now)
    torch.testing.assert_close(learner.network_state()["network.recnet.last.weight"], wanted)


def test_a_gradient_is_cut_to_its_largest_norm():
    """Adam divides by the gradient's size, but its first moment shows it: (1 - beta1) times the gradient."""
    norms = {}
    for clip in (0.0, 1e-3):
        learner = Learner(_config(clip=clip), World(), None)
        learner.joint_step(_inputs())
        moments = [s["exp_avg"] for s in learner.optimisers["network"].state.values()]
        norms[clip] = float(torch.stack([m.norm() for m in moments]).norm()) / (1 - 0.5)
    assert norms[0.0] > 1
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_the_losses_of_face_and_identity_join_where_they_have_a_weight(tmp_path, monkeypatch):
    class Mean(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

    torch.jit.script(Mean()).save(tmp_path / "embed.pt")
    config = _config(lambda_face=3.0, lambda_identity=2.0, identity_weights=str(tmp_path / "embed.pt"), variant="-W")
    config = replace(config, lambda_adv_global=0.0, lambda_adv_local=0.0)
    with pytest.raises(DataError, match=r"is a TorchScript program.*--trust-program"):
        load_identity(config, World(), trusted=False)
    learner = Learner(config, World(), Judges(identity=load_identity(config, World(), trusted=True)))
    values = {name: float(value) for name, value in learner.joint_step(_inputs()).items()}
    wanted = 100 * values["l2"] + 3 * values["face"] + 2 * values["identity"]
    assert values["loss"] == pytest.approx(wanted, rel=1e-5)
    assert min(values["face"], values["identity"]) > 0
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path))
    with pytest.raises(DataError, match="`gfr-data weights get dlib-recognition` gets them"):
        load_identity(_config(lambda_identity=1.0), World(), trusted=False)


def test_the_network_of_landmarks_learns_the_points_of_both_images():
    learner = Learner(_config(model="points", points_width=8, points_hidden=16, learning_rates=(3e-3,)), World(), None)
    learner.set_rate(3e-3)
    rows = [learner.joint_step(_inputs()) for _ in range(40)]
    assert float(rows[-1]["points"]) < 0.7 * float(rows[0]["points"])
    assert learner.restore(_inputs()).target_landmarks is not None


def test_a_window_of_all_is_the_whole_and_a_smaller_one_judges_only_itself():
    config = _config(variant="-W", recnet="attentive", lambda_adv_global=0.0, lambda_adv_local=0.0, lambda_face=3.0)
    inputs = _inputs()
    values = {}
    for window in (0, 32, 64):
        learner = Learner(config, World(), None)
        values[window] = {name: float(value) for name, value in learner.joint_step(inputs, window).items()}
    assert values[64] == pytest.approx(values[0], rel=1e-5)
    corner = corners(inputs.target_points, 64, 32)
    seen = inputs.window(corner, 32)
    # An untrained network returns its input.
    wanted = (cut(inputs.degraded, corner, 32) - seen.target).square().mean()
    assert values[32]["l2"] == pytest.approx(float(wanted), rel=1e-5)
