"""VGG-Face from each kind of file that it is published as; the files are written here, with random weights."""

import contextlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from scipy.io import savemat

from gfr_model.networks.vggface.files import load_vggface
from gfr_model.networks.vggface.network import IMAGENET_MEAN, LAYERS, MEAN
from gfr_model.torch7 import read_torch7
from manifests import ConfigError, DataError
from tests.gfr_model.torch7_files import save_torch7

UP_TO = "conv2_2"  # the files of the tests end there, which keeps them small
USED = LAYERS[:4]


@pytest.fixture(scope="module")
def weights():
    """Kernels and biases that expect RGB."""
    generator = torch.Generator().manual_seed(0)
    return {
        layer.name: (
            torch.randn(layer.outputs, layer.inputs, 3, 3, generator=generator) / (9 * layer.inputs) ** 0.5,
            torch.randn(layer.outputs, generator=generator),
        )
        for layer in USED
    }


def _for_bgr(weights):
    return weights | {"conv1_1": (weights["conv1_1"][0].flip(1), weights["conv1_1"][1])}


def _expected(image, weights, mean=MEAN):
    """The features by themselves: mean subtracted in 0 to 255, convolutions, ReLU, pooling before a block."""
    x = image * 255 - torch.tensor(mean).view(1, 3, 1, 1)
    for name, (kernel, bias) in weights.items():
        if name == "conv2_1":
            x = F.max_pool2d(x, 2)
        x = F.conv2d(x, kernel, bias, padding=1).relu()
    return x


def _torch7(path, weights, flat=False):
    modules, before = {}, ""
    for name, (kernel, bias) in _for_bgr(weights).items():
        if name == "conv2_1":
            modules[len(modules) + 1] = ("nn.SpatialMaxPooling", {"kW": 2, "kH": 2})
        shaped = kernel.reshape(len(kernel), -1) if flat else kernel
        convolution = "nn.SpatialConvolutionMM" if flat else "nn.SpatialConvolution"
        modules[len(modules) + 1] = (convolution, {"weight": shaped.numpy(), "bias": bias.numpy(), "train": False})
        modules[len(modules) + 1] = ("nn.ReLU", {"inplace": True})
        before = name
    save_torch7(path, ("nn.Sequential", {"modules": modules, "note": f"up to {before}"}))


def _torch7_flat(path, weights):
    _torch7(path, weights, flat=True)


def _matconvnet(path, weights, older=False, wrapped=False):
    layers = np.empty((1, 2 * len(weights)), dtype=object)
    for i, (name, (kernel, bias)) in enumerate(weights.items()):
        cell = np.empty((1, 2), dtype=object)
        cell[0, 0], cell[0, 1] = kernel.numpy().transpose(2, 3, 1, 0), bias.numpy()[None]
        content = {"filters": cell[0, 0], "biases": cell[0, 1]} if older else {"weights": cell}
        layers[0, 2 * i] = {"type": "conv", "name": name, **content}
        layers[0, 2 * i + 1] = {"type": "relu", "name": name.replace("conv", "relu")}
    # savemat appends .mat to names without a suffix
    savemat(path, {"net": {"layers": layers}} if wrapped else {"layers": layers})


def _matconvnet_older(path, weights):
    _matconvnet(path, weights, older=True, wrapped=True)


def _state(weights, name_of):
    return {
        f"{name_of(layer)}.{part}": value.clone()
        for layer in USED
        for part, value in zip(("weight", "bias"), weights[layer.name], strict=True)
    }


def _dag(path, weights):
    torch.save(_state(weights, lambda layer: layer.name), path)


def _from_torch7(path, weights):
    torch.save({"state_dict": _state(_for_bgr(weights), lambda layer: layer.name.replace("conv", "conv_"))}, path)


def _torchvision(path, weights):
    torch.save(_state(_for_bgr(weights), lambda layer: f"module.features.{layer.place}"), path)


def _safetensors(path, weights):
    save_file(_state(weights, lambda layer: layer.name), path)


@pytest.mark.parametrize(
    "write",
    [
        _torch7,
        _torch7_flat,
        _matconvnet,
        _matconvnet_older,
        _dag,
        _from_torch7,
        _torchvision,
        _safetensors,
    ],
)
def test_every_kind_of_file_gives_the_same_features(write, weights, tmp_path):
    path = tmp_path / "weights.mat"  # what it is called does not matter
    write(path, weights)
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = load_vggface(path, UP_TO)(image)
    assert found.shape == (2, 128, 8, 8)
    torch.testing.assert_close(found, _expected(image, weights), rtol=1e-4, atol=1e-3)


def test_the_keras_file_of_an_edge_detector_takes_bgr_and_the_mean_of_imagenet(weights, tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py: pip install 'gfrnet-toolkit[hed]'")
    with h5py.File(tmp_path / "hed.h5", "w") as file:
        for name, (kernel, bias) in _for_bgr(weights).items():
            block, number = name[4], int(name[6]) - 1
            layer = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
            file[f"{layer}/0"], file[f"{layer}/1"] = kernel.numpy().transpose(2, 3, 1, 0), bias.numpy()
    image = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = load_vggface(tmp_path / "hed.h5", UP_TO)(image)
    torch.testing.assert_close(found, _expected(image, weights, IMAGENET_MEAN), atol=1e-3, rtol=1e-5)
    (tmp_path / "cut.h5").write_bytes((tmp_path / "hed.h5").read_bytes()[:5000])
    for wrong, saying in (("hed.h5", "it has no conv3_1"), ("cut.h5", "gfr-data weights get vgg16-hed")):
        with pytest.raises(DataError, match=saying):
            load_vggface(tmp_path / wrong)


def test_the_whole_network_has_the_layers_of_vgg_16():
    """Convolution places as torchvision's vgg16.features counts them."""
    assert [layer.place for layer in LAYERS] == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    parameters = sum(layer.outputs * (9 * layer.inputs + 1) for layer in LAYERS)
    assert parameters == 14_714_688  # of vgg16.features, as Keras' VGG16(include_top=False) also counts


def test_a_missing_file_says_what_to_get(tmp_path):
    with pytest.raises(DataError, match=r"gfr-data weights get vgg-face.*--vgg-face off"):
        load_vggface(tmp_path / "nothing.t7")


def test_a_network_of_other_shapes_is_refused(weights, tmp_path):
    path = tmp_path / "small.pth"
    small = weights | {"conv1_2": (torch.zeros(32, 64, 3, 3), torch.zeros(32))}
    _dag(path, small)
    with pytest.raises(DataError, match=r"conv1_2 is \(32, 64, 3, 3\) and should be \(64, 64, 3, 3\)"):
        load_vggface(path, UP_TO)
    _dag(path, weights)
    with pytest.raises(DataError, match="has no conv3_1"):
        load_vggface(path, "conv3_1")


def test_an_imagenet_network_is_refused(weights, tmp_path):
    state = _state(weights, lambda layer: f"features.{layer.place}") | {"classifier.6.weight": torch.zeros(1000, 4)}
    torch.save(state, tmp_path / "vgg16.pth")
    with pytest.raises(DataError, match="1000 classes"):
        load_vggface(tmp_path / "vgg16.pth", UP_TO)


def test_values_that_are_no_numbers_are_refused(weights, tmp_path):
    _dag(tmp_path / "nan.pth", weights | {"conv1_1": (torch.full((64, 3, 3, 3), torch.nan), torch.zeros(64))})
    with pytest.raises(DataError, match="conv1_1 has values that are not finite"):
        load_vggface(tmp_path / "nan.pth", UP_TO)


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_never_run(zipped, tmp_path):
    trace = tmp_path / "trace"
    torch.save({"conv1_1.weight": Hostile(trace)}, tmp_path / "hostile.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="state_dict"):
        load_vggface(tmp_path / "hostile.pth")
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"MATLAB 5.0 MAT-file" + b"\0" * 200, b"PK\x03\x04 not a zip", b"\x08\0\0\0\0\0\0\0{nothing", b"plain text"],
)
def test_damaged_and_foreign_files_are_refused(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError):
        load_vggface(tmp_path / "file")


def test_matlab_7_3_says_how_to_save_it(tmp_path):
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + b"\0" * 500)
    with pytest.raises(DataError, match="-v7"):
        load_vggface(tmp_path / "new.mat")


def test_an_unknown_layer_is_named_beside_the_known_ones(weights, tmp_path):
    _dag(tmp_path / "dag.pth", weights)
    with pytest.raises(ConfigError, match=r"conv4_4.*conv4_3"):
        load_vggface(tmp_path / "dag.pth", "conv4_4")


def test_torch7_truncated_anywhere_is_refused(weights, tmp_path):
    _torch7(tmp_path / "whole.t7", {"conv1_1": weights["conv1_1"]})
    whole = (tmp_path / "whole.t7").read_bytes()
    for length in [*range(1, 400, 7), len(whole) // 2, len(whole) - 1]:
        (tmp_path / "cut.t7").write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_torch7(tmp_path / "cut.t7")


def test_torch7_with_wrong_bytes_never_raises_anything_else(weights, tmp_path):
    _torch7(tmp_path / "whole.t7", {"conv1_1": weights["conv1_1"]})
    whole = (tmp_path / "whole.t7").read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for place in generator.integers(0, 500, 3):
            data[place] = generator.integers(256)
        (tmp_path / "wrong.t7").write_bytes(bytes(data))
        with contextlib.suppress(DataError):
            load_vggface(tmp_path / "wrong.t7", "conv1_1")
