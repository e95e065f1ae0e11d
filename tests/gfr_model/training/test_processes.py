import os
import socket

import numpy as np
import pytest
import torch

from gfr_model import checkpoint
from gfr_model.presets import resolve
from gfr_model.training.processes import World, join
from gfr_model.training.train import train
from manifests import ConfigError

SETTINGS = {
    "image_size": 64,
    "width": 4,
    "discriminator_width": 4,
    "batch_size": 4,
    "warp_epochs": 2.0,
    "max_steps": 10,
    "validate_every": 5,
    "vgg_face": "off",
    "precision": "float64",
    "samples": 1,
}


def _processes(count, work):
    """Run `work()` in `count` processes as torchrun would start them; return their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                work()
                code = 0
            except ConfigError:
                code = 2
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def test_two_processes_train_as_one_with_the_whole_batch(tiny_pairs, tmp_path):
    config = resolve("paper", changes=SETTINGS)
    train(tiny_pairs, tmp_path / "one", config)
    assert _processes(2, lambda: train(tiny_pairs, tmp_path / "two", config)) == [0, 0]
    one, two = (checkpoint.newest(tmp_path / name)[0] for name in ("one", "two"))
    assert one.state["step"] == two.state["step"] == 10
    for name, value in one.tensors.items():
        torch.testing.assert_close(two.tensors[name], value, atol=1e-5, rtol=1e-5, msg=name)
    for name, value in one.state["validation"].items():
        assert two.state["validation"][name] == pytest.approx(value, rel=1e-5)


def test_a_batch_that_cannot_be_shared_is_refused(tiny_pairs, tmp_path):
    config = resolve("paper", changes=SETTINGS | {"batch_size": 3})
    assert _processes(2, lambda: train(tiny_pairs, tmp_path / "run", config)) == [2, 2]


def test_batch_norm_of_one_sample_a_process_is_refused(tiny_pairs, tmp_path):
    """Its running averages would be those of single images."""
    config = resolve("paper", changes=SETTINGS | {"batch_size": 2, "norm": "batch"})
    assert _processes(2, lambda: train(tiny_pairs, tmp_path / "run", config)) == [2, 2]
    assert not (tmp_path / "run").exists()


def test_every_sample_is_the_share_of_one_process():
    batch = np.arange(12)
    shares = [World(rank, 3).share(batch) for rank in range(3)]
    np.testing.assert_array_equal(np.concatenate(shares), batch)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_a_missing_cuda_device_is_said():
    with pytest.raises(ConfigError, match="no CUDA device"), join("cuda"):
        pass
