"""VGG-Face's weights, from whatever they are usually published as, and those of another VGG-16 in its place.

They are checked by their shapes and brought to one form, in which the network takes RGB: some of the files take BGR.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gfr_model.networks.vggface.network import BLOCKS, IMAGENET_MEAN, LAYERS, MEAN, Layer, VggFace, layers_up_to
from gfr_model.torch7 import Torch7Object, read_torch7
from manifests import DataError

ADVICE = "`gfr-data weights get vgg-face` gets the authors' own, or pass --vgg-face off"
HDF5 = b"\x89HDF"  # how HDF5 files begin that have no MATLAB header
IDENTITIES = 2622  # outputs of the whole network
Weights = dict[str, tuple[Tensor, Tensor]]  # by layer: (outputs, inputs, 3, 3) and (outputs,)


def load_vggface(path: Path, layer: str = "conv4_3") -> VggFace:
    """Load VGG-Face up to the convolution `layer`, its ReLU included as in Johnson et al. (2016), eq. 5's source.

    Reads Torch7 (.t7), MatConvNet (.mat, version 5 to 7), PyTorch (.pth; nothing in it is run) and safetensors files.
    A Keras file (.h5) is VGG16-HED, the VGG-16 of an edge detector, which stands in where VGG-Face cannot be had.
    Raises DataError saying what to get, when the file is missing or something else.
    """
    wanted = layers_up_to(layer)
    if not path.is_file():
        raise DataError(f"there is no file {path} with VGG-Face's weights: {ADVICE}")
    weights, mean = _read(path)
    network = VggFace(layer)
    network.mean.copy_(torch.tensor(mean).view_as(network.mean))
    for one in wanted:
        module = network.layers[one.place]
        assert isinstance(module, nn.Conv2d)
        kernel, bias = _checked(weights.get(one.name), one, path)
        with torch.no_grad():
            module.weight.copy_(kernel)
            assert module.bias is not None
            module.bias.copy_(bias)
    return network.eval()


def _checked(found: tuple[Tensor, Tensor] | None, layer: Layer, path: Path) -> tuple[Tensor, Tensor]:
    if found is None:
        raise DataError(f"{path} is not VGG-Face: it has no {layer.name}; {ADVICE}")
    kernel, bias = found
    shape = (layer.outputs, layer.inputs, 3, 3)
    if tuple(kernel.shape) != shape or bias.numel() != layer.outputs:
        raise DataError(
            f"{path} is not VGG-Face: {layer.name} is {tuple(kernel.shape)} and should be {shape}; {ADVICE}"
        )
    if not (kernel.isfinite().all() and bias.isfinite().all()):
        raise DataError(f"{path} is damaged: {layer.name} has values that are not finite; get the file again")
    return kernel, bias.reshape(-1)


def _read(path: Path) -> tuple[Weights, tuple[float, float, float]]:
    """Read a file by what it begins with; its name says nothing. Returns the weights and the mean to subtract."""
    with path.open("rb") as file:
        head = file.read(128)
    readers: list[tuple[bool, Callable[[Path], Weights]]] = [
        (head.startswith(b"MATLAB 5.0"), _read_matconvnet),
        (head.startswith((b"PK\x03\x04", b"\x80")), _read_pytorch),
        (head[8:9] == b"{", _read_safetensors),
        (head[:4] in (b"\x03\x00\x00\x00", b"\x04\x00\x00\x00"), _read_torch7),
    ]
    if head.startswith(HDF5):
        return _read_hed(path), IMAGENET_MEAN
    if head.startswith(b"MATLAB 7.3"):
        raise DataError(
            f"{path} is a MATLAB 7.3 file; load it in MATLAB and save it with save(..., '-v7'), or {ADVICE}"
        )
    for fits, reader in readers:
        if fits:
            return reader(path), MEAN
    raise DataError(f"{path} is not a Torch7, MatConvNet, PyTorch, safetensors or Keras file; {ADVICE}")


def _read_hed(path: Path) -> Weights:
    """The Keras file of an edge detector, HED (Xie and Tu, 2015): VGG-16's blocks, fine-tuned. It takes BGR."""
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"reading {path} needs h5py: pip install 'gfrnet-toolkit[hed]'") from error

    weights: Weights = {}
    try:
        with h5py.File(path) as file:
            for block, (_, count) in enumerate(BLOCKS, start=1):
                for number in range(count):
                    kept = file.get(f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars")
                    if kept is not None:
                        kernel = _tensor(kept["0"][()].transpose(3, 2, 0, 1))  # (height, width, inputs, outputs)
                        weights[f"conv{block}_{number + 1}"] = kernel, _tensor(kept["1"][()])
    except Exception as error:  # h5py raises whatever a damaged or foreign file makes it stumble over
        raise DataError(
            f"{path} is no Keras file of HED's weights ({error}); `gfr-data weights get vgg16-hed` gets them"
        ) from error
    return _from_bgr(weights)


def _read_torch7(path: Path) -> Weights:
    """The authors' Torch7 file: convolutions in their order. It takes BGR."""
    found = [layer for layer in _modules(read_torch7(path)) if "Convolution" in layer.name]
    weights: Weights = {}
    for layer, module in zip(LAYERS, found, strict=False):
        kernel, bias = module.get("weight"), module.get("bias")
        if isinstance(kernel, np.ndarray) and isinstance(bias, np.ndarray):
            # SpatialConvolutionMM keeps (outputs, inputs * 9).
            shape = (layer.outputs, layer.inputs, 3, 3) if kernel.size == layer.outputs * layer.inputs * 9 else -1
            weights[layer.name] = _tensor(kernel).reshape(shape), _tensor(bias)
    return _from_bgr(weights)


def _modules(network: Any) -> Iterator[Torch7Object]:
    """The layers of a Torch7 network, in their order."""
    waiting, seen = [network], set()
    while waiting:
        value = waiting.pop()
        if not isinstance(value, Torch7Object) or id(value) in seen:
            continue
        seen.add(id(value))
        children = value.get("modules")
        if isinstance(children, dict):
            waiting += [children.get(float(number)) for number in range(len(children), 0, -1)]
        else:
            yield value


def _read_matconvnet(path: Path) -> Weights:
    """The authors' MatConvNet file: named layers, kernels (height, width, inputs, outputs). It takes RGB."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, struct_as_record=False)
    except Exception as error:  # scipy raises whatever a damaged file makes it stumble over
        raise DataError(f"{path} cannot be read as a MATLAB file ({error}); get the original again") from error
    top = content.get("layers")
    if top is None:
        holders = [_only(content[name]) for name in ("net", "convNet") if name in content]
        top = next((holder.layers for holder in holders if hasattr(holder, "layers")), np.zeros(0))
    weights: Weights = {}
    for cell in np.asarray(top).ravel():
        layer = _only(cell)
        names = np.asarray(getattr(layer, "name", "")).ravel()
        parts = [np.asarray(part) for part in np.asarray(getattr(layer, "weights", ())).ravel()]
        if not parts and hasattr(layer, "filters") and hasattr(layer, "biases"):  # the older form
            parts = [np.asarray(layer.filters), np.asarray(layer.biases)]
        if len(names) == 1 and len(parts) >= 2 and parts[0].ndim == 4:
            kernel = _tensor(parts[0].transpose(3, 2, 0, 1))
            weights[str(names[0])] = kernel, _tensor(parts[1]).reshape(-1)
    return weights


def _only(value: Any) -> Any:
    """The element of a MATLAB array of one."""
    while isinstance(value, np.ndarray) and value.size == 1 and value.dtype == object:
        value = value.ravel()[0]
    return value


def _read_pytorch(path: Path) -> Weights:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged, or a pickle of more than tensors, which is not run
        raise DataError(
            f"{path} is damaged or holds more than tensors, which is not loaded: save its state_dict(), or {ADVICE}"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    return _from_state_dict(content if isinstance(content, Mapping) else {}, path)


def _read_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return _from_state_dict(load_file(path), path)
    except SafetensorError as error:
        raise DataError(f"{path} is a damaged safetensors file ({error}); get it again") from error


def _from_state_dict(state: Mapping[Any, Any], path: Path) -> Weights:
    """Tensors by name. The way of naming tells which conversion it is, and so the order of the colours.

    conv1_1: from MatConvNet (Albanie's vgg_face_dag), RGB. conv_1_1: from Torch7 (prlz77/vgg-face.pytorch), BGR.
    features.0 or 0: torchvision's order of layers, from Caffe's file, BGR.
    """
    tensors = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    outputs = next((len(value) for name, value in tensors.items() if name.endswith("classifier.6.weight")), IDENTITIES)
    if outputs != IDENTITIES:
        raise DataError(f"{path} tells {outputs} classes apart, VGG-Face {IDENTITIES} persons; {ADVICE}")
    ways: list[tuple[Callable[[Layer], str], bool]] = [
        (lambda layer: layer.name, False),
        (lambda layer: layer.name.replace("conv", "conv_"), True),
        (lambda layer: str(layer.place), True),
    ]
    for name_of, bgr in ways:
        first = f"{name_of(LAYERS[0])}.weight"
        prefix = next((key.removesuffix(first) for key in tensors if f".{key}".endswith(f".{first}")), None)
        if prefix is None:
            continue
        keys = {layer.name: f"{prefix}{name_of(layer)}" for layer in LAYERS}
        found = {
            name: (tensors[f"{key}.weight"].float(), tensors[f"{key}.bias"].float())
            for name, key in keys.items()
            if f"{key}.weight" in tensors and f"{key}.bias" in tensors
        }
        return _from_bgr(found) if bgr else found
    raise DataError(f"{path} is not VGG-Face: none of its tensors is called conv1_1, conv_1_1 or features.0; {ADVICE}")


def _from_bgr(weights: Weights) -> Weights:
    """Exchange red and blue in the first layer's kernels."""
    first = weights.get(LAYERS[0].name)
    if first is None or first[0].dim() != 4:
        return weights
    return weights | {LAYERS[0].name: (first[0].flip(1), first[1])}


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32).copy())
