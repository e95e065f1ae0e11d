"""VGG19 (Simonyan and Zisserman, ICLR 2015) as torchvision trained it: SRGAN and DeblurGAN compare its features."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gfr_model.networks.vggface.files import HDF5, load_vggface
from gfr_model.networks.vggface.network import LAYERS as LAYERS_OF_16
from gfr_model.networks.vggface.network import VggFace, layers_of, layers_up_to, stacked
from manifests import DataError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue of ImageNet, as torchvision has them
UNIT = 12.3  # root mean square of VGG16-HED's features on four photographs: 12.4 at conv3_3, 12.2 at conv5_3
LAYERS = tuple(layers_of(((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))))
ADVICE = "`gfr-data weights get vgg19` gets torchvision's, --vgg19 vgg16-hed takes another network in its place"


class Vgg19(nn.Module):
    """The layers up to a convolution and its ReLU."""

    def __init__(self, layer: str = "conv5_4") -> None:
        super().__init__()
        self.layers = stacked(layers_up_to(layer, LAYERS, "VGG19"))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Return the feature map of images (B, 3, H, W), RGB in [0, 1]; at conv5_4 it is (B, 512, H/16, W/16)."""
        features: Tensor = self.layers((image.to(self.mean.dtype) - self.mean) / self.deviation)
        return features


class Substitute(nn.Module):
    """A VGG-16 in VGG19's place, its features brought to a root mean square near 1."""

    def __init__(self, network: VggFace) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return the feature map of images (B, 3, H, W), RGB in [0, 1]."""
        features: Tensor = self.network(image) / UNIT
        return features


def load_vgg19(path: Path, layer: str = "conv5_4") -> nn.Module:
    """Load VGG19 up to the convolution `layer`, its ReLU included, as both papers write ("after activation").

    Reads torchvision's file, a state dictionary of which nothing is run; a Keras file (.h5) is VGG16-HED, the VGG-16 of
    an edge detector, at its convolution of that name or the last of that block. Raises DataError saying what to get,
    when the file is missing or something else.
    """
    network = Vgg19(layer)  # knows the layer, or raises
    if not path.is_file():
        raise DataError(f"there is no file {path} with VGG19's weights: {ADVICE}")
    with path.open("rb") as file:
        if file.read(4) == HDF5:
            return Substitute(load_vggface(path, _in_16(layer))).eval()
    state = _read(path)
    if f"features.{LAYERS[-1].place}.weight" not in state:  # VGG-16 begins alike
        raise DataError(f"{path} is not VGG19: it has no features.{LAYERS[-1].place}; {ADVICE}")
    wanted = {name: value for name, value in network.state_dict().items() if name.startswith("layers.")}
    found = {name: state.get(name.replace("layers.", "features.")) for name in wanted}
    for name, value in wanted.items():
        tensor, shape = found[name], tuple(value.shape)
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise DataError(f"{path} is not VGG19: {name.replace('layers.', 'features.')} is no {shape}; {ADVICE}")
        if not tensor.isfinite().all():
            raise DataError(f"{path} is damaged: it has values that are not finite; get the file again")
    network.load_state_dict(found)
    return network.eval()


def _in_16(layer: str) -> str:
    """The convolution of a VGG-16 that stands for one of VGG19."""
    names = [one.name for one in LAYERS_OF_16]
    return layer if layer in names else [name for name in names if name.startswith(layer[:-1])][-1]


def _read(path: Path) -> Mapping[str, object]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged, or a pickle of more than tensors, which is not run
        raise DataError(f"{path} is damaged or no file of tensors alone, which is not loaded: {ADVICE}") from error
    if not isinstance(state, Mapping):
        raise DataError(f"{path} holds no tensors by name: {ADVICE}")
    return state
