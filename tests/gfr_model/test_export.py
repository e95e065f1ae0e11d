"""Tests of exported networks: other programs get what torch gives."""

import json

import numpy as np
import pytest
import torch

from gfr_model.checkpoint import MODEL_FILE, write
from gfr_model.config import TrainConfig
from gfr_model.export import export_network
from gfr_model.inference import load_model
from gfr_model.networks.build import build_network
from manifests import DataError


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """Return a function that makes a run folder of a small network of a variant."""

    def make(variant, **settings):
        config = TrainConfig(width=2, variant=variant, image_size=64, **settings)
        with torch.random.fork_rng():
            torch.manual_seed(3)
            network = build_network(config)
        folder = tmp_path_factory.mktemp("run")
        write(folder / MODEL_FILE, {f"network.{k}": v for k, v in network.state_dict().items()}, config, {})
        return folder

    return make


@pytest.mark.parametrize(
    ("variant", "inputs", "outputs"),
    [
        ("full", ("degraded", "guide"), ("restored", "warped", "flow")),
        ("-W", ("degraded", "guide"), ("restored",)),
        ("-WG", ("degraded",), ("restored",)),
    ],
)
def test_torchscript_gives_what_the_network_gives(run_of, tmp_path, variant, inputs, outputs):
    run, path = run_of(variant), tmp_path / "net.pt"
    exported = export_network(run, "torchscript", path)
    assert (exported.inputs, exported.outputs) == (inputs, outputs)
    images = [torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    facts = {"name.txt": "", "checkpoint.txt": ""}
    file = torch.jit.load(str(path), _extra_files=facts)
    with torch.inference_mode():
        wanted = [value for value in load_model(run).network(*images)[:3] if value is not None]
        found = file(*images[: len(inputs)])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(wanted, found, strict=True))
    assert facts["checkpoint.txt"].decode() == load_model(run).checkpoint_hash


def test_a_network_that_aligns_by_landmarks_is_exported_for_any_batch(run_of, tmp_path):
    run = run_of("-W", alignment="landmarks", recnet="attentive", points_width=4, points_hidden=8)
    exported = export_network(run, "torchscript", tmp_path / "net.pt")
    assert exported.outputs == ("restored", "warped", "flow")
    images = [torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    with torch.inference_mode():
        wanted, found = load_model(run).network(*images)[:3], torch.jit.load(str(tmp_path / "net.pt"))(*images)
    for a, b in zip(wanted, found, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_onnx_gives_what_torch_gives_to_1e_4(run_of, tmp_path):
    onnx, onnxruntime = (
        pytest.importorskip(name, reason=f"needs {name}: pip install 'gfrnet-toolkit[onnx]'")
        for name in ("onnx", "onnxruntime")
    )
    pytest.importorskip("onnxscript", reason="needs onnxscript: pip install 'gfrnet-toolkit[onnx]'")
    run, path = run_of("full"), tmp_path / "net.onnx"
    exported = export_network(run, "onnx", path)
    assert exported.difference is not None
    assert exported.difference < 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = [torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    found = session.run(None, {"degraded": images[0].numpy(), "guide": images[1].numpy()})
    with torch.inference_mode():
        wanted = [value for value in load_model(run).network(*images)[:3] if value is not None]
    assert [node.name for node in session.get_outputs()] == ["restored", "warped", "flow"]
    for value, truth in zip(found, wanted, strict=True):
        assert np.abs(value - truth.numpy()).max() < 1e-4
    facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert facts["checkpoint"] == load_model(run).checkpoint_hash
    assert json.loads(facts["config"])["width"] == 2


def test_a_file_that_exists_is_left_alone(run_of, tmp_path):
    path = tmp_path / "net.pt"
    path.write_bytes(b"mine")
    run = run_of("-WG")
    with pytest.raises(DataError, match="exists already"):
        export_network(run, "torchscript", path)
    assert path.read_bytes() == b"mine"
    export_network(run, "torchscript", path, overwrite=True)
    assert path.stat().st_size > 1000


def test_the_same_again_does_nothing_and_another_network_is_refused(run_of, tmp_path):
    run, path = run_of("-WG"), tmp_path / "net.pt"
    first = export_network(run, "torchscript", path)
    before = path.stat().st_mtime_ns
    again = export_network(run, "torchscript", path)
    assert path.stat().st_mtime_ns == before  # its time of access is another matter
    assert first.new
    assert not again.new
    assert (again.inputs, again.file_hash) == (first.inputs, first.file_hash)
    with pytest.raises(DataError, match="another checkpoint"):
        export_network(run_of("full"), "torchscript", path)
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match="exists already"):
        export_network(run, "torchscript", path)


def test_missing_packages_are_named(run_of, tmp_path, monkeypatch):
    monkeypatch.setattr("gfr_model.export.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"ONNX needs onnx and onnxscript: pip install 'gfrnet-toolkit\[onnx\]'"):
        export_network(run_of("-WG"), "onnx", tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_other_outputs_is_not_kept(run_of, tmp_path, monkeypatch):
    monkeypatch.setattr("gfr_model.export._difference", lambda *args: 0.5)
    with pytest.raises(DataError, match="differ from torch's by"):
        export_network(run_of("-WG"), "torchscript", tmp_path / "net.pt")
    assert list(tmp_path.iterdir()) == []
