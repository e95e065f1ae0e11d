import pytest

from gfr_model.models import NAMES
from gfr_model.networks.describe import describe
from gfr_model.presets import resolve


def _recnet_operations(width, size):
    """Multiplications and additions of a U-Net's 4x4 layers, two for each kernel value and place."""
    depth = size.bit_length() - 1
    c = [width * min(2**i, 16) for i in range(depth)]
    down = [(6 if i == 0 else c[i - 1], c[i], size >> (i + 1)) for i in range(depth)]
    # A deconvolution applies each kernel once for every place of its input.
    up = [(c[i] * (1 if i == depth - 1 else 2), c[i - 1] if i else 3, size >> (i + 1)) for i in range(depth)]
    return sum(2 * 16 * inputs * outputs * side**2 for inputs, outputs, side in (*down, *up))


@pytest.mark.parametrize(("width", "size"), [(64, 256), (8, 64)])
def test_operations_and_parameters_are_counted(width, size):
    config = resolve("paper", changes={"width": width, "image_size": size})
    found = {network.name.strip(): network for network in describe(config).networks}
    assert found["recnet"].operations == _recnet_operations(width, size)
    assert found["gfrnet"].parameters == found["warpnet"].parameters + found["recnet"].parameters
    assert found["gfrnet"].operations == found["warpnet"].operations + found["recnet"].operations
    assert found["discriminator global"].operations > found["discriminator local"].operations > 0


def test_the_text_names_every_part_with_its_size():
    text = str(describe(resolve("paper")))
    assert "recnet" in text
    assert "167,670,467" in text
    assert "- eq. 9 and 10: sums over points and pixels" in text
    assert "1.73" in text  # §4.5: nearly two times the parameters of the network without WarpNet


@pytest.mark.parametrize("model", NAMES)
def test_every_model_can_be_described(model):
    found = describe(resolve("paper", changes={"model": model})).networks[0]
    assert found.name == model
    assert found.parameters > 0
    assert found.operations > found.parameters
