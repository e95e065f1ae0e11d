"""Every setting of a training run: its meaning, its unit, where it comes from."""

from dataclasses import asdict
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass

from gfr_model.models import GFRNET, LAYERS, NAMES, VARIANTS, Model, find_model
from manifests import ConfigError, GfrError
from manifests.degradation.passes import ChainSpace
from manifests.degradation.space import PAPER_SETS, PARAMETERS, describe
from manifests.degradation.spaces import PAPER_NAME, Space, find_space, written
from manifests.settings import (
    FORBID,
    Count,
    Flag,
    Many,
    NotNegative,
    Positive,
    Share,
    Text,
    Whole,
    about,
    as_toml,
    one_of,
)

OFF = "off"
LARGEST_SIDE = 4096  # px of an image: a file that names more is no configuration, but would take all memory


def _power_of_two(value: int, info: ValidationInfo, least: int = 16, most: int = LARGEST_SIDE) -> int:
    if not least <= value <= most or value & (value - 1):
        raise ValueError(f"{info.field_name} must be a power of two from {least} to {most}, but is {value}")
    return value


def _side(side: int, info: ValidationInfo) -> int:
    return _power_of_two(side, info)


def _none_or_side(side: int, info: ValidationInfo) -> int:
    return side and _power_of_two(side, info)


def _places(places: int, info: ValidationInfo) -> int:
    return _power_of_two(places, info, 1, 8)


def _a_space(text: str) -> str:
    """Without the file, which may change while a run goes on."""
    try:
        text = written(text)
        space = find_space(text)
    except GfrError as error:
        raise ValueError(str(error)) from error
    if isinstance(space, ChainSpace) and space.makes_webp:
        raise ValueError("space has the codec webp, which only gfr-data degrade makes; train without it")
    return text


def _of_the_space(text: str, info: ValidationInfo) -> str:
    try:
        find_space(info.data.get("space", PAPER_NAME), **{str(info.field_name): text})
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


ModelName = Annotated[str, one_of((*NAMES, LAYERS))]
Variant = Annotated[str, one_of(VARIANTS)]
Norm = Annotated[str, one_of(("instance", "batch"))]
Alignment = Annotated[str, one_of(("none", "similarity", "landmarks"))]
Rec = Annotated[str, one_of(("unet", "attentive"))]
Flow = Annotated[str, one_of(("displacement", "position"))]
Reduction = Annotated[str, one_of(("sum", "mean"))]
Storage = Annotated[str, one_of(("auto", "device", "host", "disk"))]
Precision = Annotated[str, one_of(("float32", "bfloat16", "float64"))]
Decay = Annotated[str, one_of(("none", "cosine"))]
Guides = Annotated[str, one_of(("chosen", "any"))]
OnNonfinite = Annotated[str, one_of(("stop", "skip"))]
Unshuffle = Annotated[Count, AfterValidator(_places)]
Levels = Annotated[Count, Field(le=4)]
Side = Annotated[Count, AfterValidator(_side)]
WarpSide = Annotated[Whole, AfterValidator(_none_or_side)]
SpaceName = Annotated[Text, AfterValidator(_a_space)]
Values = Annotated[Text, AfterValidator(_of_the_space)]  # of a parameter of eq. 4
Rates = Annotated[Many[Positive], Field(min_length=1)]


@dataclass(frozen=True, config=FORBID)
class TrainConfig:
    """Settings of one run. The defaults are the paper's ("§", "eq.") or DESIGN's reading of it."""

    # Networks (§3.1)
    model: Annotated[ModelName, about("network to train: gfrnet, or a baseline of Table 1 with its own losses")] = (
        GFRNET
    )
    variant: Annotated[Variant, about("what is left out of GFRNet, §4.5")] = "full"
    width: Annotated[Count, about("channels after the first convolution of WarpNet and RecNet")] = 64
    discriminator_width: Annotated[Count, about("the same of the two discriminators")] = 64
    norm: Annotated[
        Norm, about("'instance': statistics of each image; 'batch': of a batch, with batch_size 1 the same")
    ] = "instance"
    output_skip: Annotated[Flag, about("add the degraded image to RecNet's output before the sigmoid")] = False
    image_size: Annotated[Side, about("px; crops of another size are refused (§4.1)")] = 256
    warp_output: Annotated[
        Flow,
        about("of WarpNet: 'displacement' from the identity, where it starts; 'position' by tanh, starts randomly"),
    ] = "displacement"
    # Beyond the paper
    alignment: Annotated[Alignment, about("of the guide before WarpNet, through landmarks that a network finds")] = (
        "none"
    )
    recnet: Annotated[Rec, about("'unet': the paper's; 'attentive' takes from the guide by local attention")] = "unet"
    unshuffle: Annotated[Unshuffle, about("px along a side in one place of the first level of recnet attentive")] = 4
    blocks: Annotated[Count, about("residual blocks at each level of recnet attentive")] = 2
    attention_levels: Annotated[Levels, about("of recnet attentive, from the finest on, that take from the guide")] = 2
    attention_radius: Annotated[Whole, about("places of the guide in each direction that a place of it looks at")] = 2
    validity: Annotated[Flag, about("recnet attentive is told where the warped guide shows nothing")] = True
    warp_size: Annotated[WarpSide, about("px at which WarpNet works, its flow is enlarged; 0: image_size")] = 0
    points_width: Annotated[Count, about("channels after the first convolution of the network of landmarks")] = 32
    points_hidden: Annotated[Whole, about("units of its layers that correct landmarks by each other; 0: none")] = 0
    self_ensemble: Annotated[Flag, about("outside training, the mean of image and mirror image, each restored")] = False
    layers: Annotated[Many[Text], about("of model layers: KIND NUMBERS < INPUTS each, see networks/layered.py")] = ()

    # Losses (§4.2); a weight of 0 switches a loss off
    lambda_l2: Annotated[NotNegative, about("eq. 6, first term, mean over pixels")] = 100.0
    lambda_perceptual: Annotated[NotNegative, about("eq. 6, second term")] = 0.001
    lambda_adv_global: Annotated[NotNegative, about("eq. 8")] = 1.0
    lambda_adv_local: Annotated[NotNegative, about("eq. 8")] = 0.5
    lambda_landmark: Annotated[NotNegative, about("eq. 11, over 68 points")] = 10.0
    lambda_tv: Annotated[NotNegative, about("eq. 11, over pixels")] = 1.0
    tv_of: Annotated[Flow, about("eq. 10: of the flow minus identity, or literally of the positions")] = "displacement"
    flow_reduction: Annotated[Reduction, about("eq. 9 and 10 over points and pixels")] = "sum"
    lambda_points: Annotated[
        NotNegative, about("mean distance of found landmarks, [-1, 1] is the image; model points")
    ] = 1.0
    lambda_spread: Annotated[NotNegative, about("how well heatmaps' spreads tell the distances; model points")] = 0.02
    lambda_face: Annotated[NotNegative, about("squared error inside the hull of the target's landmarks, mean")] = 0.0
    lambda_identity: Annotated[NotNegative, about("1 - cosine of two embeddings of faces")] = 0.0
    identity_weights: Annotated[Text, about("what embeds faces: 'dlib-recognition' of gfr-data weights, or a file")] = (
        ""
    )
    label_real: Annotated[NotNegative, about("smoothed label of real images, §3.3")] = 0.9
    label_fake: Annotated[NotNegative, about("label of restored images, §3.3")] = 0.0
    vgg_face: Annotated[Text, about("weights of VGG-Face, 'vgg16-hed' in their place, or 'off'; empty: downloaded")] = (
        ""
    )
    vgg_layer: Annotated[Text, about("whose activation eq. 5 compares: the last of the paper's Conv-4")] = "conv4_3"
    lambda_vgg19: Annotated[NotNegative, about("squared distance of VGG19's features, mean; SRGAN, DeblurGAN")] = 0.0
    vgg19: Annotated[Text, about("weights of VGG19, 'vgg16-hed' in their place, or 'off'; empty: downloaded")] = ""
    vgg19_layer: Annotated[Text, about("whose activation that compares")] = "conv5_4"

    # Schedule (§4.2)
    warp_epochs: Annotated[NotNegative, about("epochs of WarpNet alone on eq. 11")] = 5.0
    epochs: Annotated[Positive, about("at most, stage 1 included")] = 100.0
    max_steps: Annotated[Whole, about("steps at most, stage 1 included; 0 is no bound")] = 0
    batch_size: Annotated[Count, about("samples per step, over all processes together")] = 1
    learning_rates: Annotated[Rates, about("Adam's, each until validation stops improving")] = (2e-4, 2e-5, 2e-6)
    patience: Annotated[Count, about("validations without improvement after which the next rate comes")] = 3
    rate_steps: Annotated[Many[Whole], about("longest stay at each rate in stage 2, in steps; () is no bound")] = ()
    warp_rate: Annotated[Positive, about("Adam's rate of WarpNet; in stage 2 it falls as the others do")] = 2e-4
    warmup_steps: Annotated[Whole, about("steps in which all rates rise from 0")] = 0
    decay: Annotated[Decay, about("'cosine': all rates fall along half a wave over the run, to 1%")] = "none"
    clip: Annotated[NotNegative, about("largest norm of the network's gradient; 0 is no bound")] = 0.0
    ema: Annotated[Share, about("decay of averaged weights, which validate and are the model; 0: the last ones")] = 0.0
    weight_decay: Annotated[NotNegative, about("of AdamW; 0: Adam")] = 0.0
    discriminator_rate: Annotated[NotNegative, about("the discriminators' rate over the networks' rate")] = 1.0
    beta1: Annotated[Share, about("Adam, §4.2")] = 0.5
    beta2: Annotated[Share, about("Adam, its usual value")] = 0.999
    validate_every: Annotated[Whole, about("steps between validations; 0 is once an epoch")] = 0
    init: Annotated[Many[Text], about("runs, checkpoints, 'default': weights to begin with; the last one counts")] = ()
    seed: Annotated[Whole, about("of weights, order, flips and degradations")] = 0

    # Data
    flip: Annotated[Flag, about("mirror half of the pairs, landmarks included (§4.2)")] = True
    jitter: Annotated[Share, about("change of half of the crops: of size, and of place in half widths, at most")] = 0.0
    jitter_angle: Annotated[NotNegative, about("the same, turned, radians")] = 0.0
    grey: Annotated[Share, about("share of pairs without colour; half of their guides keep theirs")] = 0.0
    guides: Annotated[Guides, about("'chosen': the manifest's; 'any': another crop of the person")] = "chosen"
    strangers: Annotated[Share, about("share of stage 1 with another person's crop, or the target, as guide")] = 0.0
    no_guide: Annotated[Share, about("share of stage 2 whose guide is plain grey, which stands for none")] = 0.0
    window: Annotated[Whole, about("px around the face that are restored, but in the last tenth of steps; 0: all")] = 0
    hard: Annotated[Share, about("share of samples whose scale is at least 3, where the set has such")] = 0.0
    space: Annotated[
        SpaceName, about("of degradations: 'paper', 'wide' or a TOML file; beyond eq. 4 the next four stay its own")
    ] = PAPER_NAME
    blur_sigma: Annotated[Values, about("rho, px (§3.2)")] = "0,1:0.1:3"
    scale: Annotated[Values, about("s (§3.2)")] = "1:0.1:8"
    noise_sigma: Annotated[Values, about("sigma, grey levels (§3.2)")] = "0:1:7"
    jpeg_quality: Annotated[Values, about("q (§3.2)")] = "0,10:1:40"
    hold_out: Annotated[Share, about("share of training persons to validate on, where no pairs are 'val'")] = 0.05
    most_val_pairs: Annotated[Whole, about("validation pairs at most, evenly taken; 0: all")] = 0
    storage: Annotated[Storage, about("of crops as uint8; 'auto' is the first that they fit in")] = "auto"

    # Speed
    precision: Annotated[Precision, about("of the networks; weights and losses stay float32")] = "float32"
    channels_last: Annotated[Flag, about("memory order of images and weights")] = False
    compile: Annotated[Flag, about("torch.compile the networks")] = False
    fused_adam: Annotated[Flag, about("one kernel for all parameters, which the host does not wait for")] = True
    tf32: Annotated[Flag, about("TensorFloat-32 for what stays float32, on CUDA")] = False

    # What is kept
    on_nonfinite: Annotated[OnNonfinite, about("at a loss or gradient that is not finite; 'skip' counts")] = "stop"
    checkpoint_minutes: Annotated[NotNegative, about("minutes between checkpoints; 0: by steps alone")] = 15.0
    checkpoint_every: Annotated[Whole, about("steps between checkpoints; 0: by time alone")] = 0
    log_every: Annotated[Count, about("steps between rows of the metrics table")] = 50
    samples: Annotated[Whole, about("validation pairs in a picture")] = 4

    @property
    def made_of(self) -> Model:
        """The model of these settings."""
        return find_model(self.model, self.variant)

    @property
    def degradations(self) -> Space:
        """What degradations are drawn from: beyond eq. 4, of its four parameters those that are not the paper's."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        if self.space != PAPER_NAME:
            values = {name: text for name, text in values.items() if text != describe(PAPER_SETS[name])}
        return find_space(self.space, **values)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Raise ValueError for settings that are at odds with each other."""
        problems = []
        if self.warp_size > self.image_size:
            problems.append(f"warp_size {self.warp_size} is above image_size {self.image_size}")
        if self.warp_output == "position" and self.alignment != "none":
            problems.append("warp_output position leaves no place for alignment")
        smallest = 8 * self.unshuffle  # px that recnet attentive halves three times
        if self.recnet == "attentive" and self.image_size < smallest:
            problems.append(f"recnet attentive needs an image_size of at least {smallest}")
        if self.model != GFRNET and self.variant != "full":
            problems.append(f"variant {self.variant} is one of gfrnet, and the model is {self.model!r}")
        if (self.model == LAYERS) != bool(self.layers):
            problems.append("model layers and the setting layers need each other: gfr-eval import writes both")
        if len(self.rate_steps) > len(self.learning_rates):
            problems.append("rate_steps has more values than learning_rates")
        step = max(32, smallest)
        if self.window and (self.window > self.image_size or self.window % step):
            problems.append(
                f"window {self.window} must be a multiple of {step} and at most image_size {self.image_size}"
            )
        if self.window and (self.model != GFRNET or self.recnet != "attentive"):
            problems.append("window needs recnet attentive: others restore whole crops")
        if problems:
            raise ValueError("; ".join(problems))
        return self


# These may differ when a run continues: they change where it ends or what it shows, not what a step does.
# Of those that name files, what counts is what the files hold, which is looked at apart.
MAY_CHANGE = frozenset(
    {
        *("epochs", "max_steps", "checkpoint_every", "checkpoint_minutes", "log_every", "samples", "on_nonfinite"),
        *("vgg_face", "vgg19", "identity_weights"),
    }
)


def differences(old: TrainConfig, new: TrainConfig) -> list[str]:
    """Say which settings differ that may not differ when a run continues."""
    before, after = asdict(old), asdict(new)
    # A curve over the whole run is another one when the run's end moves.
    may = MAY_CHANGE - ({"epochs", "max_steps"} if new.decay != "none" else set())
    return [
        f"{name} was {as_toml(before[name])} and is {as_toml(after[name])}"
        for name in before
        if name not in may and before[name] != after[name]
    ]
