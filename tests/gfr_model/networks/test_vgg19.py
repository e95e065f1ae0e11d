"""VGG19 from torchvision's file, the substitute in its place, and what is refused. Files are written here."""

import pickle

import pytest
import torch
import torch.nn.functional as F

from gfr_model.networks.vgg19 import LAYERS, UNIT, load_vgg19
from gfr_model.networks.vggface.network import IMAGENET_MEAN
from manifests import ConfigError, DataError

UP_TO, USED = "conv2_2", LAYERS[:4]  # the files of the tests hold few layers, which keeps them small


@pytest.fixture(scope="module")
def state():
    """Tensors as torchvision names them; the last convolution, by which a VGG19 is known, is empty."""
    generator = torch.Generator().manual_seed(0)
    made = {"features.34.weight": torch.zeros(1), "classifier.6.weight": torch.zeros(1000, 1)}
    for layer in USED:
        kernel = torch.randn(layer.outputs, layer.inputs, 3, 3, generator=generator) / (9 * layer.inputs) ** 0.5
        made[f"features.{layer.place}.weight"] = kernel
        made[f"features.{layer.place}.bias"] = torch.randn(layer.outputs, generator=generator)
    return made


@pytest.fixture
def image():
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def _features(x, state):
    for layer in USED:
        if layer.name == "conv2_1":
            x = F.max_pool2d(x, 2)
        x = F.conv2d(
            x, state[f"features.{layer.place}.weight"], state[f"features.{layer.place}.bias"], padding=1
        ).relu()
    return x


def test_its_convolutions_lie_where_torchvision_has_them():
    """The places of convolutions in torchvision's vgg19().features, and their parameters."""
    assert [layer.place for layer in LAYERS] == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert LAYERS[-1].name == "conv5_4"
    assert sum(layer.outputs * (9 * layer.inputs + 1) for layer in LAYERS) == 20_024_384


@pytest.mark.parametrize("zipped", [True, False])  # torchvision's is of the older form
def test_torchvisions_file_gives_the_features_of_its_network(zipped, state, image, tmp_path):
    torch.save(state, tmp_path / "vgg19.pth", _use_new_zipfile_serialization=zipped)
    found = load_vgg19(tmp_path / "vgg19.pth", UP_TO)(image)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(found, _features((image - mean) / deviation, state), rtol=1e-4, atol=1e-4)


def test_the_edge_detectors_network_stands_in_with_features_in_a_unit_of_its_own(state, image, tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py: pip install 'gfrnet-toolkit[hed]'")
    with h5py.File(tmp_path / "hed.h5", "w") as file:
        for layer in USED:
            kernel, bias = (state[f"features.{layer.place}.{part}"] for part in ("weight", "bias"))
            kernel = kernel.flip(1) if layer.name == "conv1_1" else kernel  # BGR
            block, number = layer.name[4], int(layer.name[6]) - 1
            path = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
            file[f"{path}/0"], file[f"{path}/1"] = kernel.numpy().transpose(2, 3, 1, 0), bias.numpy()
    with torch.no_grad():
        found = load_vgg19(tmp_path / "hed.h5", UP_TO)(image)
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    wanted = _features(255 * image - mean, state) / UNIT
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    with pytest.raises(DataError, match="has no conv3_1"):  # the last of block 5 that a VGG-16 has is conv5_3
        load_vgg19(tmp_path / "hed.h5", "conv5_4")


def test_what_is_no_vgg19_is_refused_with_what_to_get(state, tmp_path):
    path = tmp_path / "vgg.pth"
    with pytest.raises(DataError, match=r"no file .*weights get vgg19.*vgg16-hed"):
        load_vgg19(path, UP_TO)
    torch.save({name: value for name, value in state.items() if "34" not in name}, path)
    with pytest.raises(DataError, match=r"is not VGG19: it has no features.34"):  # a VGG-16
        load_vgg19(path, UP_TO)
    torch.save(state, path)
    with pytest.raises(DataError, match=r"features.10.weight is no \(256, 128, 3, 3\)"):
        load_vgg19(path, "conv3_1")
    torch.save(state | {"features.0.bias": torch.full((64,), float("nan"))}, path)
    with pytest.raises(DataError, match=r"damaged.*not finite"):
        load_vgg19(path, UP_TO)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="damaged"):
        load_vgg19(path, UP_TO)
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="no tensors by name"):
        load_vgg19(path, UP_TO)
    with pytest.raises(ConfigError, match="VGG19 has no convolution 'conv5_5'"):
        load_vgg19(path, "conv5_5")


class _Hostile:
    def __reduce__(self):
        return exec, ("raise SystemExit('run')",)


def test_nothing_in_a_file_is_run(tmp_path):
    (tmp_path / "vgg.pth").write_bytes(pickle.dumps(_Hostile()))
    with pytest.raises(DataError, match="not loaded"):
        load_vgg19(tmp_path / "vgg.pth", UP_TO)
