"""Networks of other packages: LPIPS, DISTS, FID's Inception. Their backbones are files that the user has got.

Each package asks torch.hub for its backbone, which would download it. Here torch.hub is shown a folder in which it
lies already, and the file is read once before with nothing but tensors allowed, because the packages unpickle it.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from manifests import DataError

# Under these names the packages ask for their backbones.
ALEXNET, VGG16, INCEPTION = (
    "alexnet-owt-7be5be79.pth",
    "vgg16-397923af.pth",
    "pt_inception-2015-12-05-6726825d.pth",
)


def load_lpips(backbone: Path) -> nn.Module:
    """LPIPS 0.1 on AlexNet (Zhang et al., CVPR 2018), the package lpips: called with `normalize=True`, (B, 1, 1, 1).

    Raises DataError where the package or the file is not what it should be; so do the others.
    """
    return _built("lpips", ALEXNET, backbone, lambda package: package.LPIPS(net="alex", verbose=False))


def load_dists(backbone: Path, heads: Path) -> nn.Module:
    """DISTS (Ding et al., TPAMI 2022) on VGG-16, the package DISTS_pytorch: two batches in [0, 1] to (B,).

    heads: the package's `weights.pt`, which it looks for where pip no longer puts it.
    """
    network = _built("DISTS_pytorch", VGG16, backbone, lambda package: package.DISTS(load_weights=False))
    try:
        network.load_state_dict(_tensors(heads), strict=False)
    except RuntimeError as error:
        raise DataError(f"{heads} is not the weights.pt of DISTS ({_line(error)}); get it again") from error
    return network


def load_inception(backbone: Path) -> nn.Module:
    """FID's Inception (Heusel et al., NeurIPS 2017) in pytorch-fid: images in [0, 1] to a list of one, (B, 2048, 1, 1).

    It enlarges them to 299x299 itself, bilinearly.
    """
    return _built("pytorch_fid.inception", INCEPTION, backbone, lambda package: package.InceptionV3())


def pooled(inception: nn.Module, images: Tensor) -> Tensor:
    """What FID compares of images (B, 3, H, W) in [0, 1]: (B, 2048)."""
    features: Tensor = inception(images)[0]
    return features.flatten(1)


def _built(package: str, name: str, backbone: Path, build: Callable[[Any], nn.Module]) -> nn.Module:
    """What `build` makes of a package whose backbone is called `name`. It does not learn."""
    try:
        module = import_module(package)
    except (ImportError, RuntimeError, OSError) as error:  # torchvision of another build than torch's fails anyhow
        raise DataError(
            f"the package {package} cannot be imported ({_line(error)}): pip install 'gfrnet-toolkit[metrics]', with "
            "torchvision from where torch came from"
        ) from error
    _tensors(backbone)
    try:
        with _hub(name, backbone), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of torchvision, about how the package calls it
            return build(module).eval().requires_grad_(False)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise DataError(f"{backbone} is not the backbone {name} of {package} ({_line(error)})") from error


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of torch, by name; anything else in it is refused."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the bytes of some other file make torch raise
        raise DataError(f"{path} does not hold tensors alone ({_line(error)}); get it again") from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise DataError(f"{path} does not hold tensors by name; get it again")
    return found


@contextmanager
def _hub(name: str, file: Path) -> Iterator[None]:
    """Make torch.hub find `file` under `name`."""
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoints").mkdir()
        (Path(folder) / "checkpoints" / name).symlink_to(file.resolve())
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
