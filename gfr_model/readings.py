"""How a run reads what the paper leaves open (§3.1, §3.3, §4.5), and which losses it used, in words."""

from pathlib import Path

from gfr_model.config import OFF, TrainConfig
from gfr_model.models import GFRNET, LAYERS, POINTS

# Losses by their settings' names, as readings name them and as a method's name may bear them.
LOSSES = {
    "l2": "squared error",
    "face": "squared error in the face",
    "perceptual": "VGG-Face features",
    "vgg19": "VGG19 features",
    "identity": "identity",
    "adv_global": "patch discriminator of the image",
    "adv_local": "patch discriminator of the face",
    "landmark": "landmarks",
    "tv": "total variation",
}


def readings(config: TrainConfig) -> tuple[str, ...]:
    """Each decision as half a sentence without a semicolon, for `--describe` and the footnotes of tables."""
    model = config.made_of
    if model.network == LAYERS:
        return ("the layers of a file that another program trained",)
    found = []
    if model.network == GFRNET:
        found += _of_gfrnet(config)
    if model.network != POINTS:
        found.append(f"losses: {', '.join(_losses(config))}")
        found += _of_baseline(config)
    return tuple(found)


def _of_gfrnet(config: TrainConfig) -> list[str]:
    model, found = config.made_of, []
    if config.alignment != "none" and model.guided:
        found.append("not the paper's: landmarks that a network finds align the guide")
    if config.recnet != "unet":
        found.append("not the paper's: RecNet takes from the guide by local attention")
    else:
        found.append("§3.1: RecNet has WarpNet's layers, up to 16 times the width")
    if model.widening > 1:
        found.append(f"§4.5: {model.widening} times the channels in every layer of RecNet")
    if model.warps and config.warp_output == "position":
        found.append("§3.1: WarpNet gives positions through tanh, from random kernels")
    elif model.warps:
        found.append("§3.1: WarpNet gives displacements and starts at the identity")
        if not model.has_flow_losses:
            found.append("so Fig. 7's unreasonable warp cannot appear (--set warp_output=position)")
    if model.has_flow_losses:
        found.append(f"eq. 9 and 10: {config.flow_reduction}s over points and pixels")
    return found


def _of_baseline(config: TrainConfig) -> list[str]:
    objective, found = config.made_of.objective, []
    if objective.game.turns and config.lambda_adv_global > 0:
        found.append(f"steps of the discriminator for each of the network: {objective.game.turns}")
    if objective.begins_with:
        found.append(f"begun with the weights of a {objective.begins_with}")
    if config.lambda_vgg19 > 0 and config.vgg19 == "vgg16-hed":
        found.append("not its paper's: VGG-16 of an edge detector in VGG19's place")
    return found


def _losses(config: TrainConfig) -> list[str]:
    objective = config.made_of.objective
    exact = "" if features_of(config) == "VGG19" else "for "
    texts = LOSSES | {"vgg19": f"{features_of(config)} features ({exact}{config.vgg19_layer})"}
    if objective.game.told:
        texts["adv_global"] = objective.game.told
    found = [texts[name] for name in _switched_on(config)]
    if found and objective.several:
        found[0] = f"{found[0]} of all results"
    if found and objective.without_vgg19 and config.vgg19 == OFF:
        found[0] = f"{found[0]} in place of VGG19's features"
    return found


def short_losses(config: TrainConfig) -> str:
    """The losses of the image as a method's name may bear them, 'MSE' or 'VGG19+GAN'."""
    adversarial = "WGAN-GP" if config.made_of.objective.game.penalty else "GAN"
    texts = dict.fromkeys(("l2", "face"), "MSE") | dict.fromkeys(("adv_global", "adv_local"), adversarial)
    texts |= {"perceptual": "VGG-Face", "vgg19": features_of(config), "identity": "identity"}
    return "+".join(dict.fromkeys(texts[name] for name in _switched_on(config) if name in texts))


def features_of(config: TrainConfig) -> str:
    """The network whose features stand as VGG19's."""
    if config.vgg19 in ("", "vgg19"):
        return "VGG19"
    return "VGG16-HED" if config.vgg19 == "vgg16-hed" else f"VGG19 or its substitute by {Path(config.vgg19).name}"


def _switched_on(config: TrainConfig) -> list[str]:
    """The losses that have a weight and what they ask, in LOSSES' order."""
    flow = config.made_of.has_flow_losses
    on = {name: getattr(config, f"lambda_{name}") > 0 for name in LOSSES}
    on |= {"perceptual": on["perceptual"] and config.vgg_face != OFF, "vgg19": on["vgg19"] and config.vgg19 != OFF}
    on |= {"landmark": on["landmark"] and flow, "tv": on["tv"] and flow}
    return [name for name in LOSSES if on[name]]
