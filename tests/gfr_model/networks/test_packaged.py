"""Networks of other packages, on stand-ins: packages that ask torch.hub for a backbone as the true ones do."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from gfr_model.networks import packaged
from gfr_model.networks.packaged import load_dists, load_inception, load_lpips, pooled
from manifests import DataError


class Asking(nn.Module):
    """A network with one convolution, which it gets from torch.hub as torchvision does: unpickled, not checked."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, bias=False)
        self.conv.load_state_dict(torch.hub.load_state_dict_from_url(f"https://nowhere.invalid/{name}"))

    def features(self, images):
        return self.conv(images).mean((2, 3), keepdim=True)


class StandInLpips(Asking):
    def __init__(self, net, verbose):
        assert (net, verbose) == ("alex", False)
        super().__init__(packaged.ALEXNET)

    def forward(self, first, second, normalize):
        assert normalize
        return (self.features(first) - self.features(second)).square().sum(1, keepdim=True)


class StandInDists(Asking):
    def __init__(self, load_weights):
        assert not load_weights
        super().__init__(packaged.VGG16)
        self.alpha = nn.Parameter(torch.zeros(1, 5, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, 5, 1, 1))

    def forward(self, first, second):
        off = self.features(first) - self.features(second)
        return (self.alpha * off.square() + self.beta * off.abs()).sum((1, 2, 3)).squeeze()


class StandInInception(Asking):
    def __init__(self):
        super().__init__(packaged.INCEPTION)

    def forward(self, images):
        return [self.features(images)]


@pytest.fixture
def packages(monkeypatch):
    stand_ins = {
        "lpips": {"LPIPS": StandInLpips},
        "DISTS_pytorch": {"DISTS": StandInDists},
        "pytorch_fid": {},
        "pytorch_fid.inception": {"InceptionV3": StandInInception},
    }
    for name, content in stand_ins.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def backbone(tmp_path):
    weight = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.save({"weight": weight}, tmp_path / "any-name.pth")
    return tmp_path / "any-name.pth"


@pytest.fixture
def images():
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.usefixtures("packages")
def test_backbones_are_the_file_s_nothing_is_downloaded_and_the_hub_is_as_before(backbone, images):
    before = torch.hub.get_dir()
    weight = torch.load(backbone, weights_only=True)["weight"]
    wanted = nn.functional.conv2d(images, weight).mean((2, 3))
    inception = load_inception(backbone)
    torch.testing.assert_close(pooled(inception, images), wanted)
    assert not inception.training
    assert not any(parameter.requires_grad for parameter in inception.parameters())
    found = load_lpips(backbone)(images, images.flip(0), normalize=True)
    torch.testing.assert_close(found.flatten(), (wanted - wanted.flip(0)).square().sum(1))
    assert torch.hub.get_dir() == before


@pytest.mark.usefixtures("packages")
def test_dists_takes_its_heads_from_the_file_that_pip_lost(backbone, images, tmp_path):
    heads = {"alpha": torch.rand(1, 5, 1, 1), "beta": torch.rand(1, 5, 1, 1)}
    torch.save(heads, tmp_path / "heads.pt", _use_new_zipfile_serialization=False)  # as the package's is
    network = load_dists(backbone, tmp_path / "heads.pt")
    off = (network.features(images) - network.features(images.flip(0))).abs()
    wanted = (heads["alpha"] * off**2 + heads["beta"] * off).sum((1, 2, 3))
    torch.testing.assert_close(network(images, images.flip(0)), wanted)
    torch.save({"alpha": torch.rand(2)}, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"is not the weights\.pt of DISTS"):
        load_dists(backbone, tmp_path / "other.pt")


class Harm:
    def __reduce__(self):
        return (pytest.fail, ("code of the file was run",))


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("content", ["harm", "junk", "list", "other"])
def test_a_file_that_is_no_backbone_is_refused_before_a_package_unpickles_it(tmp_path, content):
    file = tmp_path / "file.pth"
    if content == "junk":
        file.write_bytes(b"junk")
    else:
        torch.save({"harm": {"a": Harm()}, "list": [torch.ones(1)], "other": {"a": torch.ones(1)}}[content], file)
    with pytest.raises(DataError, match=str(file)):
        load_lpips(file)


def test_a_package_that_is_not_there_or_does_not_start_is_a_sentence(monkeypatch, backbone):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(
        DataError, match=r"the package lpips cannot be imported .*pip install 'gfrnet-toolkit\[metrics\]'"
    ):
        load_lpips(backbone)
