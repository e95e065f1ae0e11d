"""One training step: forward, losses, backward, update. It returns named values; who drives it never names a loss."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gfr_model.checkpoint import with_prefix
from gfr_model.config import OFF, TrainConfig, uses_flow_loss
from gfr_model.networks.discriminators import PatchDiscriminator, crop_boxes, landmark_boxes
from gfr_model.networks.gfrnet import Restoration, build_network
from gfr_model.training import losses
from gfr_model.training.processes import World, average
from manifests import ConfigError, DataError

Values = dict[str, Tensor]


@dataclass(frozen=True)
class Inputs:
    """What a step works on. Images are (B, 3, S, S) float in [0, 1]; points (B, 68, 2) in [-1, 1]."""

    degraded: Tensor  # I^d
    guide: Tensor  # I^g
    target: Tensor  # I
    target_points: Tensor
    guide_points: Tensor


class Learner:
    """The networks, their optimisers, and how one batch changes them."""

    def __init__(self, config: TrainConfig, world: World, perceptual: nn.Module | None) -> None:
        """Make networks and optimisers; equal seeds give equal weights. `perceptual` gives eq. 5's features."""
        self.config, self.world = config, world
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = build_network(config)
            weights = {"global": config.lambda_adv_global, "local": config.lambda_adv_local}
            self.critics = nn.ModuleDict(
                {name: PatchDiscriminator(config.discriminator_width) for name, weight in weights.items() if weight}
            )
        self.critic_weights = weights
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        dtype = torch.float64 if config.precision == "float64" else torch.float32
        for part in (self.network, self.critics):
            part.to(device=world.device, dtype=dtype)
            part.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs do not know it
        self.perceptual = perceptual
        self.rate = config.learning_rates[0]
        self.layout, self.dtype = layout, dtype
        self.optimisers = {"network": self._adam(self.network), "critics": self._adam(self.critics)}

    def warp_step(self, inputs: Inputs) -> Values:
        """Stage 1: WarpNet alone on the flow loss (eq. 11)."""
        warpnet = self.network.warpnet
        assert warpnet is not None
        with self._precision():
            flow = warpnet(inputs.degraded, inputs.guide)
        values, total = self._flow_losses(flow, inputs)
        total.backward(inputs=list(warpnet.parameters()))
        return self._update(values | {"loss": total.detach()}, [total], ["network"])

    def joint_step(self, inputs: Inputs) -> Values:
        """Stage 2: everything on eq. 12. The discriminators judge the restored image once, for both players."""
        with self._precision():
            restoration = self.network(inputs.degraded, inputs.guide)
        values, total = self._reconstruction_losses(restoration, inputs)
        if restoration.flow is not None and uses_flow_loss(self.config):
            flow_values, flow_total = self._flow_losses(restoration.flow, inputs)
            values, total = values | flow_values, total + flow_total
        if not self.critics:
            total.backward()
            return self._update(values | {"loss": total.detach()}, [total], ["network"])
        adversarial, critic_total, critic_values = self._adversarial_losses(restoration.restored, inputs)
        total = total + adversarial
        critic_total.backward(inputs=list(self.critics.parameters()), retain_graph=True)
        total.backward(inputs=list(self.network.parameters()))
        values |= critic_values | {"loss": total.detach()}
        return self._update(values, [total, critic_total], ["network", "critics"])

    @torch.no_grad()
    def restore(self, inputs: Inputs) -> Restoration:
        """Restore a batch as evaluation does."""
        self.network.eval()
        with self._precision():
            found = self.network(inputs.degraded, inputs.guide)
        self.network.train()
        warped, flow = (None if value is None else value.to(self.dtype) for value in found[1:])
        return Restoration(found.restored.to(self.dtype), warped, flow)

    @torch.no_grad()
    def reconstruction(self, restoration: Restoration, inputs: Inputs) -> Tensor:
        """The reconstruction loss (eq. 6) of a restored batch."""
        return self._reconstruction_losses(restoration, inputs)[1]

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next steps."""
        self.rate = rate
        for name, factor in (("network", 1.0), ("critics", self.config.discriminator_rate)):
            for group in self.optimisers[name].param_groups:
                group["lr"] = rate * factor

    def state(self) -> dict[str, Tensor]:
        """Every tensor that a later step depends on, by name."""
        tensors = self.network_state()
        tensors |= {f"critics.{name}": value for name, value in self.critics.state_dict().items()}
        for name, module in self._modules():
            optimiser = self.optimisers[name].state
            for key, parameter in module.named_parameters():
                tensors |= {f"adam.{name}.{key}.{slot}": value for slot, value in optimiser[parameter].items()}
        return tensors

    def network_state(self) -> dict[str, Tensor]:
        """The tensors of the network alone, named as in `state`."""
        return {f"network.{name}": value for name, value in self.network.state_dict().items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`'s tensors. Raises DataError when they belong to other networks."""
        try:
            for name, module in self._modules():
                module.load_state_dict(with_prefix(tensors, f"{name}."))
        except RuntimeError as error:
            raise DataError(f"the checkpoint does not fit the networks of this configuration: {error}") from error
        for name, module in self._modules():
            optimiser = self.optimisers[name]
            for key, parameter in module.named_parameters():
                slots = with_prefix(tensors, f"adam.{name}.{key}.")
                if slots:  # a parameter that no step has moved yet has none
                    optimiser.state[parameter] = {s: _like(value, parameter) for s, value in slots.items()}

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "network", self.network
        yield "critics", self.critics

    def _adam(self, module: nn.Module) -> torch.optim.Optimizer:
        config = self.config
        parameters = list(module.parameters()) or [nn.Parameter(torch.zeros(0))]  # Adam refuses an empty list
        return torch.optim.Adam(
            parameters, lr=config.learning_rates[0], betas=(config.beta1, config.beta2), fused=config.fused_adam
        )

    def compile(self) -> str:
        """Compile the networks in place, so that parameters keep their names; where that cannot be, say why not.

        Returns an empty string, or the reason why the networks stay as they are.
        """
        import torch._dynamo.config as dynamo
        import torch._functorch.config as functorch

        try:
            torch.compile(lambda x: (x * 2).relu())(torch.ones(8, device=self.world.device))
        except Exception as error:  # no compiler, no Triton, a platform without either
            return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        functorch.donated_buffer = False  # the critics' graph is walked twice
        dynamo.suppress_errors = True  # what cannot be compiled runs as it is, with a warning
        warpnet = [] if self.network.warpnet is None else [self.network.warpnet]
        for module in (self.network, *warpnet, *self.critics.values()):
            # Shapes are few and known: full batches, the last one of a validation, and a critic for each of two sizes.
            module.compile(dynamic=False)
        return ""

    def _precision(self) -> AbstractContextManager[Any]:
        if self.config.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.world.device.type, dtype=torch.bfloat16)

    def _flow_losses(self, flow: Tensor, inputs: Inputs) -> tuple[Values, Tensor]:
        config = self.config
        flow = flow.to(self.dtype)
        landmark = losses.landmark_loss(flow, inputs.target_points, inputs.guide_points)
        tv = losses.tv_loss(flow)
        total = config.lambda_landmark * landmark + config.lambda_tv * tv
        return {"landmark": landmark.detach(), "tv": tv.detach()}, total

    def _reconstruction_losses(self, restoration: Restoration, inputs: Inputs) -> tuple[Values, Tensor]:
        config = self.config
        restored = restoration.restored.to(self.dtype)
        l2 = losses.l2_loss(restored, inputs.target)
        values, total = {"l2": l2.detach()}, config.lambda_l2 * l2
        if self.perceptual is not None and config.lambda_perceptual > 0:
            with self._precision():
                with torch.no_grad():
                    wanted = self.perceptual(inputs.target)
                found = self.perceptual(restored)
            perceptual = losses.perceptual_loss(found.to(self.dtype), wanted.to(self.dtype))
            values["perceptual"], total = perceptual.detach(), total + config.lambda_perceptual * perceptual
        return values, total

    def _adversarial_losses(self, restored: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Values]:
        """Returns the network's loss (eq. 8), the discriminators' loss, and both of each discriminator by name."""
        config = self.config
        total, critic_total = restored.new_zeros(()), restored.new_zeros(())
        values: Values = {}
        for name, critic in self.critics.items():
            degraded, guide, real, fake = self.view(name, restored, inputs)
            with self._precision():
                verdict_real, verdict_fake = critic(degraded, guide, real), critic(degraded, guide, fake)
            verdict_real, verdict_fake = verdict_real.to(self.dtype), verdict_fake.to(self.dtype)
            critic_loss = losses.discriminator_loss(
                verdict_real, verdict_fake, real_label=config.label_real, fake_label=config.label_fake
            )
            network_loss = losses.generator_loss(verdict_fake, label=config.label_real)
            total = total + self.critic_weights[name] * network_loss
            critic_total = critic_total + critic_loss
            values |= {f"critic_{name}": critic_loss.detach(), f"adversarial_{name}": network_loss.detach()}
        return total, critic_total, values

    def view(self, name: str, restored: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a discriminator sees of (degraded, guide, real, restored): the local one only the face.

        The paper does not say where the local one looks in the guide; here at the guide's own face.
        """
        if name == "global":
            return inputs.degraded, inputs.guide, inputs.target, restored
        size = self.config.image_size // 2
        face, guide_face = landmark_boxes(inputs.target_points), landmark_boxes(inputs.guide_points)
        degraded, real, fake = (crop_boxes(image, face, size) for image in (inputs.degraded, inputs.target, restored))
        return degraded, crop_boxes(inputs.guide, guide_face, size), real, fake

    def _update(self, values: Values, totals: Sequence[Tensor], moved: Sequence[str]) -> Values:
        """Apply the gradients unless a loss or a gradient is not finite; `values` gains 'nonfinite' (0 or 1)."""
        parameters = [p for name in moved for group in self.optimisers[name].param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        loss = torch.stack([total.detach() for total in totals]).sum()
        average([*gradients, loss], self.world)
        norm = torch.stack(torch._foreach_norm(gradients)).sum()
        nonfinite = (~torch.isfinite(norm + loss)).to(torch.float32)
        for name in moved:
            optimiser: Any = self.optimisers[name]
            if self.config.fused_adam:  # the kernel itself reads the flag: the host does not wait for it
                optimiser.grad_scale, optimiser.found_inf = None, nonfinite
                optimiser.step()
            elif not nonfinite.item():
                optimiser.step()
        for parameter in parameters:
            parameter.grad = None
        return values | {"gradient_norm": norm, "nonfinite": nonfinite}


def load_perceptual(config: TrainConfig, world: World) -> nn.Module | None:
    """Load VGG-Face where the perceptual loss is on. Raises ConfigError when its weights were not named."""
    if config.lambda_perceptual == 0 or config.vgg_face == OFF:
        return None
    if not config.vgg_face:
        raise ConfigError(
            "the perceptual loss (lambda_perceptual above 0) needs VGG-Face's weights, which may not be shipped: get "
            "VGG_FACE.t7 or vgg_face.mat from https://www.robots.ox.ac.uk/~vgg/software/vgg_face/ and pass "
            "--vgg-face PATH, or train without this loss: --vgg-face off"
        )
    from gfr_model.networks.vggface.network import load_vggface

    module: nn.Module = load_vggface(Path(config.vgg_face), config.vgg_layer).to(world.device).eval()
    return module.requires_grad_(False)


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """`value` where and as `parameter` lies in memory; Adam's step counters are scalars and keep their type."""
    if value.dim() == 0:
        return value.clone()
    return torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)
