import pytest
import torch

from gfr_model import checkpoint
from gfr_model.networks.build import build_network
from gfr_model.presets import resolve
from gfr_model.training.initial import read_initial, take_over
from manifests import ConfigError

SMALL = {"image_size": 64, "width": 4, "points_width": 4, "vgg_face": "off"}


def _config(**changes):
    return resolve("paper", changes=SMALL | changes)


@pytest.fixture
def points_run(tmp_path):
    """A run folder of an untrained network of landmarks."""
    config = _config(model="points")
    state = {f"network.{name}": value for name, value in build_network(config).state_dict().items()}
    checkpoint.write(tmp_path / "points" / checkpoint.MODEL_FILE, state, config, {})
    return tmp_path / "points"


def test_weights_of_landmarks_are_taken_over_into_gfrnet_and_counted(points_run):
    config = _config(alignment="landmarks", init=(str(points_run),))
    network = build_network(config)
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    tensors = read_initial(config)
    said = take_over(network, tensors, config)
    assert f"{len(tensors)} of {len(tensors)} of points, 0 of " in said
    for name, value in network.state_dict().items():
        assert torch.equal(value, tensors.get(name, fresh[name])), name


def test_of_several_the_last_one_that_has_a_weight_counts(points_run, tmp_path):
    config = _config(alignment="landmarks", init=(str(points_run),))
    torch.manual_seed(1)
    whole = {f"network.{name}": value for name, value in build_network(config).state_dict().items()}
    checkpoint.write(tmp_path / "whole" / checkpoint.MODEL_FILE, whole, config, {})
    both = _config(alignment="landmarks", init=(str(tmp_path / "whole"), str(points_run)))
    found, points = read_initial(both), read_initial(config)
    assert points.keys() < found.keys()
    for name, value in found.items():
        assert torch.equal(value, points[name] if name in points else whole[f"network.{name}"]), name


def test_only_tensors_of_the_same_shape_are_taken_over(points_run):
    wider = _config(points_width=8, model="points", init=(str(points_run),))
    said = take_over(build_network(wider), read_initial(wider), wider)
    assert "points" in said  # the last bias has 68 values at any width
    config = _config(points_width=8, alignment="landmarks", init=(str(points_run),))
    with pytest.raises(ConfigError, match="points_width"):
        take_over(build_network(config), read_initial(config), config)


def test_landmarks_of_a_run_without_their_correction_begin_one_with_it_and_align_nothing_that_wants_it(points_run):
    corrected = _config(points_hidden=4, model="points", init=(str(points_run),))
    said = take_over(build_network(corrected), read_initial(corrected), corrected)
    assert f"{len(read_initial(corrected))} of " in said
    config = _config(points_hidden=4, alignment="landmarks", init=(str(points_run),))
    with pytest.raises(ConfigError, match="points_hidden"):
        take_over(build_network(config), read_initial(config), config)


def test_weights_of_which_none_fits_are_refused(points_run):
    config = _config(model="srcnn", init=(str(points_run),))
    with pytest.raises(ConfigError, match="no weights there fit"):
        take_over(build_network(config), read_initial(config), config)


def test_alignment_without_a_trained_network_of_landmarks_is_refused():
    with pytest.raises(ConfigError, match="pass --init"):
        read_initial(_config(alignment="landmarks"))
    assert read_initial(_config(alignment="landmarks", variant="-WG")) == {}


@pytest.mark.parametrize(("name", "first"), [("srgan", "srresnet"), ("msrgan", "msrresnet")])
def test_srgan_begins_with_the_network_of_the_squared_error(name, first, tmp_path):
    with pytest.raises(ConfigError, match=rf"{name} begins with a trained {first}.*--init"):
        read_initial(_config(model=name))
    before = build_network(_config(model=first))
    state = {f"network.{key}": value for key, value in before.state_dict().items()}
    checkpoint.write(tmp_path / first / checkpoint.MODEL_FILE, state, _config(model=first), {})
    config = _config(model=name, init=(str(tmp_path / first),))
    network = build_network(config)
    take_over(network, read_initial(config), config)
    assert all(torch.equal(value, before.state_dict()[key]) for key, value in network.state_dict().items())
