"""Whether a device computes what the CPU does, part by part; called by `gpu.py`.

The CPU's results are the reference: these parts have tests of their own there. Everything is float32, without
TensorFloat-32, but for what always is float64.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_model.degradation.batch import degrade_batch
from gfr_model.device import open_device, repeatable, tensor_float
from gfr_model.models import GFRNET, NAMES, VARIANTS
from gfr_model.networks.build import build_network
from gfr_model.networks.dlib_face import DlibFace
from gfr_model.networks.spline import similarity_flow, spline_flow
from gfr_model.networks.vggface.network import VggFace
from gfr_model.networks.warp import identity_flow, warp
from gfr_model.presets import resolve
from gfr_model.scoring.metrics import measure
from gfr_model.training import losses
from gfr_model.training.batches import Feed
from gfr_model.training.objective import Judges, objective
from gfr_model.training.pairs import load, read_splits
from gfr_model.training.processes import World
from gfr_model.training.step import Learner
from manifests.degradation.draws import pair_keys
from manifests.degradation.spaces import draw_from, find_space
from tests.benchmarks.gpu_record import Row, Sizes

CPU = torch.device("cpu")
Check = Callable[[torch.device, Sizes], Iterator[Row]]


def parity(device: str, sizes: Sizes) -> Iterator[Row]:
    """Every numeric part; one that fails is a row with its reason."""
    there = open_device(device)
    checks: tuple[Check, ...] = (degraded, warped, splines, all_losses, metrics, models, judges, gradient, faces)
    for check in checks:
        try:
            with tensor_float(False), repeatable():
                yield from check(there, sizes)
        except Exception as error:  # of any kind: the others go on
            yield Row(f"parity: {check.__name__}", problem=f"{type(error).__name__}: {str(error).strip()[:200]}")


def degraded(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """Eq. 4 over the paper's whole space, and what goes beyond it."""
    images = (smooth(sizes.images, 256) * 255).round().to(torch.uint8)
    keys = pair_keys(0, [str(number) for number in range(len(images))])
    for space, what in (("paper", "eq. 4"), ("wide", "beyond eq. 4")):
        draws = draw_from(find_space(space), keys, 0)
        here, there = (degrade_batch(images.to(one), draws).cpu() * 255 for one in (CPU, device))
        yield Row(f"parity: {what}", most(here, there), "grey levels", at_most=1e-3, note=f"{len(images)} draws")


def warped(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """Eq. 2, and its gradients."""
    found = []
    for one in (CPU, device):
        image = smooth(4, sizes.side).to(one).requires_grad_(True)
        flow = (identity_flow(sizes.side, sizes.side) + 0.2 * (smooth(4, sizes.side, 2, seed=1) - 0.5)).to(one)
        flow.requires_grad_(True)
        made = warp(image, flow)
        (made * smooth(4, sizes.side, seed=2).to(one)).sum().backward()
        assert image.grad is not None
        assert flow.grad is not None
        found.append((made.detach(), image.grad, flow.grad))
    pairs = list(zip(*found, strict=True))
    yield Row("parity: warp, eq. 2", most(*pairs[0]), "of [0, 1]", at_most=1e-4)
    yield Row("parity: its gradients", max(relative(*pair) for pair in pairs[1:]), "relative", at_most=1e-3)


def splines(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """The flow through landmarks, and that of the best similarity."""
    at, to = (points(8, seed) for seed in (0, 1))
    to = at + 0.1 * (to - at)
    for name, made in (("thin-plate spline", spline_flow), ("similarity", similarity_flow)):
        here, there = (made(at.to(one), to.to(one), 256).cpu() * 127.5 for one in (CPU, device))
        yield Row(f"parity: flow by {name}", most(here, there), "px of 256", at_most=0.01)


def all_losses(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """Each loss on the same tensors."""
    here, there = (losses_of(one, sizes.side) for one in (CPU, device))
    apart = {name: relative(here[name], there[name]) for name in here}
    worst = max(apart, key=lambda name: apart[name])
    yield Row(f"parity: {len(apart)} losses", apart[worst], "relative", at_most=1e-4, note=f"most in {worst}")


def losses_of(device: torch.device, side: int) -> dict[str, Tensor]:
    """Each loss by name, of the same tensors on any device."""
    a, b = (smooth(2, side, seed=seed).to(device) for seed in (0, 1))
    at, to, spread = points(2, 0).to(device), points(2, 1).to(device), (points(2, 2)[..., 0].abs() + 0.1).to(device)
    flow = (identity_flow(side, side) + 0.1 * smooth(2, side, 2)).to(device)
    mask = (a[:, :1] > 0.5).to(a.dtype)
    return {
        "l2": losses.l2_loss(a, b),
        "face": losses.face_loss(a, b, mask),
        "identity": losses.identity_loss(a.flatten(1), b.flatten(1)),
        "perceptual": losses.perceptual_loss(a, b),
        "discriminator": losses.discriminator_loss(a - b, b - a),
        "generator": losses.generator_loss(a - b),
        "landmark": losses.landmark_loss(flow, at, to),
        "tv": losses.tv_loss(flow),
        "points": losses.points_loss(at, to),
        "spread": losses.spread_loss(at, spread, to),
    }


def metrics(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """PSNR and SSIM in all their forms."""
    a, b = ((smooth(4, sizes.side, seed=seed) * 255).round().to(torch.uint8) for seed in (0, 1))
    mask = a[:, 0] > 100
    here, there = (measure(a.to(one), b.to(one), mask.to(one)) for one in (CPU, device))
    apart = {name: relative(here[name], there[name]) for name in here}
    worst = max(apart, key=lambda name: apart[name])
    yield Row("parity: PSNR and SSIM", apart[worst], "relative", at_most=1e-9, note=f"most in {worst}")


def models(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """Every network that can be trained, with its first weights; and the same bits when one restores twice."""
    side = sizes.side_of_all
    wanted = [{"variant": name} for name in VARIANTS] + [{"model": name} for name in NAMES if name != GFRNET]
    wanted.append({"variant": "-W", "alignment": "landmarks", "recnet": "attentive", "self_ensemble": True})
    images = [smooth(2, side, seed=seed) for seed in (0, 1)]
    apart, twice = {}, 0.0
    for changes in wanted:
        name = "/".join(str(value) for value in changes.values())
        torch.manual_seed(0)
        network = build_network(resolve("paper", changes=changes | {"image_size": side, "width": sizes.width})).eval()
        made = []
        for one in (CPU, device, device):
            network.to(one)
            with torch.inference_mode():
                restoration = network(*(image.to(one) for image in images))
            marks = restoration.target_landmarks
            made.append(restoration.restored if marks is None else torch.cat([p.flatten() for p in marks]))
        apart[name], twice = most(made[0], made[1]), max(twice, most(made[1], made[2]))
    worst = max(apart, key=lambda name: apart[name])
    yield Row(
        f"parity: {len(apart)} networks' results", apart[worst], "of [0, 1]", at_most=1e-3, note=f"most in {worst}"
    )
    yield Row("parity: the same network twice", twice, "of [0, 1]", at_most=0.0, note="the same bits are wanted")


def judges(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """VGG-Face and dlib's network of faces, random weights."""
    for name, make, asked in (
        ("VGG-Face", VggFace, (smooth(2, sizes.side),)),
        ("dlib's network of faces", DlibFace, (smooth(2, 256), points(2, 0))),
    ):
        torch.manual_seed(0)
        network = make().eval().requires_grad_(False)
        here, there = (network.to(one)(*(value.to(one) for value in asked)) for one in (CPU, device))
        yield Row(f"parity: {name}", relative(here, there), "relative", at_most=1e-3)


def gradient(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """Of all losses of a step of stage 2 at once: its loss, and the gradient of every weight."""
    from tests.benchmarks.bench_training import make_pairs

    side = min(sizes.side, 128)
    changes = {"image_size": side, "width": min(sizes.width, 16), "discriminator_width": min(sizes.width, 16)}
    config = replace(resolve("paper", changes=changes), batch_size=2)
    made = []
    with TemporaryDirectory() as name:
        make_pairs(Path(name), side)
        table = read_splits(Path(name), 0.1, 0).train
        for one in (CPU, device):
            world = World(device=one)
            torch.manual_seed(0)
            judge = VggFace(config.vgg_layer).to(one).requires_grad_(False)
            learner = Learner(config, world, Judges(judge))
            inputs = Feed(load(table, side, config.storage, one), config, world).step(0)
            found = learner.network(inputs.degraded, inputs.guide)
            aims = objective(found, inputs, learner.critics, learner.judges, config)
            aims.network.backward()
            gradients = [p.grad.flatten().cpu() for p in learner.network.parameters() if p.grad is not None]
            made.append((aims.network.detach(), torch.cat(gradients)))
    yield Row("parity: loss of a step, eq. 12", relative(made[0][0], made[1][0]), "relative", at_most=1e-4)
    apart = (made[0][1] - made[1][1]).norm() / made[0][1].norm()
    yield Row("parity: its gradient, all weights", float(apart), "relative", at_most=1e-3)


def faces(device: torch.device, sizes: Sizes) -> Iterator[Row]:
    """MTCNN: the same faces at the same places. It has to ask for float32 itself: torch's default is TensorFloat-32."""
    from gfr_data.faces.mtcnn import Mtcnn
    from tests.benchmarks.bench_mtcnn import photographs

    images = photographs(None)[: sizes.photographs]
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        here, there = (Mtcnn(str(one))(images) for one in (CPU, device))
    counts = [sum(map(len, found)) for found in (here, there)]
    both = [pair for pair in zip(here, there, strict=True) if len(pair[0]) == len(pair[1])]
    same = [pair for found in both for pair in zip(*found, strict=True)]
    apart = max((float(np.abs(one.box - other.box).max()) for one, other in same), default=0.0)
    yield Row("parity: boxes of MTCNN", apart, "px", at_most=0.01, note=f"{counts[0]} and {counts[1]} faces")


def smooth(count: int, side: int, channels: int = 3, seed: int = 0) -> Tensor:
    """Random images (count, channels, side, side) in [0, 1] without noise, of which a warp's error would be large."""
    small = torch.rand(count, channels, 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(small, (side, side), mode="bilinear", align_corners=True)


def points(count: int, seed: int) -> Tensor:
    """Random landmarks (count, 68, 2) in [-1, 1]."""
    return torch.rand(count, 68, 2, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8


def most(one: Tensor, other: Tensor) -> float:
    """The largest difference."""
    return float((one.detach().cpu().double() - other.detach().cpu().double()).abs().max())


def relative(one: Tensor, other: Tensor) -> float:
    """The largest difference over the largest value."""
    return most(one, other) / max(float(one.detach().double().abs().max()), 1e-12)
