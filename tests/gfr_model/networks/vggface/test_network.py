"""How far apart images look to a VGG-16."""

import pytest
import torch

from gfr_model.networks.vggface.network import ENDS, VggFace, feature_distance


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return VggFace(ENDS[-1]).requires_grad_(False)


def test_the_distance_of_features_is_that_of_directions_summed_over_five_blocks(network):
    first, second = torch.rand(2, 2, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    wanted = torch.zeros(2)
    for end in ENDS:
        part = VggFace(end).requires_grad_(False)
        part.load_state_dict({k: v for k, v in network.state_dict().items() if k in part.state_dict()})
        one, other = part(first), part(second)
        cosine = torch.nn.functional.cosine_similarity(one, other, dim=1)
        wanted += (2 - 2 * cosine).mean((1, 2))  # |u - v|^2 of vectors of length 1
    torch.testing.assert_close(feature_distance(network, first, second), wanted, atol=1e-4, rtol=1e-3)


def test_the_distance_of_features_is_none_to_itself_and_the_same_both_ways(network):
    first, second = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    assert feature_distance(network, first, first).abs().max() < 1e-6
    torch.testing.assert_close(feature_distance(network, first, second), feature_distance(network, second, first))
