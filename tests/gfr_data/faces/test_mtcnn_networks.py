"""The layers that are written for speed do what torch's own do."""

import numpy as np
import pytest
import torch
from torch import nn

from gfr_data.faces.mtcnn_networks import MaxPool, RowPReLU, load_networks


def _maps(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("side", range(3, 12))
def test_pooling_is_torchs_to_the_bit(size, side, ceil):
    maps = _maps((2, 5, side, side + 3))
    assert torch.equal(MaxPool(size, ceil)(maps), nn.functional.max_pool2d(maps, size, 2, ceil_mode=ceil))


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_prelu_by_rows_is_torchs_to_the_bit(layout):
    maps = _maps((2, 10, 7, 9)).contiguous(memory_format=layout)
    layer = RowPReLU(10)
    nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(1))
    assert torch.equal(layer(maps), torch.prelu(maps, layer.weight))


def test_proposals_are_the_softmax_and_the_offsets_of_every_cell():
    pnet = load_networks("cpu")[0]
    images = _maps((1, 3, 40, 56)).clamp(-1, 1)
    with torch.inference_mode():
        scores, features = pnet(images)
        maps = pnet.features(images)
        assert torch.allclose(scores, pnet.classes(maps).softmax(1)[:, 1], atol=1e-6)
        offsets = pnet.offsets_of(features[0].flatten(0, 1)).T
        assert torch.allclose(offsets, pnet.offsets(maps)[0].flatten(1), atol=1e-5)


def test_proposals_stay_in_the_fast_layout():
    """In the other one, each layer copies its maps. A photograph of numpy's made a batch of one does not say which."""
    pnet = load_networks("cpu")[0]
    image = torch.from_numpy(np.zeros((310, 310, 3), np.float32)[None]).permute(0, 3, 1, 2)
    with torch.inference_mode():
        assert pnet.features[0](image).is_contiguous(memory_format=torch.channels_last)
