"""Every trainable model by name: what it is made of, what it sees, and the objective that trains it.

A new model is a new line here; a network or critic of a new kind also gets its line in `networks/build.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
OF_OTHERS = frozenset({"vgg19"})  # of other papers


@dataclass(frozen=True)
class Game:
    """What judges in the adversarial losses, and how it and the network are played against each other."""

    critic: str = "patches of all"  # one of CRITICS in networks/build.py
    told: str = ""  # as readings name it; '': GFRNet's own two
    conditional: bool = True  # it sees observation and guide beside the image, else the image alone, in [-1, 1]
    turns: int = 0  # its steps alone before each step of the network; 0: both move at once, on one judgement
    penalty: float = 0.0  # weight of the gradient penalty of a Wasserstein critic; 0: cross-entropy with labels


@dataclass(frozen=True)
class Objective:
    """What a model is trained to minimise."""

    losses: frozenset[str]  # by name
    settings: Mapping[str, float | str] = field(default_factory=dict)  # of these losses, where its paper names them
    without_vgg19: Mapping[str, float | str] = field(default_factory=dict)  # others, where VGG19's features are off
    game: Game = Game()
    several: bool = False  # it compares several of the network's results with the truth
    begins_with: str = ""  # the model whose trained weights are the first


WHOLE, OURS = Objective(ALL), Objective(ON_THE_IMAGE)
SQUARED = Objective(frozenset({"l2"}))  # the squared error alone
# Ledig et al. (2017), eq. 3: features after VGG19's last convolution, over 12.75, and 1e-3 of the adversarial loss; it
# begins with the network of the squared error. Without the features it is their SRGAN-MSE, of images in [-1, 1].
SRGAN = Objective(
    frozenset({"vgg19", "adv_global"}),
    {"lambda_vgg19": 0.006, "vgg19_layer": "conv5_4", "lambda_adv_global": 1e-3, "label_real": 1.0},
    {"lambda_vgg19": 0.0, "lambda_l2": 4.0},
    Game("srgan", "SRGAN's discriminator", conditional=False, turns=1),
    begins_with="srresnet",
)
# Kupyn et al. (2018), §3: 100 times the distance of VGG19's features, and WGAN-GP, whose critic takes five steps for
# each of the network (Gulrajani et al., 2017: penalty 10). Without the features the squared error stands in.
DEBLURGAN = Objective(
    frozenset({"vgg19", "adv_global"}),
    {"lambda_vgg19": 100.0, "vgg19_layer": "conv3_3", "lambda_adv_global": 1.0},
    {"lambda_vgg19": 0.0, "lambda_l2": 400.0},
    Game("patches", "WGAN-GP's critic of patches", conditional=False, turns=5, penalty=10.0),
)
# Nah et al. (2017), eq. 5 to 7: half the mean squared error of all scales, and 1e-4 of the adversarial loss.
DEEPDEBLUR = Objective(
    frozenset({"l2", "adv_global"}),
    {"lambda_l2": 0.5, "lambda_adv_global": 1e-4, "label_real": 1.0},
    game=Game("deepdeblur", "DeepDeblur's discriminator", conditional=False, turns=1),
    several=True,
)


@dataclass(frozen=True)
class Model:
    """One trainable model."""

    network: str  # GFRNET, or one of BASELINES in networks/build.py
    objective: Objective  # that of its own paper
    guided: bool = True  # sees the guide
    warps: bool = False  # has a WarpNet, which aligns the guide
    widening: int = 1  # factor of the configured width
    norm: str = "instance"  # where the configuration does not name another

    @property
    def has_flow_losses(self) -> bool:
        """Whether eq. 11 trains its WarpNet."""
        return self.objective.losses >= FLOW

    def settings(self, vgg19: bool) -> dict[str, float | str]:
        """What it changes in a preset: norm, the weights that its paper names, 0 for a loss that it does not have.

        `vgg19`: whether VGG19's features can be asked.
        """
        none = {f"lambda_{loss}": 0.0 for loss in sorted((ON_THE_IMAGE | OF_OTHERS) - self.objective.losses)}
        own = {**self.objective.settings, **({} if vgg19 else self.objective.without_vgg19)}
        return {"norm": self.norm, **none, **own}


MODELS = {
    # The paper's network and its ablations (§4.5). -F leaves losses out, not a layer: its WarpNet
    # starts at the identity all the same, unless the setting warp_output says 'position'. Ours(R) is the full network
    # with another person's guide, at test time.
    "full": Model(GFRNET, WHOLE, warps=True),
    "-F": Model(GFRNET, OURS, warps=True),
    "-W": Model(GFRNET, OURS),
    "-WG": Model(GFRNET, OURS, guided=False),
    "-W2": Model(GFRNET, OURS, widening=2),
    "-WG2": Model(GFRNET, OURS, guided=False, widening=2),
    # The baselines. Data and schedule are the same for all.
    "srcnn": Model("srcnn", SQUARED, guided=False, norm="batch"),
    "vdsr": Model("vdsr", SQUARED, guided=False, norm="batch"),
    "deepdeblur": Model("deepdeblur", DEEPDEBLUR, guided=False, norm="batch"),
    "dncnn": Model("dncnn", SQUARED, guided=False, norm="batch"),
    "memnet": Model("memnet", replace(SQUARED, several=True), guided=False, norm="batch"),
    "arcnn": Model("arcnn", SQUARED, guided=False, norm="batch"),
    "srresnet": Model("srgan", SQUARED, guided=False, norm="batch"),
    "srgan": Model("srgan", SRGAN, guided=False, norm="batch"),
    "deblurgan": Model("deblurgan", DEBLURGAN, guided=False, norm="batch"),
    # As the paper retrained them (§4.3): on observation and guide together.
    "mdncnn": Model("dncnn", SQUARED, norm="batch"),
    "marcnn": Model("arcnn", SQUARED, norm="batch"),
    "msrresnet": Model("srgan", SQUARED, norm="batch"),
    "msrgan": Model("srgan", replace(SRGAN, begins_with="msrresnet"), norm="batch"),
    "mdeblurgan": Model("deblurgan", DEBLURGAN, norm="batch"),
    POINTS: Model(POINTS, Objective(frozenset({"points"})), norm="batch"),
    LAYERS: Model(LAYERS, OURS),
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
