"""Tests of the batched degradation: against the reference with its real files, and against itself in other batches."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from gfr_data.degradation.reference import degrade_image
from gfr_model.degradation import axes
from gfr_model.degradation.batch import _groups, _low_resolution, degrade_arrays, degrade_batch, upsample
from gfr_model.degradation.matrices import operators
from gfr_model.degradation.noise import noise_of
from manifests.degradation.draws import Degradation, draw_many, pair_keys, stack
from manifests.degradation.noise import noise
from manifests.degradation.resampling import low_size
from manifests.degradation.space import PAPER_SPACE, DegradationSpace
from tests.gfr_model.degradation.pictures import demand_no_waiting, photographs, shapes, tensor

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
PART = 50  # samples of a batch


def drawn(count: int, space: DegradationSpace = PAPER_SPACE, copy: int = 0):
    return draw_many(space, pair_keys(0, [f"pair {number}" for number in range(count)]), copy)


def assert_same_as_reference(images: np.ndarray, count: int, device: str, copy: int) -> None:
    """Over `count` draws of the full space, shared out over `images`."""
    draws = drawn(count, copy=copy)
    which = np.arange(count) % len(images)
    for start in range(0, count, PART):
        part = slice(start, start + PART)
        some = draws[part]
        degraded = degrade_batch(tensor(images[which[part]]).to(device), some).cpu().permute(0, 2, 3, 1).numpy()
        for number in range(PART):
            reference = degrade_image(images[which[start + number]], some.at(number))
            # A division by 255 in float32 and its reversal are all that lies between them.
            np.testing.assert_allclose(degraded[number] * 255, reference.image, atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
def test_a_hundred_draws_equal_the_reference_on_drawn_pictures(device):
    assert_same_as_reference(shapes(20), 100, device, copy=0)


@pytest.mark.parametrize("device", DEVICES)
def test_five_hundred_draws_equal_the_reference_on_real_faces(real_faces, device):
    faces = [photographs(real_faces / source, 20) for source in ("vggface2", "casia-webface")]
    assert_same_as_reference(np.concatenate(faces), 500, device, copy=1)


@pytest.mark.parametrize("device", DEVICES)
def test_five_hundred_draws_equal_the_reference_on_rendered_faces(tmp_path, device):
    from gfr_data.sample.write import render_sample

    render_sample(tmp_path, identities=3, photos=2, seed=5)
    assert_same_as_reference(photographs(tmp_path, 12), 500, device, copy=2)


@pytest.mark.parametrize("device", DEVICES)
def test_low_resolution_images_are_the_files_pixels(device):
    images, draws = shapes(PART), drawn(PART, copy=3)
    there = tensor(images).to(device)
    ops = operators(PAPER_SPACE, there.shape[-1], there.device)
    low = {}
    for group in _groups(draws, there.shape[-1], ops, there.device):
        made = _low_resolution(there[group.index], group, ops).permute(0, 2, 3, 1).cpu().numpy()
        low |= dict(zip(group.index.tolist(), made, strict=True))
    for number in range(PART):
        reference = degrade_image(images[number], draws.at(number))
        side = low_size(draws.scale[number])
        np.testing.assert_array_equal(low[number][:side, :side], reference.low)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(reference.content))), reference.low)


@pytest.mark.parametrize("device", DEVICES)
def test_a_sample_does_not_depend_on_its_company(device):
    images, draws = tensor(shapes(24)).to(device), drawn(24, copy=5)
    together = degrade_batch(images, draws)
    order = np.random.default_rng(1).permutation(24)
    assert torch.equal(degrade_batch(images[order.tolist()], draws[order]), together[order.tolist()])
    for number in (0, 7, 23):
        alone = draw_many(PAPER_SPACE, pair_keys(0, [f"pair {number}"]), 5)
        assert torch.equal(degrade_batch(images[number : number + 1], alone)[0], together[number])


def test_a_gpu_s_groups_give_the_bits_of_a_core_s(monkeypatch):
    images, draws = tensor(shapes(24)), drawn(24, copy=5)
    wanted = degrade_batch(images, draws)
    monkeypatch.setattr(axes, "ON_CPU", axes.ON_GPU)
    assert torch.equal(degrade_batch(images, draws), wanted)


def test_a_smaller_space_gives_what_the_whole_one_gives():
    images, draws = tensor(shapes(8)), drawn(8)
    again = stack([draws.at(number) for number in range(8)])
    assert torch.equal(degrade_batch(images, again), degrade_batch(images, draws))


def test_epochs_differ_in_parameters_and_noise():
    space = DegradationSpace((0.0,), (1.0,), (7,), (0,))
    images = tensor(shapes(1))
    assert not torch.equal(degrade_batch(images, drawn(1, space, 0)), degrade_batch(images, drawn(1, space, 1)))


def test_everything_off_changes_nothing():
    images = tensor(shapes(3))
    degraded = degrade_batch(images, stack([Degradation()] * 3))
    assert torch.equal(degraded, images.double().div(255).float())


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_other_sizes_equal_the_reference_too(size):
    images, draws = shapes(16, size), drawn(16)
    degraded = degrade_arrays(images, draws)
    for number in range(16):
        reference = degrade_image(images[number], draws.at(number), size)
        np.testing.assert_allclose(degraded[number], reference.image, atol=1e-4)


def test_a_stored_file_upsamples_to_what_the_batch_has():
    images, draws = shapes(12), drawn(12)
    degraded = degrade_batch(tensor(images), draws)
    for number in range(12):
        content = degrade_image(images[number], draws.at(number)).content
        low = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert torch.equal(upsample(torch.from_numpy(low.copy()).permute(2, 0, 1)), degraded[number])


@pytest.mark.parametrize("device", DEVICES)
def test_noise_is_the_references_to_the_last_bit(device):
    keys = [0, 1, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x0123456789ABCDEF]
    sizes, sigma = torch.tensor([16, 5, 33, 48, 47, 1]), torch.tensor([1, 2, 3, 7, 5, 0])
    halves = (torch.tensor([part(key) for key in keys]) for part in (lambda k: k & 0xFFFFFFFF, lambda k: k >> 32))
    found = noise_of(*(one.to(device) for one in (sigma, *halves, sizes)), 48).cpu().numpy()
    for number, (key, size) in enumerate(zip(keys, sizes.tolist(), strict=True)):
        wanted = noise(int(sigma[number]), key, size, size)
        np.testing.assert_array_equal(found[number, :, :size, :size], wanted)
        np.testing.assert_array_equal(
            found[number, :, size - 1 :, :size], np.broadcast_to(wanted[:, -1:], (3, 49 - size, size))
        )


def test_what_is_no_batch_of_crops_is_refused():
    draws = drawn(2)
    for images, message in (
        (torch.zeros(2, 3, 256, 256), r"uint8 .*\(B, 3, S, S\), but are torch.float32"),
        (torch.zeros(2, 1, 256, 256, dtype=torch.uint8), r"but are torch.uint8 \(2, 1, 256, 256\)"),
        (torch.zeros(2, 3, 256, 128, dtype=torch.uint8), r"but are torch.uint8 \(2, 3, 256, 128\)"),
        (torch.zeros(3, 3, 256, 256, dtype=torch.uint8), "one for each of 3 images, but are 2"),
    ):
        with pytest.raises(ValueError, match=message):
            degrade_batch(images, draws)
    for low in (
        torch.zeros(3, 8, 8),
        torch.zeros(3, 300, 300, dtype=torch.uint8),
        torch.zeros(8, 8, dtype=torch.uint8),
    ):
        with pytest.raises(ValueError, match=r"low must be uint8 of shape \(3, n, n\)"):
            upsample(low)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_host_never_waits_for_the_device():
    demand_no_waiting(tensor(shapes(8)), drawn(8))
