"""Training speed: our step against the loop of published reimplementations, in turns in one run.

    python tests/benchmarks/bench_training.py --preset fast --device cuda
    python tests/benchmarks/bench_training.py --preset paper --batch 4 --width 16 --device cpu

The plain loop is what one writes first: crops decoded and degraded one by one in DataLoader workers, float32, eager,
contiguous memory, the discriminators and the generator updated one after the other with a forward pass each. Each
loop has a process of its own, for ours asks the allocator for another behaviour.
Both train the same networks on the same losses. Data are random images; only time is measured.
"""

import argparse
import multiprocessing
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gfr_model.config import TrainConfig
from gfr_model.device import tensor_float
from gfr_model.networks.vggface.network import VggFace
from gfr_model.networks.warp import normalise
from gfr_model.presets import resolve
from gfr_model.training import losses
from gfr_model.training.adversarial import view
from gfr_model.training.batches import Feed, Inputs
from gfr_model.training.objective import Judges
from gfr_model.training.pair_table import PairTable
from gfr_model.training.pairs import load, read_splits
from gfr_model.training.processes import World
from gfr_model.training.step import Learner
from manifests import PAIRS, PAIRS_FILE, hash_file, keep_freed_memory, provenance, to_table, write_table

PAIRS_MADE = 64
SETTLE = 2.0  # seconds
WARM_UP = 3  # steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast", choices=("paper", "fast", "demo"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help="ours; the preset's where it is not given")
    parser.add_argument("--plain-batch", type=int, default=1)
    parser.add_argument("--width", type=int)
    parser.add_argument("--steps", type=int, default=10, help="of each, in every round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="of the plain loop's DataLoader")
    parser.add_argument("--perceptual", action="store_true", help="with VGG-Face, its weights random, in both loops")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE")
    options = parser.parse_args()
    changes = {"batch_size": options.batch, "width": options.width}
    if not options.perceptual:
        changes |= {"vgg_face": "off", "lambda_perceptual": 0.0}
    config = resolve(
        options.preset, None, options.assignments, {key: value for key, value in changes.items() if value is not None}
    )
    world = World(device=torch.device(options.device))
    with tempfile.TemporaryDirectory() as folder:
        make_pairs(Path(folder), config.image_size)
        measure(Path(folder), config, world, options)


@dataclass(frozen=True)
class Pace:
    """How fast a loop trains."""

    batch: int
    rate: float  # samples/s
    gigabytes: float  # most memory that it held, GiB


def compare(
    folder: Path,
    config: TrainConfig,
    device: str,
    plain_batch: int = 1,
    workers: int = 2,
    steps: int = 10,
    rounds: int = 3,
) -> tuple[Pace, Pace]:
    """Ours and the plain loop, which take turns, each in a process of its own."""
    plain_config = replace(
        config, batch_size=plain_batch, precision="float32", channels_last=False, compile=False, fused_adam=False
    )
    ours = Runner("ours", folder, config, device, workers)
    plain = Runner("plain", folder, plain_config, device, workers)
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for runner in (ours, plain):  # warm up: compilation, caches, workers
        runner.seconds(WARM_UP)
    for _ in range(rounds):
        time.sleep(SETTLE)  # the plain loop's workers fill their queue and fall idle
        seconds["ours"].append(ours.seconds(steps) / steps)
        plain.seconds(workers)  # and what they had queued meanwhile is used up before it counts
        seconds["plain"].append(plain.seconds(steps) / steps)
    gigabytes = {runner.name: runner.close() / 2**30 for runner in (ours, plain)}
    batches = {"ours": config.batch_size, "plain": plain_batch}
    made = [Pace(batches[n], batches[n] / statistics.median(seconds[n]), gigabytes[n]) for n in batches]
    return made[0], made[1]


def measure(folder: Path, config: TrainConfig, world: World, options: argparse.Namespace) -> None:
    """Compare both loops and print the table."""
    ours, plain = compare(
        folder, config, options.device, options.plain_batch, options.workers, options.steps, options.rounds
    )
    our_rate, plain_rate = ours.rate, plain.rate
    table = read_splits(folder, 0.1, 0).train
    peak, kind = matmul_peak(world, config.precision)
    operations = step_operations(table, config, world)
    print(f"machine   {machine(world)}")
    print(f"settings  preset {options.preset}, width {config.width}, {config.precision}, compile {config.compile}")
    print(f"{'':<36}{'ours':>12}{'plain loop':>12}{'ratio':>8}")
    print(f"{'batch':<36}{config.batch_size:>12}{options.plain_batch:>12}")
    print(f"{'samples/s':<36}{our_rate:>12.2f}{plain_rate:>12.2f}{our_rate / plain_rate:>8.2f}")
    print(f"{'ms/sample':<36}{1e3 / our_rate:>12.2f}{1e3 / plain_rate:>12.2f}{plain_rate / our_rate:>8.2f}")
    print(f"{'most memory, GiB':<36}{ours.gigabytes:>12.2f}{plain.gigabytes:>12.2f}")
    print(f"{f'share of measured {kind} peak':<36}{our_rate * operations / peak:>12.1%}", end="")
    print(f"{plain_rate * operations / peak:>12.1%}")
    print(f"measured {kind} matmul peak: {peak / 1e12:.2f} TFLOP/s; {operations / 1e9:.1f} GFLOP a training sample")
    print(f"100 epochs of 20,273 pairs at this rate: {2027300 / our_rate / 3600:.2f} h")
    if world.device.type == "cpu":
        keep_freed_memory()
    for name, value in parts(table, config, world).items():
        print(f"  {name:<34}{value * 1e3:>12.2f} ms a step")


class Runner:
    """A loop in a process of its own, which does steps when it is asked to."""

    def __init__(self, name: str, folder: Path, config: TrainConfig, device: str, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, theirs = context.Pipe()
        # Not a daemon: the plain loop's process has workers of its own.
        self.process = context.Process(target=serve, args=(theirs, name, folder, config, device, workers))
        self.process.start()
        theirs.close()  # so that the end of the process ends the waiting for it

    def seconds(self, steps: int) -> float:
        """Do so many steps."""
        self.pipe.send(steps)
        return float(self.pipe.recv())

    def close(self) -> float:
        """End the process; the most memory that it held, in bytes: of the device, or without one of its own."""
        self.pipe.send(0)
        most = float(self.pipe.recv())
        self.process.join()
        return most


def serve(pipe: Connection, name: str, folder: Path, config: TrainConfig, device: str, workers: int) -> None:
    """What a runner's process does."""
    world = World(device=torch.device(device))
    table = read_splits(folder, 0.1, 0).train
    if name == "ours" and device == "cpu":
        keep_freed_memory()  # as `train` does
    loop = our_loop(table, config, world) if name == "ours" else plain_loop(table, config, world, workers)
    with tensor_float(config.tf32) if name == "ours" else nullcontext():  # the plain loop has torch's own settings
        while steps := pipe.recv():
            pipe.send(timed(loop, steps, world))
    on_device = world.device.type == "cuda"
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    pipe.send(torch.cuda.max_memory_allocated() if on_device else own)
    loop.close()  # and with it the DataLoader's workers


def judges_of(config: TrainConfig, world: World) -> Judges:
    """VGG-Face where the perceptual loss is on; random weights cost what trained ones do."""
    if not config.lambda_perceptual:
        return Judges()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Judges(VggFace(config.vgg_layer).to(world.device).requires_grad_(False))


def our_loop(table: PairTable, config: TrainConfig, world: World) -> Generator[object, None, None]:
    """One joint step of ours at every `next`."""
    learner = Learner(config, world, judges_of(config, world))
    if config.compile and (reason := learner.compile()):
        print(f"torch.compile does not work here: {reason}")
    feed = Feed(load(table, config.image_size, config.storage, world.device), config, world)
    step = 0
    while True:
        learner.set_rate(config.learning_rates[0])
        yield learner.joint_step(feed.step(step))
        step += 1


class PlainPairs(Dataset[tuple[Tensor, ...]]):
    """Decode, degrade and convert one pair at a time on the CPU."""

    def __init__(self, table: PairTable) -> None:
        self.table = table

    def __len__(self) -> int:
        return 10**6  # never ends within a measurement

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        import cv2

        row = number % len(self.table)
        generator = np.random.default_rng(number)
        target, guide = (
            np.array(Image.open(self.table.folder / self.table.paths[index]).convert("RGB"))
            for index in (self.table.target[row], self.table.guide[row])
        )
        size = target.shape[0]
        small = round(size / generator.uniform(1, 8))
        low = cv2.resize(cv2.GaussianBlur(target, (0, 0), generator.uniform(1, 3)), (small, small))
        low = np.clip(np.rint(low + generator.normal(0, generator.uniform(0, 7), low.shape)), 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(".jpg", low[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(10, 41))])
        low = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
        degraded = cv2.resize(low, (size, size), interpolation=cv2.INTER_CUBIC)
        images = (torch.from_numpy(i.transpose(2, 0, 1).astype(np.float32) / 255) for i in (degraded, guide, target))
        points = (torch.from_numpy(p[row]) for p in (self.table.target_points, self.table.guide_points))
        return *images, *(normalise(one, size) for one in points)


def plain_loop(table: PairTable, config: TrainConfig, world: World, workers: int) -> Generator[object, None, None]:
    """One step of the plain loop at every `next`."""
    learner = Learner(config, world, judges_of(config, world))
    network, critics, judge = learner.network, learner.critics, learner.judges.perceptual
    generator_adam, critic_adam = (
        torch.optim.Adam(module.parameters(), lr=2e-4, betas=(0.5, 0.999)) for module in (network, critics)
    )
    weights = {"global": config.lambda_adv_global, "local": config.lambda_adv_local}
    loader = DataLoader(PlainPairs(table), config.batch_size, num_workers=workers, prefetch_factor=1)
    for batch in loader:
        inputs = Inputs(*(value.to(world.device) for value in batch))
        found = network(inputs.degraded, inputs.guide)

        critics.requires_grad_(True)
        critic_adam.zero_grad()
        critic_loss = torch.zeros((), device=world.device)
        for name, critic in critics.items():
            degraded, guide, real, fake = view(name, found.restored.detach(), inputs)
            critic_loss = critic_loss + losses.discriminator_loss(
                critic(degraded, guide, real), critic(degraded, guide, fake)
            )
        critic_loss.backward()
        critic_adam.step()

        critics.requires_grad_(False)
        generator_adam.zero_grad()
        loss = config.lambda_l2 * losses.l2_loss(found.restored, inputs.target)
        loss = loss + config.lambda_landmark * losses.landmark_loss(
            found.flow, inputs.target_points, inputs.guide_points
        )
        loss = loss + config.lambda_tv * losses.tv_loss(found.flow)
        for name, critic in critics.items():
            degraded, guide, _, fake = view(name, found.restored, inputs)
            weight = weights[name]
            loss = loss + weight * losses.generator_loss(critic(degraded, guide, fake))
        if judge is not None:
            perceptual = losses.perceptual_loss(judge(found.restored), judge(inputs.target))
            loss = loss + config.lambda_perceptual * perceptual
        loss.backward()
        generator_adam.step()
        yield loss.item()  # logged at every step, as such loops do


def parts(table: PairTable, config: TrainConfig, world: World) -> dict[str, float]:
    """Seconds of the parts of our step, each measured alone."""
    learner = Learner(config, world, judges_of(config, world))
    if config.compile and (reason := learner.compile()):
        print(f"torch.compile does not work here: {reason}")
    feed = Feed(load(table, config.image_size, config.storage, world.device), config, world)
    inputs = feed.step(0)

    def repeat(work: Callable[[], object]) -> float:
        def endless() -> Iterator[object]:
            while True:
                yield work()

        loop = endless()
        timed(loop, 2, world)
        return timed(loop, 5, world) / 5

    with torch.no_grad():
        forward = repeat(lambda: learner.restore(inputs))
    return {
        "batch: fetch, flip, degrade": repeat(lambda: feed.step(1)),
        "networks forward, no gradient": forward,
        "stage 1 step": repeat(lambda: learner.warp_step(inputs)),
        "stage 2 step": repeat(lambda: learner.joint_step(inputs)),
    }


def step_operations(table: PairTable, config: TrainConfig, world: World) -> float:
    """Operations of one training sample in stage 2, forward and backward, counted on one eager step."""
    eager = replace(config, batch_size=1, compile=False, precision="float32", fused_adam=False)
    learner = Learner(eager, world, judges_of(eager, world))
    inputs = Feed(load(table, eager.image_size, eager.storage, world.device), eager, world).step(0)
    with FlopCounterMode(display=False) as counter:
        learner.joint_step(inputs)
    return float(counter.get_total_flops())


def matmul_peak(world: World, precision: str) -> tuple[float, str]:
    """The best rate of a large square matrix product on this machine, in FLOP/s."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    size = 8192 if world.device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=world.device, dtype=dtype) for _ in range(2))

    def endless() -> Iterator[object]:
        while True:
            yield a @ b

    loop = endless()
    timed(loop, 5, world)
    best = min(timed(loop, 10, world) / 10 for _ in range(3))
    return 2 * size**3 / best, str(dtype).removeprefix("torch.")


def timed(loop: Iterator[object], count: int, world: World) -> float:
    """Seconds of `count` turns, the device's work included."""
    wait(world)
    start = time.perf_counter()
    for _ in range(count):
        next(loop)
    wait(world)
    return time.perf_counter() - start


def wait(world: World) -> None:
    """Wait for the device."""
    if world.device.type == "cuda":
        torch.cuda.synchronize()


def machine(world: World) -> str:
    """The machine in words."""
    name = torch.cuda.get_device_name() if world.device.type == "cuda" else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def make_pairs(folder: Path, size: int) -> None:
    """Write a build folder of random crops."""
    (folder / "crops").mkdir()
    rows = []
    for number in range(PAIRS_MADE):
        generator = np.random.default_rng(number)
        row: dict[str, object] = {"pair_id": f"p{number}", "split": "train" if number % 8 else "val"}
        row |= {"dataset": "folder", "identity": f"i{number}", "person": f"i{number}"}
        for role in ("target", "guide"):
            coarse = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            path = f"crops/{number}-{role}.png"
            Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(folder / path)
            points = generator.uniform(0.2, 0.8, 136) * size
            row |= {f"{role}_path": path, f"{role}_landmarks": points.astype(np.float32), f"{role}_quality": 1.0}
            row |= {f"{role}_hash": hash_file(folder / path), f"{role}_source_path": path}
            row |= {f"{role}_{angle}": 0.0 for angle in ("yaw", "pitch", "roll")}
        rows.append(row)
    write_table(folder / PAIRS_FILE, to_table(rows, PAIRS), PAIRS, provenance("benchmark", {}))


if __name__ == "__main__":
    main()
