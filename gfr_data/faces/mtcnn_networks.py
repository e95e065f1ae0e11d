"""The three networks of MTCNN (Zhang et al. 2016) in torch, with the weights that the `mtcnn` package ships."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from manifests import DataError

# The files are pickles; only those whose content is known are opened. They are those of mtcnn 1.0.0.
SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}


class MaxPool(nn.Module):
    """Largest of `size` x `size` at a stride of 2. With `ceil`, a last window may reach over the border.

    On a CPU by comparing every second row and column, which takes half as long as torch's own.
    """

    def __init__(self, size: int, ceil: bool = True) -> None:
        super().__init__()
        self.size, self.ceil = size, ceil

    def forward(self, maps: Tensor) -> Tensor:
        if maps.device.type != "cpu":
            return nn.functional.max_pool2d(maps, self.size, 2, ceil_mode=self.ceil)
        return self._pool(self._pool(maps.transpose(2, 3)).transpose(2, 3))

    def _pool(self, maps: Tensor) -> Tensor:
        """Pool along the last axis."""
        spare = maps.shape[3] - self.size
        count = (spare + self.ceil) // 2 + 1
        largest = maps[..., ::2][..., :count].clone()
        for shift in range(1, self.size):
            other = maps[..., shift::2][..., :count]
            part = largest[..., : other.shape[3]]
            torch.maximum(part, other, out=part)
        return largest


class RowPReLU(nn.PReLU):
    """PReLU a row of pixels at a time: of few channels in channels-last maps, several times as fast."""

    def forward(self, maps: Tensor) -> Tensor:
        rows = maps.permute(0, 2, 3, 1)
        flat = torch.prelu(rows.flatten(2).flatten(0, 1), self.weight.repeat(rows.shape[2]))
        return flat.view(rows.shape).permute(0, 3, 1, 2)


def _convolution(inputs: int, outputs: int, size: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, size), nn.PReLU(outputs)


class PNet(nn.Module):
    """Proposals: (B, 3, H, W) in [-1, 1] -> face probability (B, h, w) and features (B, h, w, 32); a cell per 2 px."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv2d(3, 10, 3), RowPReLU(10), MaxPool(2)
        self.features = nn.Sequential(*first, *_convolution(10, 16, 3), *_convolution(16, 32, 3))
        self.offsets, self.classes = nn.Conv2d(32, 4, 1), nn.Conv2d(32, 2, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images).permute(0, 2, 3, 1)
        # Softmax of two is the sigmoid of their difference; one sum a cell instead of two, and four more for offsets.
        kernel, bias = self.classes.weight.flatten(1).diff(dim=0)[0], self.classes.bias
        assert bias is not None
        return torch.sigmoid(features @ kernel + bias.diff()), features

    def offsets_of(self, features: Tensor) -> Tensor:
        """Box offsets (N, 4) of cells with `features` (N, 32)."""
        return nn.functional.linear(features, self.offsets.weight.flatten(1), self.offsets.bias)


class RNet(nn.Module):
    """Refinement: (N, 3, 24, 24) in [-1, 1] -> face probability (N,) and box offsets (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        maps = (*_convolution(3, 28, 3), MaxPool(3), *_convolution(28, 48, 3), MaxPool(3, ceil=False))
        vector = nn.Flatten(), nn.Linear(576, 128), nn.PReLU(128)
        self.features = nn.Sequential(*maps, *_convolution(48, 64, 2), *vector)
        self.offsets, self.classes = nn.Linear(128, 4), nn.Linear(128, 2)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(patches)
        return self.classes(features).softmax(1)[:, 1], self.offsets(features)


class ONet(nn.Module):
    """Output: (N, 3, 48, 48) in [-1, 1] -> face probability (N,), box offsets (N, 4), keypoints (N, 10): x, then y."""

    def __init__(self) -> None:
        super().__init__()
        maps = (*_convolution(3, 32, 3), MaxPool(3), *_convolution(32, 64, 3), MaxPool(3, ceil=False))
        more = (*_convolution(64, 64, 3), MaxPool(2), *_convolution(64, 128, 2))
        self.features = nn.Sequential(*maps, *more, nn.Flatten(), nn.Linear(1152, 256), nn.PReLU(256))
        self.offsets, self.keypoints, self.classes = nn.Linear(256, 4), nn.Linear(256, 10), nn.Linear(256, 2)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.features(patches)
        return self.classes(features).softmax(1)[:, 1], self.offsets(features), self.keypoints(features)


def load_networks(device: str) -> tuple[PNet, RNet, ONet]:
    """The three networks on `device`, ready to detect. Raises DataError when the package's weights are not there."""
    networks = PNet(), RNet(), ONet()
    for name, network in zip(SHA256, networks, strict=True):
        _fill(network, _read(name))
        network.eval().requires_grad_(False).to(device)
        # Without it the first convolution takes the other layout, and all is slower by a third.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs do not know it
    return networks


def _read(name: str) -> list[np.ndarray]:
    """The arrays of one network in Keras's order. The package is not imported: that would start TensorFlow."""
    import joblib

    package = importlib.util.find_spec("mtcnn")
    if package is None or not package.submodule_search_locations:
        raise DataError("the package mtcnn is missing, whose weights are used; pip install mtcnn==1.0.0")
    path = Path(package.submodule_search_locations[0]) / "assets" / "weights" / f"{name}.lz4"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise DataError(f"{path} is missing or not that of mtcnn 1.0.0; pip install --force-reinstall mtcnn==1.0.0")
    return list(joblib.load(path))


def _fill(network: nn.Module, arrays: list[np.ndarray]) -> None:
    """Put Keras's arrays into the layers, which are in the same order."""
    rest = iter(arrays)
    channels = 0  # of the last convolution
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
            _set(layer.weight, next(rest).transpose(3, 2, 0, 1))
            _set(layer.bias, next(rest))
        elif isinstance(layer, nn.PReLU):
            _set(layer.weight, next(rest).reshape(-1))
        elif isinstance(layer, nn.Linear):
            kernel = next(rest)
            if channels:  # the first one reads the last map, which the package flattens as width, height, channels
                side = round((kernel.shape[0] / channels) ** 0.5)
                kernel = kernel.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(kernel.shape)
                channels = 0
            _set(layer.weight, kernel.T)
            _set(layer.bias, next(rest))


def _set(parameter: Tensor | None, values: np.ndarray) -> None:
    assert parameter is not None
    assert parameter.shape == values.shape, "a layer that the file does not have"
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))
