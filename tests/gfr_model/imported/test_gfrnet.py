"""The authors' Torch7 file becomes a run that restores as their test.lua does; what is not understood is refused.

The files are written here, as nngraph and pix2pix would: activation before convolution, in place, biases before norms.
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from PIL import Image
from scipy.ndimage import map_coordinates

from cli.eval import main
from gfr_model.imported.gfrnet import import_gfrnet
from gfr_model.inference import load_model
from manifests import ConfigError, DataError
from tests.gfr_model.torch7_files import Object, Table, save_torch7

WARP, REC = (4, 6, 8, 8), (4, 6, 8, 5)  # channels on their way down; the authors' have eight layers each
SIZE = 256
PHOTO = Path(__file__).parents[2] / "gfr_data" / "faces" / "data" / "person_0.jpg"


class Nodes:
    """Builds what nngraph saves: nodes in the order in which they are run."""

    def __init__(self, seed=0):
        self.nodes, self.weights, self.random = [], [], np.random.default_rng(seed)

    def node(self, *parents, **data):
        table = Table(data.items())
        index = Table([(place, parent) for place, parent in enumerate(parents, start=1)])
        index += [(parent, place) for place, parent in enumerate(parents, start=1)]
        table.append(("mapindex", index))
        self.nodes.append(Object(["nngraph.Node", Table([("data", table), ("id", len(self.nodes) + 1.0)])]))
        return table

    def __call__(self, name, *parents, **fields):
        return self.node(*parents, module=(name, {"train": True, "output": np.zeros(2), **fields}))

    def conv(self, parent, inputs, outputs, full=False):
        shape = (inputs, outputs, 4, 4) if full else (outputs, inputs, 4, 4)
        weight, bias = self.random.normal(0, 0.15, shape), self.random.normal(0, 0.1, outputs)
        self.weights += [weight, bias]
        square = {f"{letter}{side}": value for letter, value in (("k", 4), ("d", 2), ("pad", 1)) for side in "WH"}
        fields = {"nInputPlane": inputs, "nOutputPlane": outputs, "weight": weight, "bias": bias, **square}
        name = "cudnn.SpatialFullConvolution" if full else "cudnn.SpatialConvolution"
        return self(name, parent, **fields | ({"adjW": 0, "adjH": 0} if full else {}))

    def norm(self, parent, channels, **fields):
        weight, bias = self.random.normal(1, 0.2, channels), self.random.normal(0, 0.1, channels)
        self.weights += [weight, bias]
        mean, var = np.full(channels, 0.3), np.full(channels, 2.0)
        return self(
            "nn.SpatialBatchNormalization",
            parent,
            **{"weight": weight, "bias": bias, "running_mean": mean, "running_var": var, "eps": 1e-5, **fields},
        )

    def gmodule(self):
        nodes = Table([(place, node) for place, node in enumerate(self.nodes, start=1)])
        for one, after in pairwise(self.nodes):  # the graph itself, which goes deep
            one[1].append(("children", Table([(1, after)])))
        return Object(["nn.gModule", Table([("nInputs", 2), ("forwardnodes", nodes), ("fg", self.nodes[0])])])


def _gfrnet(norm=None, outputs=(0, 1, 2), last="nn.Sigmoid", **sampler):
    """Nodes of a small GFRNet, and its weights in order."""
    n = Nodes()
    start = n.node()
    a, b = n.node(start, selectindex=1), n.node(start, selectindex=2)
    x = n("nn.JoinTable", a, b, dimension=2, nInputDims=0)
    x = n.conv(x, 6, WARP[0])
    for before, now in pairwise(WARP):
        x = n.norm(n.conv(n("nn.LeakyReLU", x, negval=0.2, inplace=True), before, now), now, **norm or {})
    for before, now in pairwise(WARP[::-1]):
        x = n.norm(n.conv(n("cudnn.ReLU", x, inplace=True), before, now, full=True), now)
    grid = n("nn.Tanh", n.conv(n("nn.ReLU", x, inplace=True, threshold=0, val=0), WARP[0], 2, full=True))
    order = Table([(1, Table([(1, 2), (2, 3)])), (2, Table([(1, 3), (2, 4)]))])  # BDHW to BHWD
    back = Table([(1, Table([(1, 3), (2, 4)])), (2, Table([(1, 2), (2, 3)]))])
    seen = n(
        "nn.BilinearSamplerBHWD", n("nn.Transpose", b, permutations=order), n("nn.Transpose", grid, permutations=order)
    )
    warped = n("nn.Transpose", seen, permutations=back)
    x = n.conv(n("nn.JoinTable", a, n("nn.Identity", warped), dimension=2, nInputDims=0), 6, REC[0])
    skips = [x]
    for before, now in pairwise(REC):
        x = n.norm(n.conv(n("nn.LeakyReLU", x, negval=0.2, inplace=True), before, now), now)
        skips.append(x)
    x = n(
        "nn.Dropout",
        n.norm(n.conv(n("nn.ReLU", skips.pop(), inplace=True), REC[-1], REC[-2], full=True), REC[-2]),
        v2=True,
        p=0.5,
    )
    for before, now in zip(REC[-2::-1], [*REC[-3::-1], 3], strict=True):
        x = n("nn.ReLU", n("nn.JoinTable", x, skips.pop(), dimension=2, nInputDims=0), inplace=True)
        x = n.conv(x, 2 * before, now, full=True)
        x = n.norm(x, now) if now != 3 else n(last, x)
    n.node(*[(warped, grid, x)[place] for place in outputs])
    return n


def _expected(weights, degraded, guide, norm):
    """The same in plain functions, RGB; the guide is sampled by SciPy."""
    w = iter([torch.tensor(np.asarray(one, np.float32), dtype=torch.float64) for one in weights])
    a, b = degraded.double().flip(1), guide.double().flip(1)

    def conv(x):
        return F.conv2d(x, next(w), next(w), 2, 1)

    def deconv(x):
        return F.conv_transpose2d(x, next(w), next(w), 2, 1)

    def image_norm(x):
        return F.instance_norm(x, weight=next(w), bias=next(w))

    x = conv(torch.cat((a, b), 1))
    for _ in WARP[1:]:
        x = norm(conv(F.leaky_relu(x, 0.2)), w)
    for _ in WARP[1:]:
        x = image_norm(deconv(x.relu()))
    grid = deconv(x.relu()).tanh()
    y, x = (grid[0].numpy() + 1) * (SIZE - 1) / 2
    warped = torch.tensor(np.stack([map_coordinates(plane, (y, x), order=1) for plane in b[0].numpy()]))[None]
    x = conv(torch.cat((a, warped), 1))
    skips = [x]
    for _ in REC[1:]:
        x = image_norm(conv(F.leaky_relu(x, 0.2)))
        skips.append(x)
    x = image_norm(deconv(F.relu(skips.pop())))
    for left in (2, 1, 0):
        x = deconv(torch.cat((x, skips.pop()), 1).relu())
        x = image_norm(x) if left else x.sigmoid()
    return x.flip(1), warped.flip(1), grid.flip(1)


def _images():
    generator = torch.Generator().manual_seed(3)
    small = torch.rand(2, 3, 16, 16, generator=generator)
    return F.interpolate(small, (SIZE, SIZE), mode="bicubic").clamp(0, 1).split(1)


@pytest.fixture(scope="module")
def netg(tmp_path_factory):
    nodes, path = _gfrnet(), tmp_path_factory.mktemp("t7") / "netG.t7"
    save_torch7(path, nodes.gmodule())
    return path, nodes.weights


@pytest.mark.parametrize("trained", [True, False])
def test_the_run_restores_as_test_lua_does(tmp_path, trained):
    """Statistics of the image where a norm was saved in training, its averages where it was not."""
    nodes = _gfrnet(None if trained else {"train": False})
    save_torch7(tmp_path / "netG.t7", nodes.gmodule())
    said = import_gfrnet(tmp_path / "netG.t7", tmp_path / "run")
    assert said.dropouts == 1
    model = load_model(tmp_path / "run")
    degraded, guide = _images()
    with torch.inference_mode():
        made = model.network(degraded, guide)

    def norm(x, w):
        weight, bias = next(w), next(w)
        if trained:
            return F.instance_norm(x, weight=weight, bias=bias)
        return F.batch_norm(x, torch.full_like(weight, 0.3), torch.full_like(weight, 2.0), weight, bias)

    for found, wanted in zip(made[:3], _expected(nodes.weights, degraded, guide, norm), strict=True):
        torch.testing.assert_close(found.double(), wanted, atol=2e-4, rtol=0)
    assert model.needs_guide


def test_the_command_makes_a_run_that_restores_a_photograph(netg, tmp_path):
    found = CliRunner().invoke(main, ["import", str(netg[0]), "--out", str(tmp_path / "run"), "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["layers"] > 60
    config = (tmp_path / "run/config.toml").read_text(encoding="utf-8")
    assert "conv 6 4 4 2 1 < 4" in config
    out = tmp_path / "out.png"
    options = ("--run", str(tmp_path / "run"), "--guide", str(PHOTO.with_stem("person_1")), "--out", str(out))
    restored = CliRunner().invoke(main, ["restore", str(PHOTO), *options])
    assert restored.exit_code == 0, restored.output
    assert out.exists()
    again = CliRunner().invoke(main, ["import", str(netg[0]), "--out", str(tmp_path / "run")])
    assert again.exit_code == 0, again.output


def test_another_file_and_a_strange_folder_are_never_overwritten(netg, tmp_path):
    import_gfrnet(netg[0], tmp_path / "run")
    before = (tmp_path / "run/model.safetensors").read_bytes()
    save_torch7(tmp_path / "other.t7", _gfrnet(last="nn.Tanh").gmodule())
    with pytest.raises(ConfigError, match="another file"):
        import_gfrnet(tmp_path / "other.t7", tmp_path / "run")
    assert (tmp_path / "run/model.safetensors").read_bytes() == before
    import_gfrnet(tmp_path / "other.t7", tmp_path / "run", overwrite=True)
    assert (tmp_path / "run/model.safetensors").read_bytes() != before
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / "mine/photo.png")
    with pytest.raises(DataError, match=r"photo\.png"):
        import_gfrnet(netg[0], tmp_path / "mine")


def _replaced(nodes, name, new):
    """Another module in the place of the last one of this name."""
    for node in reversed(nodes.nodes):
        data = node[1][0][1]
        for place, (key, value) in enumerate(data):
            if key == "module" and value[0] == name:
                data[place] = (key, new(value))
                return nodes
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _gfrnet(outputs=(0, 1)), "gives 2 values, test.lua takes the third"),
        (lambda: _gfrnet(outputs=(0, 1, 1)), r"its result is \(1, 2, 256, 256\), no image"),
        (lambda: _gfrnet(last="nn.SpatialSoftMax"), r"layer \d+, nn.SpatialSoftMax, is of a kind that is not known"),
        (
            lambda: _replaced(_gfrnet(), "nn.Dropout", lambda m: (m[0], {"p": 0.5})),
            "nn.Dropout, is of the first version",
        ),
        (
            lambda: _replaced(_gfrnet(), "cudnn.SpatialConvolution", lambda m: (m[0], m[1] | {"kW": 3})),
            "SpatialConvolution, has kW 3 and kH 4",
        ),
        (
            lambda: _replaced(_gfrnet(), "cudnn.SpatialConvolution", lambda m: (m[0], m[1] | {"weight": np.ones(3)})),
            "SpatialConvolution, has no 640 finite numbers under weight",
        ),
        (
            lambda: _replaced(_gfrnet(), "nn.JoinTable", lambda m: (m[0], m[1] | {"dimension": 3})),
            "JoinTable, joins something else than channels",
        ),
        (
            lambda: _replaced(_gfrnet(), "cudnn.SpatialConvolution", lambda m: ("nn.Identity", {})),
            r"do not fit each other: layer \d+, norm 5 .* cannot take \(1, 8, 32, 32\)",
        ),
        (
            lambda: _replaced(_gfrnet(), "nn.BilinearSamplerBHWD", lambda m: ("nn.JoinTable", {"dimension": 2})),
            "0 layers BilinearSamplerBHWD",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_its_name_and_leaves_nothing(tmp_path, make, message):
    save_torch7(tmp_path / "netG.t7", make().gmodule())
    with pytest.raises(DataError, match=message):
        import_gfrnet(tmp_path / "netG.t7", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_module_within_itself_is_refused(tmp_path):
    endless = Object(["nn.Sequential", Table()])
    endless[1].append(("modules", Table([(1, endless)])))
    save_torch7(tmp_path / "netG.t7", _replaced(_gfrnet(), "nn.Dropout", lambda m: endless).gmodule())
    with pytest.raises(DataError, match="without end"):
        import_gfrnet(tmp_path / "netG.t7", tmp_path / "run")


def test_files_of_something_else_are_refused_in_one_line(tmp_path, netg):
    save_torch7(tmp_path / "vgg.t7", ("nn.Sequential", {"modules": {}}))
    (tmp_path / "cut.t7").write_bytes(netg[0].read_bytes()[:2000])
    for name, message in (("vgg.t7", "holds nn.Sequential"), ("cut.t7", "no Torch7 file"), ("none.t7", "no file")):
        found = CliRunner().invoke(main, ["import", str(tmp_path / name), "--out", str(tmp_path / "run")])
        assert found.exit_code == 1, found.output
        assert message in found.stderr
        assert len(found.stderr.strip().splitlines()) == 1


def test_wrong_bytes_never_raise_anything_else(tmp_path, netg):
    whole, random = netg[0].read_bytes(), np.random.default_rng(0)
    for number in range(60):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 20):
            data[place] = random.integers(256)
        (tmp_path / "wrong.t7").write_bytes(bytes(data))
        try:
            import_gfrnet(tmp_path / "wrong.t7", tmp_path / f"run{number}")
        except DataError:
            assert not (tmp_path / f"run{number}").exists()
        shutil.rmtree(tmp_path / f"run{number}", ignore_errors=True)
