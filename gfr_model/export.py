"""Write a trained network as one file for programs without this project: ONNX or TorchScript.

Inputs `degraded` and, for networks that use one, `guide`: (B, 3, S, S) float32 RGB in [0, 1], for any B. Outputs
`restored`, and for networks that warp `warped` (B, 3, S, S) and `flow` (B, 2, S, S).

FILE.json beside the file says what it was made from; the same command does nothing where that is the same.
"""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from gfr_model.inference import TrainedModel, load_model
from manifests import DataError, hash_file, project_version
from manifests.files import lone_path, write_lone

OPSET = 18  # of ONNX; grid_sample needs 16
MOST_DIFFERENCE = 1e-4  # between the file's outputs and torch's, of values in [0, 1] and [-1, 1]


@dataclass(frozen=True)
class Exported:
    """A file that was written and, where the means are there, run."""

    path: str
    form: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    bytes: int
    difference: float | None  # largest between its outputs and torch's; None where onnxruntime is not installed
    made_from: dict[str, str]  # network's name, checkpoint's hash, configuration, version of this project
    file_hash: str  # BLAKE2b-128
    new: bool = True  # False: it was there already

    def text(self) -> str:
        """For a person."""
        checked = (
            "not run: onnxruntime is not installed"
            if self.difference is None
            else f"run: differs from torch by at most {self.difference:.1e}"
        )
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}; {self.bytes / 1e6:.1f} MB; {checked}"


class Plain(nn.Module):
    """A network whose outputs are a tuple of tensors, without those that it does not have."""

    def __init__(self, network: nn.Module, guided: bool) -> None:
        super().__init__()
        self.network, self.guided = network, guided

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Restore `degraded`, with `guide` where the network uses one."""
        made = self.network(images[0], images[1] if self.guided else images[0])
        return tuple(value for value in (made.restored, made.warped, made.flow) if value is not None)


def export_network(run: Path, form: str, out: Path, overwrite: bool = False) -> Exported:
    """Export the network of a run folder or checkpoint, run the file, and compare it with torch.

    Raises DataError when the file exists, the packages for ONNX are missing, or the outputs differ.
    """
    before = _read_note(out)
    if out.exists() and not overwrite and (before is None or before.file_hash != hash_file(out)):
        raise DataError(f"{out} exists already; give another --out, or --overwrite")
    if form == "onnx" and (missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]):
        raise DataError(
            f"ONNX needs {' and '.join(missing)}: pip install 'gfrnet-toolkit[onnx]', or --format torchscript"
        )
    model = load_model(run)
    if before is not None and out.exists() and not overwrite:
        if (before.form, before.made_from) != (form, _facts(model)):
            raise DataError(f"{out} was made from another checkpoint or format; give another --out, or --overwrite")
        return replace(before, new=False)
    if form == "onnx" and getattr(model.network, "alignment", "none") == "landmarks":
        raise DataError(f"{run} aligns by a spline, whose equations ONNX cannot solve; use --format torchscript")
    plain = Plain(model.network, bool(model.network.guided)).eval()
    inputs = ("degraded", "guide") if plain.guided else ("degraded",)
    with torch.inference_mode():
        count = len(plain(*_example(model, inputs)))
    outputs = ("restored", "warped", "flow")[:count]
    with lone_path(out) as part, _quiet():
        if form == "onnx":
            _write_onnx(plain, model, inputs, outputs, part)
        else:
            facts = {f"{key}.txt": value for key, value in _facts(model).items()}
            content = io.BytesIO()  # torch would note a file's name in it, and `part` has another each time
            torch.jit.save(torch.jit.trace(plain, _example(model, inputs), check_trace=False), content, facts)
            part.write_bytes(content.getvalue())
        difference = _difference(plain, _example(model, inputs, batch=3), part, form)
        if difference is not None and not difference <= MOST_DIFFERENCE:
            raise DataError(f"{out} was not written: its outputs differ from torch's by {difference:.1e}")
        size, digest = part.stat().st_size, hash_file(part)
        exported = Exported(str(out), form, inputs, outputs, size, difference, _facts(model), digest)
        write_lone(_note(out), (json.dumps(asdict(exported), indent=1, ensure_ascii=False) + "\n").encode())
    return exported


def _note(out: Path) -> Path:
    return out.with_name(f"{out.name}.json")


def _read_note(out: Path) -> Exported | None:
    """What lies beside an exported file; None where nothing does, or something else."""
    try:
        values = json.loads(_note(out).read_text(encoding="utf-8"))
        found = Exported(**values)
    except (OSError, ValueError, TypeError):
        return None
    return replace(found, path=str(out), inputs=tuple(found.inputs), outputs=tuple(found.outputs))


def _example(model: TrainedModel, inputs: tuple[str, ...], batch: int = 2) -> tuple[Tensor, ...]:
    """Smooth random images: of noise the warped guide would differ by the noise's step times that of the flow."""
    generator = torch.Generator().manual_seed(0)
    size = model.config.image_size
    small = (torch.rand(batch, 3, 8, 8, generator=generator) for _ in inputs)
    return tuple(nn.functional.interpolate(image, (size, size), mode="bilinear") for image in small)


def _facts(model: TrainedModel) -> dict[str, str]:
    """What goes into the file beside the network."""
    config = json.dumps(asdict(model.config), sort_keys=True)
    return {"name": model.name, "checkpoint": model.checkpoint_hash, "config": config, "gfr": project_version()}


def _write_onnx(
    plain: Plain, model: TrainedModel, inputs: tuple[str, ...], outputs: tuple[str, ...], path: Path
) -> None:
    import onnx

    batch = torch.export.Dim("batch")
    torch.onnx.export(
        plain,
        _example(model, inputs),
        path,
        dynamo=True,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=(tuple({0: batch} for _ in inputs),),
        external_data=False,
        verbose=False,
    )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, _facts(model))
    onnx.save(graph, path)


def _difference(plain: Plain, images: tuple[Tensor, ...], path: Path, form: str) -> float | None:
    """Run a file on a batch of another size than it was made with; None where it cannot be run here."""
    with torch.inference_mode():
        wanted = plain(*images)
        if form == "torchscript":
            found = tuple(torch.jit.load(str(path))(*images))
        elif find_spec("onnxruntime") is None:
            return None
        else:
            import onnxruntime

            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            names = [node.name for node in session.get_inputs()]
            feed = {name: image.numpy() for name, image in zip(names, images, strict=True)}
            found = tuple(torch.from_numpy(value) for value in session.run(None, feed))
    return max(float((a - b).abs().max()) for a, b in zip(wanted, found, strict=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on packages that are not needed and on their own future."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
