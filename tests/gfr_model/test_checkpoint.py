import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gfr_model import checkpoint
from gfr_model.config import TrainConfig
from gfr_model.inference import load_model
from gfr_model.models import NAMES, VARIANTS
from gfr_model.networks.build import build_network
from manifests import DataError

CONFIG = TrainConfig(width=4)


class Hostile:
    """Unpickling it would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def _tensors(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {"network.a": torch.randn(3, 5, generator=generator), "adam.step": torch.tensor(7.0)}


def test_what_is_written_is_read_back_equal(tmp_path):
    path = checkpoint.path_of(tmp_path, 12)
    checkpoint.write(path, _tensors(), CONFIG, {"step": 12, "schedule": {"best_loss": None}})
    found = checkpoint.read(path)
    assert found.config == CONFIG
    assert found.state == {"step": 12, "schedule": {"best_loss": None}}
    for name, value in _tensors().items():
        assert torch.equal(found.tensors[name], value)


def test_channels_last_weights_are_stored_by_value(tmp_path):
    weight = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    checkpoint.write(tmp_path / "a.safetensors", {"w": weight}, CONFIG, {})
    assert torch.equal(checkpoint.read(tmp_path / "a.safetensors").tensors["w"], weight)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path):
    for number, dump in enumerate((pickle.dumps, lambda value: b"\x80\x02" + pickle.dumps(value))):
        path, mark = tmp_path / f"{number}.safetensors", tmp_path / f"mark{number}"
        path.write_bytes(dump(Hostile(mark)))
        with pytest.raises(DataError, match="no safetensors file"):
            checkpoint.read(path)
        assert not mark.exists()
    path = tmp_path / "torch.safetensors"
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(DataError, match="no safetensors file"):
        checkpoint.read(path)


@pytest.mark.parametrize("where", [0, 9, 0.3, 0.999])
def test_a_damaged_byte_is_noticed(tmp_path, where):
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, _tensors(), CONFIG, {"step": 1})
    content = bytearray(path.read_bytes())
    place = where if isinstance(where, int) else int(where * len(content))
    content[place] ^= 0x55
    path.write_bytes(bytes(content))
    try:
        found = checkpoint.read(path)
    except DataError:
        return
    assert found.state == {"step": 1}  # a flipped bit in an unused part of the header may do no harm
    assert all(torch.equal(found.tensors[name], value) for name, value in _tensors().items())


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, length):
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, _tensors(), CONFIG, {})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=r"a\.safetensors"):
        checkpoint.read(path)


def test_foreign_safetensors_and_missing_files_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "b.safetensors")
    with pytest.raises(DataError, match="not written by this version"):
        checkpoint.read(tmp_path / "b.safetensors")
    with pytest.raises(DataError, match="does not exist"):
        checkpoint.read(tmp_path / "c.safetensors")
    with pytest.raises(DataError, match=r"holds no model\.safetensors"):
        load_model(tmp_path)


def test_the_newest_sound_checkpoint_is_found_behind_a_damaged_one(tmp_path):
    for step in (10, 20, 30):
        checkpoint.write(checkpoint.path_of(tmp_path, step), _tensors(step), CONFIG, {"step": step})
    checkpoint.remove_old(tmp_path)
    assert [path.name for path in checkpoint.existing(tmp_path)] == [
        "step-00000030.safetensors",
        "step-00000020.safetensors",
    ]
    checkpoint.path_of(tmp_path, 30).write_bytes(b"torn")
    found, damaged = checkpoint.newest(tmp_path)
    assert found.state["step"] == 20
    assert len(damaged) == 1
    assert "step-00000030" in damaged[0]
    checkpoint.path_of(tmp_path, 20).write_bytes(b"torn")
    with pytest.raises(DataError, match="no checkpoint of"):
        checkpoint.newest(tmp_path)


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")
    path = checkpoint.path_of(tmp_path, 1)
    checkpoint.write(path, _tensors(), CONFIG, {"step": 1})
    child = os.fork()
    if child == 0:  # the limit on a file's size stands for a full disk, in a process of its own
        import signal

        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
            big = {"network.a": torch.zeros(100_000)}
            try:
                checkpoint.write(path, big, CONFIG, {"step": 1})
            except DataError as error:
                code = 0 if "cannot write" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert torch.equal(checkpoint.read(path).tensors["network.a"], _tensors()["network.a"])
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_checkpoint_of_the_networks_before_is_refused_and_that_is_said(tmp_path, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(checkpoint, "FORMAT", "gfr-1")
        checkpoint.write(checkpoint.path_of(tmp_path, 3), _tensors(), CONFIG, {})
    with pytest.raises(DataError, match="written by an earlier gfr-train, whose networks were others"):
        checkpoint.newest(tmp_path)


@pytest.mark.parametrize("width", [4000, 10**6, 10**12, 10**30])
def test_a_configuration_that_asks_for_all_memory_is_refused_before_any_is_taken(tmp_path, width):
    """Its tensors are small; the network that it describes would take 32 GB and more."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "a.safetensors"
    network = build_network(CONFIG)
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    checkpoint.write(path, tensors, replace(CONFIG, width=width), {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"does not fit the network its|describes a network that cannot"):
        load_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


@pytest.mark.parametrize(("setting", "value"), [("width", -1), ("image_size", 2**20), ("warp_size", -16)])
def test_a_configuration_out_of_range_is_refused_as_such(tmp_path, monkeypatch, setting, value):
    monkeypatch.setattr(checkpoint, "asdict", lambda config: {setting: value})
    checkpoint.write(tmp_path / "a.safetensors", _tensors(), CONFIG, {})
    with pytest.raises(DataError, match=f"holds no settings of this version.*{setting}"):
        load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gfrnet"] + list(VARIANTS))
def test_a_network_that_fits_is_loaded_whatever_it_is(tmp_path, name):
    """Building it without memory first gives the same shapes as building it."""
    config = TrainConfig(width=2, **({"variant": name} if name in VARIANTS else {"model": name}))
    tensors = {f"network.{name}": value for name, value in build_network(config).state_dict().items()}
    checkpoint.write(tmp_path / "a.safetensors", tensors, config, {})
    found = load_model(tmp_path / "a.safetensors").network.state_dict()
    assert all(torch.equal(value, tensors[f"network.{name}"]) for name, value in found.items())
