"""The counts of a step against PyTorch's own counter on the CPU, and against what a kernel's numbers are by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gfr_model.networks.recnet import RecNet
from gfr_model.presets import resolve
from gfr_model.training.batches import Feed
from gfr_model.training.pairs import load, read_splits
from gfr_model.training.processes import World
from gfr_model.training.step import Learner
from tests.benchmarks.count_step import BATCH, CARDS, OPTIMISER, Count, Kernel, Part, count, table
from tests.gfr_model.training.on_meta import META

SMALL = {"image_size": 64, "width": 4, "discriminator_width": 4, "batch_size": 3, "vgg_face": "off"}


def test_a_step_has_the_operations_that_pytorch_counts(tiny_pairs):
    config = resolve("paper", changes=SMALL | {"lambda_perceptual": 0.0})
    parts = count(config, tiny_pairs)
    table_of = read_splits(tiny_pairs, 0.1, 0).train
    learner, cpu = Learner(config, World(), None), World().device
    inputs = Feed(load(table_of, 64, "host", cpu), config, World()).step(1)
    with FlopCounterMode(display=False) as counter:
        learner.joint_step(inputs)
    ours = {name: sum(kernel.flops for kernel in part.kernels) for name, part in parts.items() if name != BATCH}
    assert sum(ours.values()) == counter.get_total_flops()
    assert ours["WarpNet"] > 0
    assert ours["RecNet"] > 0
    assert ours["discriminators"] > 0
    parameters = sum(p.numel() for module in learner.modules.values() for p in module.parameters())
    assert parts[OPTIMISER].row()["bytes"] == 7 * 4 * parameters


def test_a_backward_pass_belongs_to_the_module_of_its_forward_pass():
    """Twice the operations of the forward pass, less the gradient of the images, which nobody asks for."""
    network, image = RecNet(4, image_size=32, inputs=3).to(META), torch.empty(2, 3, 32, 32, device=META)
    counts = []
    for backward in (False, True):
        with Count() as counted:
            made = network(image).sum()
            if backward:
                made.backward()
        counts.append(sum(kernel.flops for kernel in counted.parts["RecNet"].kernels))
    first = 2 * 2 * (4 * 4) * 3 * 4 * 16 * 16
    assert counts[1] == 3 * counts[0] - first


def test_a_kernel_reads_and_writes_its_tensors_once():
    one = torch.empty(4, 8, device=META)
    with Count() as counted:
        one.view(2, 16).transpose(0, 1).t()  # views move nothing
        one + torch.empty(8, device=META)  # 32 and 8 values read, 32 written
        one[:1].expand(4, 8).mul(2)  # a repeated row is there once
        nn.functional.linear(one, torch.empty(2, 8, device=META))
    kernels = [kernel for part in counted.parts.values() for kernel in part.kernels]
    assert [(kernel.flops, kernel.bytes) for kernel in kernels] == [(0, 288), (0, 160), (128, 224)]


def test_a_card_is_bound_by_the_slower_of_operations_and_bytes():
    card = CARDS["H100"]
    assert card.seconds(Kernel(10**12, 1, torch.bfloat16)) == pytest.approx(1 / 989)
    assert card.seconds(Kernel(1, 10**9, torch.bfloat16)) == pytest.approx(1 / 3350)
    assert any("| whole step | 1.000 | 0.00 | 1 |" in line for line in table(4, {"a": Part([Kernel(10**12, 1, None)])}))
