"""The settings of whole recipes, by name.

A configuration is a preset, changed by a TOML file, changed by single `KEY=VALUE` settings, in this order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gfr_model.config import OFF, TrainConfig
from gfr_model.models import NAMES, POINTS, find_model
from manifests import ConfigError
from manifests.settings import change, nearest, parse_assignments, read_toml


def paper() -> TrainConfig:
    """The paper's procedure (§4.2): batch 1, float32."""
    return TrainConfig()


def fast() -> TrainConfig:
    """The paper's losses and schedule on a modern GPU: large batches, bf16, everything on the device.

    Rates are four times the paper's, half of what the square root of the batch would give; steps are a 64th. WarpNet's
    is the paper's: at 8e-4 its flow becomes the same for all inputs.
    """
    return replace(
        paper(),
        batch_size=64,
        learning_rates=(8e-4, 8e-5, 8e-6),
        precision="bfloat16",
        channels_last=True,
        compile=True,
        tf32=True,
    )


def demo() -> TrainConfig:
    """A small network that shows the road on two CPU cores in minutes; no result of the paper.

    No adversarial and no perceptual loss: both need far longer to help. It trains on what the demo then tests,
    scale 4 with any blur, noise and JPEG quality, and its RecNet adds to its input, so that it starts at bicubic's
    quality.
    """
    return replace(
        paper(),
        width=16,
        output_skip=True,
        lambda_perceptual=0.0,
        lambda_adv_global=0.0,
        lambda_adv_local=0.0,
        vgg_face=OFF,
        warp_epochs=12.0,
        epochs=1000.0,
        max_steps=800,
        batch_size=8,
        learning_rates=(5e-4, 1e-4),
        rate_steps=(400,),
        warp_size=64,
        flow_reduction="mean",
        lambda_landmark=100.0,
        lambda_tv=5000.0,
        jitter=0.1,
        jitter_angle=0.15,
        guides="any",
        patience=1000,
        validate_every=100,
        scale="4",
        checkpoint_every=100,
        log_every=25,
    )


def points() -> TrainConfig:
    """The network of landmarks that aligns guides: 16 pairs, so 32 images a step."""
    return replace(
        paper(),
        model=POINTS,
        points_hidden=512,
        vgg_face=OFF,
        epochs=1000.0,
        max_steps=4000,
        batch_size=16,
        learning_rates=(2e-3,),
        patience=1000,
        decay="cosine",
        warmup_steps=100,
        weight_decay=1e-3,
        beta1=0.9,
        ema=0.998,
        jitter=0.15,
        jitter_angle=0.35,
        grey=0.15,
        hard=0.6,
        validate_every=500,
        precision="bfloat16",
    )


def default() -> TrainConfig:
    """The model that ships: landmarks align the guide, local attention takes from it. Needs the weights of `points`."""
    return replace(
        paper(),
        variant="-W",
        width=32,
        alignment="landmarks",
        points_hidden=512,
        recnet="attentive",
        self_ensemble=True,
        lambda_face=60.0,
        lambda_perceptual=0.0,
        lambda_adv_global=0.0,
        lambda_adv_local=0.0,
        vgg_face=OFF,
        epochs=1000.0,
        max_steps=12000,
        batch_size=8,
        learning_rates=(5e-4,),
        patience=1000,
        decay="cosine",
        warmup_steps=200,
        clip=5.0,
        weight_decay=1e-4,
        beta1=0.9,
        beta2=0.99,
        ema=0.999,
        jitter=0.1,
        jitter_angle=0.12,
        grey=0.12,
        guides="any",
        no_guide=0.08,
        hard=0.75,
        window=192,
        validate_every=500,
        precision="bfloat16",
    )


PRESETS = {"paper": paper, "fast": fast, "demo": demo, "points": points, "default": default}


def resolve(
    preset: str = "paper",
    file: Path | None = None,
    assignments: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """Return the preset, changed by the TOML `file`, then by `KEY=VALUE` assignments, then by `changes`.

    Raises ConfigError with every problem in one message; DataError when the file cannot be read.
    """
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}{nearest(preset, list(PRESETS))}; there are {', '.join(PRESETS)}")
    assigned, problems = parse_assignments(assignments)
    given = (read_toml(file) if file is not None else {}) | assigned | dict(changes or {})
    base = PRESETS[preset]()
    name = given.get("model", base.model)
    vgg19 = given.get("vgg19", base.vgg19) != OFF
    of_model = find_model(name).settings(vgg19) if name in NAMES else {}
    return change(base, of_model, given, problems=problems)
