"""Networks of others that the losses of a run ask: which file each setting names, and how it is loaded."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from gfr_model.config import OFF, TrainConfig
from gfr_model.learned_metrics import open_program
from gfr_model.networks.dlib_face import load_dlib_face
from gfr_model.networks.vgg19 import load_vgg19
from gfr_model.networks.vggface.files import load_vggface
from gfr_model.training.objective import Judges
from gfr_model.training.processes import World
from manifests import ConfigError, DataError, hash_file
from manifests.weights import require

# Settings that name files: the weight of their loss, and the names of weights that they take, the first by itself.
JUDGES = {
    "vgg_face": ("lambda_perceptual", ("vgg-face", "vgg16-hed")),
    "vgg19": ("lambda_vgg19", ("vgg19", "vgg16-hed")),
    "identity_weights": ("lambda_identity", ("dlib-recognition",)),
}


def judges_of(config: TrainConfig) -> dict[str, str]:
    """The files that the losses of a run ask, by hash, '' for a loss that is off: a file may move and stay the same.

    Raises DataError when one is missing.
    """
    return {name: hash_file(judge_file(config, name)) if is_asked(config, name) else "" for name in JUDGES}


def is_asked(config: TrainConfig, setting: str) -> bool:
    """Whether a loss asks the file of this one of JUDGES."""
    return getattr(config, JUDGES[setting][0]) > 0 and getattr(config, setting) != OFF


def judge_file(config: TrainConfig, setting: str) -> Path:
    """The file that one of JUDGES names, by path or name. Raises DataError, saying what to get, when it is missing."""
    return require(setting, getattr(config, setting) or JUDGES[setting][1][0], *JUDGES[setting][1])


def load_judges(config: TrainConfig, world: World, trusted: bool) -> Judges:
    """Load every network that a loss asks. Raises what the functions below raise."""
    return Judges(load_perceptual(config, world), load_identity(config, world, trusted), load_features(config, world))


def load_perceptual(config: TrainConfig, world: World) -> nn.Module | None:
    """Load VGG-Face where the perceptual loss is on.

    Raises DataError when its weights are missing, ConfigError when they were named and would not be looked at.
    """
    if config.lambda_perceptual == 0 and config.vgg_face not in ("", OFF):
        raise ConfigError(
            f"--vgg-face {config.vgg_face} would not be used: lambda_perceptual is 0 in these settings; pass --set "
            "lambda_perceptual=0.001 (the paper's) as well, or leave --vgg-face out"
        )
    if not is_asked(config, "vgg_face"):
        return None
    path = _judge_file_or_off(config, "vgg_face", "--vgg-face off trains without the perceptual loss")
    module: nn.Module = load_vggface(path, config.vgg_layer).to(world.device)
    return module.requires_grad_(False)


def load_features(config: TrainConfig, world: World) -> nn.Module | None:
    """Load VGG19 where a loss compares its features. Raises as `load_perceptual` does."""
    if config.lambda_vgg19 == 0 and config.vgg19 not in ("", OFF):
        raise ConfigError(
            f"--vgg19 {config.vgg19} would not be used: lambda_vgg19 is 0 in these settings, because the model has no "
            "such loss; leave --vgg19 out"
        )
    if not is_asked(config, "vgg19"):
        return None
    instead = "--vgg19 vgg16-hed takes another network's features, --vgg19 off the squared error"
    path = _judge_file_or_off(config, "vgg19", instead)
    return load_vgg19(path, config.vgg19_layer).to(world.device).requires_grad_(False)


def _judge_file_or_off(config: TrainConfig, setting: str, instead: str) -> Path:
    try:
        return judge_file(config, setting)
    except DataError as error:
        raise DataError(f"{error}; {instead}") from error


def load_identity(config: TrainConfig, world: World, trusted: bool) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Load the network that embeds faces, where an identity loss is on.

    dlib's sees the faces turned upright by their landmarks; a TorchScript file sees the images. Raises DataError when
    it cannot be read, or is a program that is not trusted.
    """
    if config.lambda_identity == 0:
        return None
    path = judge_file(config, "identity_weights")
    if path.suffix == ".bin":
        return load_dlib_face(path).to(world.device).requires_grad_(False)
    network: nn.Module = open_program(path, world.device, trusted).network
    for parameter in network.parameters():  # TorchScript has no requires_grad_ of modules
        parameter.requires_grad_(False)
    return lambda images, points: network(images)
