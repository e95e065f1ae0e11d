"""One training step: forward, objective, backward, update. It returns named values; its caller never names a loss."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gfr_model.checkpoint import with_prefix
from gfr_model.config import TrainConfig
from gfr_model.device import at_precision, keyed, shapes_alone
from gfr_model.networks.build import build_critics, build_network
from gfr_model.networks.gfrnet import GfrNet, Restoration
from gfr_model.networks.window import corners
from gfr_model.training.adversarial import critic_parts, draw_share
from gfr_model.training.average import Average
from gfr_model.training.batches import Inputs
from gfr_model.training.objective import Judges, flow_parts, objective, reconstruction_parts
from gfr_model.training.parts import total, values_of
from gfr_model.training.processes import World, average
from manifests import DataError

Values = dict[str, Tensor]
NETWORK, CRITICS, WARPNET = "network", "critics", "warpnet"  # parts with learning rates of their own


class Learner:
    """The networks, their optimisers, and how one batch changes them."""

    def __init__(self, config: TrainConfig, world: World, judges: Judges | None = None) -> None:
        """Make networks and optimisers; equal seeds give equal weights."""
        self.config, self.world, self.game = config, world, config.made_of.objective.game
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = build_network(config)
            self.critics = build_critics(config)
        self.modules: dict[str, nn.Module] = {NETWORK: self.network, CRITICS: self.critics}
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        dtype = torch.float64 if config.precision == "float64" else torch.float32
        for module in self.modules.values():
            module.to(device=world.device, dtype=dtype)
            module.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs do not know it
        self.judges = judges or Judges()
        self.rate = config.learning_rates[0]
        self.average = Average(self.network, config.ema)
        self.optimisers = {name: _adam(name, module, config) for name, module in self.modules.items()}

    def warp_step(self, inputs: Inputs) -> Values:
        """Stage 1: WarpNet alone on the flow loss (eq. 11)."""
        assert isinstance(self.network, GfrNet)
        assert self.network.warpnet is not None
        with at_precision(self.config.precision, self.world.device):
            flow = self.network.align(inputs.degraded, inputs.guide, self.network.find(inputs.degraded)).flow
        assert flow is not None
        parts = flow_parts(flow, inputs, self.config)
        loss = total(parts)
        loss.backward(inputs=list(self.network.warpnet.parameters()))
        return self._update(values_of(parts) | {"loss": loss.detach()}, [loss], [NETWORK])

    def joint_step(self, inputs: Inputs, window: int = 0, step: int = 0) -> Values:
        """Stage 2: everything on eq. 12, and the discriminators, where there are any, on eq. 7, or in turns before.

        With `window` it is that many px around each face that are restored. What is drawn (dropout, where a gradient is
        penalised) is keyed by seed, `step` and process.
        """
        corner = corners(inputs.target_points, inputs.target.shape[-1], window) if window else None
        part = () if corner is None else (corner, window)
        key, device = (self.config.seed, step, self.world.rank), self.world.device
        with at_precision(self.config.precision, device), keyed(device, *key):
            restoration = self.network(inputs.degraded, inputs.guide, *part)
        seen = inputs if corner is None else inputs.window(corner, window)
        turns = self._critics_turns(restoration.restored.detach(), seen, key)
        made = objective(restoration, inputs, self.critics, self.judges, self.config, seen)
        totals, moved = [made.network], [NETWORK]
        if made.critics is not None:
            totals, moved = [made.network, made.critics], [NETWORK, CRITICS]
            made.critics.backward(inputs=list(self.critics.parameters()), retain_graph=True)
        made.network.backward(inputs=_trained(self.network))
        return self._update(turns | made.values | {"loss": made.network.detach()}, totals, moved)

    def _critics_turns(self, restored: Tensor, seen: Inputs, key: tuple[int, ...]) -> Values:
        """The discriminators' own steps on these images, as many as their game has; the values of the last."""
        values: Values = {}
        for turn in range(self.game.turns if len(self.critics) else 0):
            with keyed(self.world.device, *key, turn + 1):
                share = draw_share(seen)
            parts = critic_parts(restored, seen, self.critics, self.config, share)
            loss = total(parts)
            loss.backward(inputs=list(self.critics.parameters()))
            values = self._update(values | values_of(parts), [loss], [CRITICS])
        return values

    @torch.no_grad()
    def restore(self, inputs: Inputs) -> Restoration:
        """Restore a batch as evaluation does."""
        self.network.eval()
        with at_precision(self.config.precision, self.world.device):
            found = self.network(inputs.degraded, inputs.guide)
        self.network.train()
        images = {"restored": found.restored, "warped": found.warped, "flow": found.flow}
        made: Restoration = found._replace(
            **{name: None if value is None else value.to(inputs.target.dtype) for name, value in images.items()}
        )
        return made

    @torch.no_grad()
    def bottleneck(self, found: Restoration, inputs: Inputs) -> Tensor | None:
        """WarpNet's bottleneck (B, C, 2, 2) for a restored batch, None without a WarpNet."""
        if not isinstance(self.network, GfrNet) or self.network.warpnet is None:
            return None
        self.network.eval()
        coarse = self.network.coarse(found.target_landmarks, found.guide_landmarks)
        with at_precision(self.config.precision, self.world.device):
            made = self.network.warpnet.bottleneck(inputs.degraded, inputs.guide, coarse)
        self.network.train()
        return made

    @torch.no_grad()
    def reconstruction(self, restoration: Restoration, inputs: Inputs) -> Tensor:
        """The reconstruction loss (eq. 6) of a restored batch."""
        return total(reconstruction_parts(restoration, inputs, self.judges, self.config))

    def set_rate(self, rate: float, warp_rate: float | None = None) -> None:
        """Set the learning rate of the next steps; WarpNet has one of its own."""
        self.rate = rate
        warping = rate if warp_rate is None else warp_rate
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                own = {WARPNET: warping, CRITICS: rate * self.config.discriminator_rate}
                group["lr"] = own.get(group["part"], rate)

    def state(self) -> dict[str, Tensor]:
        """Every tensor that a later step depends on, by name."""
        tensors = {f"average.{name}": value for name, value in self.average.state().items()}
        for name, module in self.modules.items():
            tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
            optimiser = self.optimisers[name].state
            for key, parameter in module.named_parameters():
                tensors |= {f"adam.{name}.{key}.{slot}": value for slot, value in optimiser[parameter].items()}
        return tensors

    def network_state(self) -> dict[str, Tensor]:
        """The tensors of the network alone, averaged where averages are kept, named as in `state`."""
        return {f"network.{name}": value for name, value in (self.network.state_dict() | self.average.tensors).items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`'s tensors. Raises DataError when they belong to other networks."""
        try:
            for name, module in self.modules.items():
                module.load_state_dict(with_prefix(tensors, f"{name}."))
            self.average.load(with_prefix(tensors, "average."))
        except (RuntimeError, KeyError) as error:
            raise DataError(f"the checkpoint does not fit the networks of this configuration: {error}") from error
        for name, module in self.modules.items():
            optimiser = self.optimisers[name]
            for key, parameter in module.named_parameters():
                slots = with_prefix(tensors, f"adam.{name}.{key}.")
                if slots:  # a parameter that no step has moved yet has none
                    # As the parameter lies in memory; Adam's step counters are scalars and keep their type.
                    optimiser.state[parameter] = {
                        slot: torch.empty_like(parameter).copy_(value) if value.dim() else value.clone()
                        for slot, value in slots.items()
                    }

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
        # What torch.compile makes has no second derivative, which a gradient's penalty takes.
        critics = () if self.game.penalty else self.critics.values()
        for module in (self.network, *warpnet, *critics):
            # Shapes are few and known: full batches, the last one of a validation, and a critic for each of two sizes.
            module.compile(dynamic=False)
        return ""

    def _update(self, values: Values, totals: Sequence[Tensor], moved: Sequence[str]) -> Values:
        """Apply the gradients unless a loss or a gradient is not finite; `values` gains 'nonfinite' (0 or 1).

        Nor are they applied where `values` say that an earlier turn of the step was not finite.
        """
        parameters = [p for name in moved for group in self.optimisers[name].param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        loss = torch.stack([total.detach() for total in totals]).sum()
        average([*gradients, loss], self.world)
        norm = torch.stack(torch._foreach_norm(gradients)).sum()
        if self.config.clip:
            nn.utils.clip_grad_norm_(_trained(self.network), self.config.clip)
        nonfinite = (~torch.isfinite(norm + loss)).to(torch.float32)
        nonfinite = torch.maximum(nonfinite, values.get("nonfinite", nonfinite))
        for name in moved:
            self._move(self.optimisers[name], nonfinite)
        if NETWORK in moved:
            self.average.update()
        for parameter in parameters:
            parameter.grad = None
        return values | {"gradient_norm": norm, "nonfinite": nonfinite}

    def _move(self, optimiser: Any, nonfinite: Tensor) -> None:
        """Apply the gradients, if `nonfinite` is 0."""
        if shapes_alone(self.world.device):
            return
        if self.config.fused_adam:  # the kernel itself reads the flag: the host does not wait for it
            optimiser.grad_scale, optimiser.found_inf = None, nonfinite
            optimiser.step()
        elif not nonfinite.item():
            optimiser.step()


def _adam(name: str, module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser of a module, of what is trained in it; WarpNet is a group of its own."""
    parts: dict[str, list[nn.Parameter]] = {}
    for key, parameter in module.named_parameters():
        if parameter.requires_grad:
            parts.setdefault(WARPNET if key.startswith(f"{WARPNET}.") else name, []).append(parameter)
    groups = [{"params": parameters, "part": part} for part, parameters in parts.items()]
    groups = groups or [{"params": [nn.Parameter(torch.zeros(0))], "part": name}]  # Adam refuses an empty list
    kind: Any = torch.optim.AdamW if config.weight_decay else torch.optim.Adam
    options = {"lr": config.learning_rates[0], "betas": (config.beta1, config.beta2), "fused": config.fused_adam}
    made: torch.optim.Optimizer = kind(groups, weight_decay=config.weight_decay, **options)
    return made


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
