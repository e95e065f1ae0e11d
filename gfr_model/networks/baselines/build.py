"""Baselines by name, with GFRNet's way of being called, so that trainer and evaluation need no special case."""

from collections.abc import Callable

from torch import Tensor, nn

from gfr_model.networks.baselines.arcnn import ArCnn
from gfr_model.networks.baselines.deblurgan import DeblurGan
from gfr_model.networks.baselines.deepdeblur import DeepDeblur
from gfr_model.networks.baselines.dncnn import DnCnn
from gfr_model.networks.baselines.memnet import MemNet
from gfr_model.networks.baselines.srcnn import Srcnn
from gfr_model.networks.baselines.srgan import Srgan
from gfr_model.networks.baselines.vdsr import Vdsr
from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.layers import Norm
from manifests import ConfigError

PLAIN: dict[str, Callable[[Norm], nn.Module]] = {
    "srcnn": lambda norm: Srcnn(),
    "vdsr": lambda norm: Vdsr(),
    "srgan": lambda norm: Srgan(norm=norm),
    "deblurgan": lambda norm: DeblurGan(),
    "deepdeblur": lambda norm: DeepDeblur(),
    "dncnn": lambda norm: DnCnn(norm=norm),
    "memnet": MemNet,
    "arcnn": lambda norm: ArCnn(),
}
# As the paper retrained them (§4.3): observation and guide together.
GUIDED: dict[str, Callable[[Norm], nn.Module]] = {
    "msrgan": lambda norm: Srgan(guided=True, norm=norm),
    "mdeblurgan": lambda norm: DeblurGan(guided=True),
    "mdncnn": lambda norm: DnCnn(guided=True, norm=norm),
    "marcnn": lambda norm: ArCnn(guided=True),
}
NAMES = (*PLAIN, *GUIDED)


class Baseline(nn.Module):
    """A network of another paper, called like GFRNet. What it makes is cut to [0, 1] outside training."""

    def __init__(self, network: nn.Module, guided: bool) -> None:
        super().__init__()
        self.network, self.guided = network, guided
        self.warpnet = None

    def forward(self, degraded: Tensor, guide: Tensor) -> Restoration:
        """Restore `degraded` (B, 3, S, S) in [0, 1]; `guide`, of the same shape, is left aside by the plain ones."""
        restored = self.network(degraded, guide) if self.guided else self.network(degraded)
        return Restoration(restored if self.training else restored.clamp(0, 1), None, None)


def build_baseline(name: str, norm: Norm = "batch") -> Baseline:
    """Make a baseline. `norm` is that of the networks with batch norm: SRGAN, DnCNN and MemNet.

    Raises ConfigError for an unknown name, naming the known ones.
    """
    if name in GUIDED:
        return Baseline(GUIDED[name](norm), guided=True)
    if name in PLAIN:
        return Baseline(PLAIN[name](norm), guided=False)
    raise ConfigError(f"unknown model {name!r}; there are gfrnet, {', '.join(NAMES)}")
