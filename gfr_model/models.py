"""Every trainable model by name: what it is made of, what it sees, and which losses train it.

A new model is a new line here; a network of a new kind also gets its line in `networks/build.py`.
"""

from dataclasses import dataclass

from manifests import ConfigError

LAYERS = "layers"  # of another program, described layer by layer: what `gfr-eval import` makes of a file
POINTS = "points"  # finds landmarks and restores nothing; its weights align the guide in a GFRNet
GFRNET = "gfrnet"  # the paper's own network, full or an ablation; the others are the baselines of its Table 1

# Losses by name; the setting lambda_<name> is the weight.
RECONSTRUCTION = frozenset({"l2", "perceptual"})  # eq. 6
ADVERSARIAL = frozenset({"adv_global", "adv_local"})  # eq. 8
FLOW = frozenset({"landmark", "tv"})  # eq. 11
ON_THE_IMAGE = RECONSTRUCTION | ADVERSARIAL
ALL = ON_THE_IMAGE | FLOW  # eq. 12
PLAIN = frozenset({"l2"})  # the squared error alone
ONE_CRITIC = RECONSTRUCTION | {"adv_global"}  # the adversarial baselines keep our discriminator of the whole image


@dataclass(frozen=True)
class Model:
    """One trainable model."""

    network: str  # GFRNET, or one of BASELINES in networks/build.py
    losses: frozenset[str]  # those of its own paper
    guided: bool = True  # sees the guide
    warps: bool = False  # has a WarpNet, which aligns the guide
    widening: int = 1  # factor of the configured width
    several: bool = False  # its loss compares several of its results with the truth
    norm: str = "instance"  # where the configuration does not name another

    @property
    def has_flow_losses(self) -> bool:
        """Whether eq. 11 trains its WarpNet."""
        return self.losses >= FLOW

    @property
    def settings(self) -> dict[str, float | str]:
        """What it changes in a preset: its norm, and no weight for a loss of the image that its paper does not have."""
        return {"norm": self.norm} | {f"lambda_{loss}": 0.0 for loss in sorted(ON_THE_IMAGE - self.losses)}


MODELS = {
    # The paper's network and its ablations (§4.5). -F leaves losses out, not a layer: its WarpNet
    # starts at the identity all the same, unless the setting warp_output says 'position'. Ours(R) is the full network
    # with another person's guide, at test time.
    "full": Model(GFRNET, ALL, warps=True),
    "-F": Model(GFRNET, ON_THE_IMAGE, warps=True),
    "-W": Model(GFRNET, ON_THE_IMAGE),
    "-WG": Model(GFRNET, ON_THE_IMAGE, guided=False),
    "-W2": Model(GFRNET, ON_THE_IMAGE, widening=2),
    "-WG2": Model(GFRNET, ON_THE_IMAGE, guided=False, widening=2),
    # The baselines. Data and schedule are the same for all.
    "srcnn": Model("srcnn", PLAIN, guided=False, norm="batch"),
    "vdsr": Model("vdsr", PLAIN, guided=False, norm="batch"),
    "deepdeblur": Model("deepdeblur", PLAIN, guided=False, several=True, norm="batch"),
    "dncnn": Model("dncnn", PLAIN, guided=False, norm="batch"),
    "memnet": Model("memnet", PLAIN, guided=False, several=True, norm="batch"),
    "arcnn": Model("arcnn", PLAIN, guided=False, norm="batch"),
    "srgan": Model("srgan", ONE_CRITIC, guided=False, norm="batch"),
    "deblurgan": Model("deblurgan", ONE_CRITIC, guided=False, norm="batch"),
    # As the paper retrained them (§4.3): on observation and guide together.
    "mdncnn": Model("dncnn", PLAIN, norm="batch"),
    "marcnn": Model("arcnn", PLAIN, norm="batch"),
    "msrgan": Model("srgan", ONE_CRITIC, norm="batch"),
    "mdeblurgan": Model("deblurgan", ONE_CRITIC, norm="batch"),
    POINTS: Model(POINTS, frozenset({"points"}), norm="batch"),
    LAYERS: Model(LAYERS, ON_THE_IMAGE),
}
# The setting `model` takes one of NAMES; for GFRNET the setting `variant` says which.
VARIANTS = tuple(name for name, model in MODELS.items() if model.network == GFRNET)
# Those of NAMES can be trained from nothing; that of LAYERS comes with a description.
NAMES = (GFRNET, *(name for name in MODELS if name not in (*VARIANTS, LAYERS)))


def find_model(name: str, variant: str = "full") -> Model:
    """Return the model of the settings `model` and `variant`. Raises ConfigError, naming the known ones."""
    if name not in (*NAMES, LAYERS):
        raise ConfigError(f"unknown model {name!r}; there are {', '.join(NAMES)}")
    if variant not in VARIANTS:
        raise ConfigError(f"unknown variant {variant!r}; there are {', '.join(VARIANTS)}")
    return MODELS[variant if name == GFRNET else name]
