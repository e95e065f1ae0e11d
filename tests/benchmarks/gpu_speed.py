"""How fast a device is at each part, beside what one would use otherwise; called by `gpu.py`."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import torch

from gfr_model.config import TrainConfig
from gfr_model.device import open_device, repeatable
from gfr_model.presets import resolve
from gfr_model.training.processes import World
from manifests.paper import PAPER_PAIRS
from tests.benchmarks.gpu_record import Row, Sizes

EPOCHS = 100  # §4.2
AIMS = {"degradation": 20.0, "faces": 10.0, "landmarks": 10.0, "training": 20.0, "peak": 0.35, "hours": 1.0}


def degradation(device: str, sizes: Sizes) -> Iterator[Row]:
    """Eq. 4 on images that lie on the device, beside kornia."""
    from tests.benchmarks import bench_degradation as bench

    faces = torch.from_numpy(bench.pictures(min(sizes.images, 8)).transpose(0, 3, 1, 2).copy())
    peers = dict(bench.rows_on(device, faces, sizes.images))
    speed = bench.rates(peers, dict.fromkeys(peers, bench.BATCHES * sizes.images), sizes.rounds)
    ours, *others = speed
    what = f"eq. 4, {sizes.images} images of 256 px at a time"
    if others:
        name = others[0].split(" on ")[0]
        yield Row(what, speed[ours], "images/s", name, speed[others[0]], at_least=AIMS["degradation"])
    else:
        yield Row(what, speed[ours], "images/s", problem="kornia is not installed: bring its wheel, see gpu.sh")


def faces(device: str, sizes: Sizes) -> Iterator[Row]:
    """MTCNN, beside a loop that judges each box by itself; the weights are the mtcnn package's."""
    from gfr_data.faces.mtcnn import Mtcnn
    from tests.benchmarks.bench_mtcnn import photographs
    from tests.benchmarks.plain_mtcnn import PlainMtcnn

    images = (photographs(None) * sizes.photographs)[: sizes.photographs]
    ours, plain = Mtcnn(device), PlainMtcnn(device)
    found = [(len(ours([image])[0]), len(plain(image))) for image in images]
    speed = in_turns(
        {
            "ours": lambda: ours(images),
            "plain": lambda: [plain(image) for image in images],
        },
        len(images),
        sizes.rounds,
        device,
    )
    counts = [sum(column) for column in zip(*found, strict=True)]
    note = f"{counts[0]} and {counts[1]} faces found"
    what = "MTCNN, rendered people of 512 px"
    peer = "torch, box by box"
    yield Row(what, speed["ours"], "photographs/s", peer, speed["plain"], at_least=AIMS["faces"], note=note)


def landmarks(device: str, sizes: Sizes) -> Iterator[Row]:
    """FAN with random weights in batches, beside the package's own API, face by face."""
    from tests.benchmarks import bench_landmarks

    speed = bench_landmarks.rates(device, sizes.faces, sizes.rounds)
    what = "68 landmarks by FAN, random weights"
    yield Row(
        what, speed["ours"], "faces/s", "face-alignment, one by one", speed["package"], at_least=AIMS["landmarks"]
    )


def training(device: str, sizes: Sizes) -> Iterator[Row]:
    """`--preset fast` with all losses, beside the plain loop at batch 1; and what follows from its rate."""
    from tests.benchmarks import bench_training as bench
    from tests.benchmarks.count_step import count

    config = training_config(sizes)
    world = World(device=open_device(device))
    with tempfile.TemporaryDirectory() as name:
        bench.make_pairs(Path(name), config.image_size)
        operations = sum(part.row()["flops"] for part in count(config, Path(name)).values()) / config.batch_size
        ours, plain = bench.compare(Path(name), config, device, steps=sizes.steps, rounds=sizes.rounds)
    what = f"a step of `fast`, batch {config.batch_size}, width {config.width}, {config.image_size} px"
    peer = "plain loop, batch 1, float32"
    note = f"{ours.gigabytes:.1f} and {plain.gigabytes:.1f} GiB"
    yield Row(what, ours.rate, "samples/s", peer, plain.rate, at_least=AIMS["training"], note=note)
    hours = EPOCHS * PAPER_PAIRS["train"] / ours.rate / 3600
    yield Row(f"{EPOCHS} epochs of the paper's pairs at this rate", hours, "h", at_most=AIMS["hours"])
    note = f"{operations / 1e9:.0f} GFLOP a sample by count_step.py"
    share, kind = ours.rate * operations, f"`fast`'s share of the {config.precision} peak"
    if (stated := stated_peak(world.device)) is not None:
        yield Row(f"{kind} that is stated", share / stated, at_least=AIMS["peak"], note=note)
    else:
        yield Row(f"{kind} that is stated", note="this card's is not known here")
    measured, _ = bench.matmul_peak(world, config.precision)
    note = f"a large product reaches {measured / 1e12:.3g} TFLOP/s"
    yield Row(f"{kind} that is measured", share / measured, note=note)


def training_config(sizes: Sizes) -> TrainConfig:
    """`fast` with all its losses, at these sizes."""
    return resolve(
        "fast",
        changes={
            "image_size": sizes.side,
            "width": sizes.width,
            "discriminator_width": sizes.width,
            "batch_size": sizes.batch,
            "compile": sizes.compile,
        },
    )


def stated_peak(device: torch.device) -> float | None:
    """The card's dense bfloat16 rate as its maker states it, FLOP/s; None where it is not known here."""
    from tests.benchmarks.count_step import card_named

    card = card_named(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    return None if card is None else card.bfloat16


def restoring(device: str, sizes: Sizes) -> Iterator[Row]:
    """Faces by the paper's network, untrained, and by the model that ships: one alone, and many together."""
    from gfr_model.inference import load_model
    from gfr_model.networks.build import build_network

    there = open_device(device)
    paper = build_network(resolve("paper", changes={"image_size": sizes.side, "width": sizes.width}))
    networks = {
        "the paper's network": paper.to(there).eval(),
        "the model that ships": load_model("default", there).network,
    }
    for name, network in networks.items():
        side = network.image_size
        many = torch.rand(2, sizes.batch, 3, side, side, generator=torch.Generator().manual_seed(0)).to(there)
        speed = in_turns(
            {"together": _restores(network, many), "alone": _restores(network, many[:, :1])},
            {"together": sizes.batch, "alone": 1},
            sizes.rounds,
            device,
        )
        what = f"a face by {name}, {sizes.batch} together"
        yield Row(what, speed["together"], "faces/s", "one by one", speed["alone"])


def _restores(network: torch.nn.Module, images: torch.Tensor) -> Callable[[], object]:
    def restore() -> object:
        with torch.inference_mode(), repeatable():
            return network(images[0], images[1])

    return restore


def in_turns(
    peers: dict[str, Callable[[], object]], counts: dict[str, int] | int, rounds: int, device: str, repeats: int = 3
) -> dict[str, float]:
    """How many a second each does, medians of rounds in which they take turns; each does `counts` at a call."""
    found: dict[str, list[float]] = {name: [] for name in peers}
    there = open_device(device)
    for turn in range(rounds + 1):  # the first one warms up
        for name, work in peers.items():
            seconds = _seconds(work, there, repeats)
            if turn:
                found[name].append((counts if isinstance(counts, int) else counts[name]) / seconds)
    return {name: median(values) for name, values in found.items()}


def _seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    wait()
    return (time.perf_counter() - started) / repeats
