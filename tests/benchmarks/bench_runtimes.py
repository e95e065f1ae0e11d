"""One face by the model that ships, in each way to run it: seconds of a core, and how far the results are apart.

    pip install '.[onnx]'      # optional: what is missing is left out and said so
    python -m tests.benchmarks.bench_runtimes PAIRS [--faces 8] [--scale 4] [--compile] [--pictures FOLDER]

PAIRS is a build folder; faces of its `val` are restored with their guides, calibration takes others of `train`. All
ways take turns at each face, in one thread; on a CPU the time of this process counts, not that of others on the core.
What is exported to ONNX is RecNet, three quarters of the work: the landmarks' network and the spline before it stay in
torch.
"""

import argparse
import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gfr_model.device import at_precision, open_device, repeatable
from gfr_model.inference import load_model
from gfr_model.networks.gfrnet import GfrNet
from gfr_model.pictures import grid
from gfr_model.training.dataset import PairDataset
from manifests import DataError, keep_freed_memory
from tests.benchmarks.clock import now

Way = Callable[[Tensor, Tensor], Tensor]  # degraded and guide, (B, 3, S, S), to restored
AS_IT_IS = "torch, float32"
CALIBRATION = 12  # faces from which the ranges of 8 bits are taken
TOGETHER = 8  # faces in a batch


class Seen(nn.Module):
    """RecNet with its three inputs, as ONNX wants it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, degraded: Tensor, warped: Tensor, valid: Tensor) -> Tensor:
        """(B, 3, S, S), (B, 3, S, S) and (B, 1, S, S) to (B, 3, S, S)."""
        made: Tensor = self.network(degraded, warped, valid)
        return made


@dataclass
class Found:
    """What one way did."""

    seconds: list[float] = field(default_factory=list)  # a face
    restored: list[Tensor] = field(default_factory=list)  # (3, S, S) in [0, 1]


def torch_ways(network: GfrNet, device: torch.device, compiling: bool) -> Iterator[tuple[str, Way]]:
    """The network as it is, and changed."""
    last: Any = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield AS_IT_IS, _way(network)
    yield "torch, channels last", _way(last)
    yield "torch, bfloat16", _way(network, at_precision("bfloat16", device))
    yield "torch, bfloat16, channels last", _way(last, at_precision("bfloat16", device))
    if compiling:
        compiled = copy.deepcopy(network)
        compiled.recnet.compile(dynamic=False)
        yield "torch, float32, RecNet compiled", _way(compiled)
        yield "torch, bfloat16, RecNet compiled", _way(compiled, at_precision("bfloat16", device))


def _way(network: nn.Module, precision: AbstractContextManager[Any] | None = None) -> Way:
    def restore(degraded: Tensor, guide: Tensor) -> Tensor:
        with torch.inference_mode(), repeatable(), precision or nullcontext():
            made: Tensor = network(degraded, guide).restored.float()
        return made

    return restore


def onnx_ways(network: GfrNet, folder: Path, calibration: Sequence[tuple[Tensor, Tensor]]) -> Iterator[tuple[str, Way]]:
    """RecNet by ONNX Runtime, in float32 and in 8 bits."""
    try:
        import onnxruntime
    except ImportError as error:
        print(f"not compared: ONNX Runtime ({error}); pip install '.[onnx]'")
        return
    seen = [_seen_by_recnet(network, *pair) for pair in calibration]
    plain = folder / "recnet.onnx"
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        Seen(network.recnet).eval(),
        tuple(torch.cat([image, image]) for image in seen[0]),
        plain,
        dynamo=True,
        opset_version=18,
        input_names=list(NAMES),
        dynamic_shapes=tuple({0: batch} for _ in NAMES),
        external_data=False,
        verbose=False,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    short = folder / "recnet.int8.onnx"
    _quantise(plain, short, seen)
    for name, path in (("ONNX Runtime, float32", plain), ("ONNX Runtime, int8", short)):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        other = copy.deepcopy(network)
        other.recnet = Session(session)  # type: ignore[assignment]
        yield name, _way(other)


NAMES = ("degraded", "warped", "valid")


class Session(nn.Module):
    """A file that ONNX Runtime runs, in RecNet's place."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session

    def forward(self, *seen: Tensor) -> Tensor:
        """As RecNet."""
        feed = {name: image.contiguous().numpy() for name, image in zip(NAMES, seen, strict=True)}
        return torch.from_numpy(self.session.run(None, feed)[0])

    def __deepcopy__(self, memo: Any) -> "Session":
        return self


def _seen_by_recnet(network: GfrNet, degraded: Tensor, guide: Tensor) -> tuple[Tensor, ...]:
    """What RecNet is shown of a pair."""
    shown: list[tuple[Tensor, ...]] = []
    hook = network.recnet.register_forward_pre_hook(lambda _, inputs: shown.append(inputs))
    _way(network)(degraded, guide)
    hook.remove()
    return tuple(image[:1].clone() for image in shown[0])  # the second is the mirror image


def _quantise(plain: Path, short: Path, seen: Sequence[tuple[Tensor, ...]]) -> None:
    """Convolutions in 8 bits, weights by channel, ranges of the others from what RecNet is shown of some faces."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = iter(seen)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self.rest, None)
            return None if images is None else {n: i.numpy() for n, i in zip(NAMES, images, strict=True)}

    quantize_static(
        str(plain),
        str(short),
        Reader(),
        op_types_to_quantize=["Conv"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def compare(ways: dict[str, Way], pairs: Sequence[tuple[Tensor, Tensor]], rounds: int, device: str) -> dict[str, Found]:
    """Each way at each face in turns; one that fails is left out and said so."""
    found = {name: Found() for name in ways}
    for turn in range(rounds + 1):  # the first one warms up, and its results count
        for degraded, guide in pairs:
            for name in list(ways):
                try:
                    started = now(device)
                    made = ways[name](degraded, guide)
                    seconds = now(device) - started
                except Exception as error:  # of any kind: a compiler, a missing operator
                    print(f"not compared: {name} ({str(error).strip().splitlines()[0][:100]})")
                    del ways[name], found[name]
                    continue
                if turn:
                    found[name].seconds.append(seconds / len(degraded))
                else:
                    found[name].restored += list(made.cpu())
    return found


def batches(pairs: Sequence[tuple[Tensor, Tensor]], size: int) -> list[tuple[Tensor, Tensor]]:
    """Pairs joined to batches of `size`."""
    parts = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    return [(torch.cat([d for d, _ in part]), torch.cat([g for _, g in part])) for part in parts]


def apart(found: Found, reference: Found) -> tuple[float, float, float]:
    """Of 8-bit results: PSNR of all against the reference's, dB; largest difference; share of values that differ."""
    one, other = ((torch.stack(f.restored) * 255).round().clamp(0, 255) for f in (found, reference))
    difference = (one - other).abs()
    error = float(difference.square().mean())
    psnr = float("inf") if error == 0 else 10 * np.log10(255**2 / error)
    return float(psnr), float(difference.max()), float((difference > 0).float().mean())


def read_pairs(folder: Path, split: str, count: int, scale: str) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Degraded, guide and target, (1, 3, S, S) each, of pairs evenly chosen from a split."""
    pairs = PairDataset(folder, split, scale=scale, fixed=True)
    chosen = (pairs[int(number)] for number in np.linspace(0, len(pairs) - 1, min(count, len(pairs))))
    return [tuple(pair[name][None] for name in ("degraded", "guide", "target")) for pair in chosen]  # type: ignore[misc]


def draw(folder: Path, found: dict[str, Found], faces: Sequence[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Each face as it was seen, as each way restores it, what differs eightfold, and the truth."""
    folder.mkdir(parents=True, exist_ok=True)

    def levels(images: Sequence[Tensor]) -> np.ndarray:
        return (torch.stack(list(images)) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()

    reference = found[AS_IT_IS].restored
    for name, one in found.items():
        changed = [0.5 + 8 * (a - b) for a, b in zip(one.restored, reference, strict=True)]
        columns = {
            "seen": levels([face[0][0] for face in faces]),
            AS_IT_IS: levels(reference),
            name + " ": levels(one.restored),
            "difference, 8x": levels(changed),
            "truth": levels([face[2][0] for face in faces]),
        }
        Image.fromarray(grid(columns)).save(folder / f"{name.replace(', ', '-').replace(' ', '-')}.png")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--faces", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", default="4", help="of the degradations, as gfr-data degrade takes it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true", help="by torch.compile as well, which takes a minute")
    parser.add_argument("--pictures", type=Path, help="folder for what each way makes of each face")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device, on_cpu = open_device(options.device), options.device == "cpu"
    if on_cpu:
        keep_freed_memory()  # as `gfr-eval restore` does
    network = load_model("default", device).network
    faces = read_pairs(options.pairs, "val", options.faces, options.scale)
    pairs = [(degraded.to(device), guide.to(device)) for degraded, guide, _ in faces]
    with tempfile.TemporaryDirectory() as folder:
        ways = dict(torch_ways(network, device, options.compile))
        if on_cpu:
            others = [(d, g) for d, g, _ in read_pairs(options.pairs, "train", CALIBRATION, "1:0.1:8")]
            ways |= dict(onnx_ways(network, Path(folder), others))
        found = compare(ways, pairs, options.rounds, options.device)
        many = compare({AS_IT_IS: ways[AS_IT_IS]}, batches(pairs, TOGETHER), options.rounds, options.device)
    found[f"torch, float32, {min(TOGETHER, len(pairs))} together"] = many[AS_IT_IS]
    report(found, faces)
    if options.pictures:
        draw(options.pictures, found, faces)


def report(found: dict[str, Found], faces: Sequence[tuple[Tensor, Tensor, Tensor]]) -> None:
    """The table, as Markdown."""
    truth = torch.cat([target for *_, target in faces])
    reference = found[AS_IT_IS]
    print(f"{len(faces)} faces, one thread, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    print("| way | s a face | speed | PSNR to its results | most, grey levels | values that differ | PSNR to truth |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for name, one in found.items():
        psnr, most, share = apart(one, reference)
        error = (torch.stack(one.restored) - truth).square().mean(dim=(1, 2, 3))
        to_truth = float((-10 * error.log10()).mean())
        seconds = median(one.seconds)
        ratio = median(reference.seconds) / seconds
        print(
            f"| {name} | {seconds:.3f} | {ratio:.2f}x | {psnr:.1f} dB | {most:.0f} | {share:.1%} | {to_truth:.3f} dB |"
        )


if __name__ == "__main__":
    try:
        main()
    except DataError as error:
        raise SystemExit(f"Error: {error}") from error
