"""How a run reads what the paper leaves open (§3.1, §3.3, §4.5), and which losses it used, in words."""

from gfr_model.config import OFF, TrainConfig
from gfr_model.models import GFRNET, LAYERS, POINTS

# Losses by their settings' names, as tables name them; adversarial ones of other papers use our discriminators.
LOSSES = {
    "l2": "squared error",
    "face": "squared error in the face",
    "perceptual": "VGG-Face features",
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


def _losses(config: TrainConfig) -> list[str]:
    flow = config.made_of.has_flow_losses
    on = {name: getattr(config, f"lambda_{name}") > 0 for name in LOSSES}
    on |= {"perceptual": on["perceptual"] and config.vgg_face != OFF}
    on |= {"landmark": on["landmark"] and flow, "tv": on["tv"] and flow}
    found = [text for name, text in LOSSES.items() if on[name]]
    return [f"{found[0]} of all results", *found[1:]] if config.made_of.several else found
