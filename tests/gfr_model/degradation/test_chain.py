"""Tests of the batched form beyond eq. 4: against the reference with its real files, and against itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from gfr_data.degradation.reference import degrade_image
from gfr_model.degradation import axes
from gfr_model.degradation.batch import degrade_arrays, degrade_batch
from gfr_model.degradation.blur import blur
from gfr_model.degradation.chain import through
from manifests.degradation.chains import draw_chains, stack_chains
from manifests.degradation.draws import pair_keys
from manifests.degradation.kernels import KERNEL_ONE, kernel
from manifests.degradation.passes import WIDE, Chain, ChainSpace, Pass
from manifests.settings import change
from tests.gfr_model.degradation.pictures import demand_no_waiting, photographs, shapes, tensor

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
# Everything at once, and to the ends of what a file may ask for.
HARSH = change(
    WIDE,
    {
        "first_share": 0.7,
        "first": {"blur_sigma": "0:2:20", "motion_length": "0,30,60", "motion_length_share": 1, "scale": "1,2,16"},
        "last": {"noise_sigma": "0,50", "jpeg_quality": "0,1,50,100", "scale": "1,1.3,8,32", "blur_ratio": "0.05,0.5"},
    },
)


def drawn(count: int, space: ChainSpace = WIDE, copy: int = 0):
    return draw_chains(space, pair_keys(0, [f"pair {number}" for number in range(count)]), copy)


def assert_same_as_reference(images: np.ndarray, draws, device: str = "cpu", part: int = 40) -> None:
    size, which = images.shape[1], np.arange(len(draws)) % len(images)
    for start in range(0, len(draws), part):
        some, those = draws[start : start + part], which[start : start + part]
        degraded = degrade_batch(tensor(images[those]).to(device), some).cpu().permute(0, 2, 3, 1).numpy()
        for number, image in enumerate(images[those]):
            reference = degrade_image(image, some.at(number), size)
            # A division by 255 in float32 and its reversal are all that lies between them.
            np.testing.assert_allclose(degraded[number] * 255, reference.image, atol=1e-4, err_msg=str(some.at(number)))


@pytest.mark.parametrize("device", DEVICES)
def test_sixty_draws_equal_the_reference_on_drawn_pictures(device):
    assert_same_as_reference(shapes(20), drawn(60), device)


@pytest.mark.parametrize("device", DEVICES)
def test_draws_to_the_ends_of_what_is_allowed_equal_the_reference(device):
    assert_same_as_reference(shapes(10), drawn(24, HARSH, copy=4), device)


@pytest.mark.parametrize("device", DEVICES)
def test_sixty_draws_equal_the_reference_on_real_faces(real_faces, device):
    assert_same_as_reference(photographs(real_faces / "vggface2", 20), drawn(60, copy=1), device)


@pytest.mark.parametrize("size", [16, 64, 512])
def test_other_sizes_equal_the_reference_too(size):
    count = 4 if size == 512 else 24
    assert_same_as_reference(shapes(count, size), drawn(count, copy=2))


@pytest.mark.parametrize("device", DEVICES)
def test_a_sample_does_not_depend_on_its_company(device, monkeypatch):
    images, draws = tensor(shapes(24)).to(device), drawn(24, copy=5)
    together = degrade_batch(images, draws)
    order = np.random.default_rng(1).permutation(24)
    assert torch.equal(degrade_batch(images[order.tolist()], draws[order]), together[order.tolist()])
    for number in (0, 7, 23):
        assert torch.equal(degrade_batch(images[[number]], draws[[number]])[0], together[number])
    monkeypatch.setattr(axes, "ON_CPU", axes.ON_GPU)
    assert torch.equal(degrade_batch(images, draws), together)


@pytest.mark.parametrize("device", DEVICES)
def test_the_low_resolution_images_are_the_files_pixels(device):
    """Before anything is enlarged, where a level more or less would be seen."""
    images, draws = shapes(12), drawn(12, copy=3)
    low, sizes = tensor(images).to(device).double(), np.full(12, 256)
    for passes in (draws.first, draws.last):
        low, sizes = through(low, sizes, passes, 256)
    for number in range(12):
        found = low[number, :, : sizes[number], : sizes[number]].permute(1, 2, 0).cpu().numpy()
        np.testing.assert_array_equal(found, degrade_image(images[number], draws.at(number)).low)


@pytest.mark.parametrize("device", DEVICES)
def test_blurs_of_a_batch_are_scipys_sums_to_the_last_bit(device):
    generator = np.random.default_rng(2)
    sizes = [48, 31, 7, 1]
    images = generator.integers(0, 256, (4, 3, 48, 48))
    shape = [(3.0, 0.2, 20, 0, 0), (0, 1, 0, 9, 70), (1.0, 1, 0, 4, 0), (2.0, 0.5, 90, 0, 0)]
    kernels = [kernel(*one) for one in shape]
    most = max(map(len, kernels))
    padded = np.stack([np.pad(one, (most - len(one)) // 2) for one in kernels])
    found = blur(*(torch.from_numpy(one).to(device) for one in (images.astype(float), np.array(sizes), padded))).cpu()
    for number, size in enumerate(sizes):
        for channel in range(3):
            plane = images[number, channel, :size, :size]
            wanted = np.rint(correlate(plane, kernels[number].astype(np.int64), mode="mirror") / KERNEL_ONE)
            np.testing.assert_array_equal(found[number, channel, :size, :size], wanted)


def test_everything_off_changes_nothing():
    images = tensor(shapes(3))
    degraded = degrade_batch(images, stack_chains([Chain(Pass()), Chain(Pass(), Pass()), Chain(Pass())]))
    assert torch.equal(degraded, images.double().div(255).float())


def test_webp_is_refused_by_name_and_its_lossless_form_is_not():
    images, webp = shapes(2), Pass(scale=4, jpeg_quality=50, codec="webp")
    for chain, message in ((Chain(webp), "codec webp in its last pass"), (Chain(Pass(), webp), "in its first pass")):
        with pytest.raises(ValueError, match=rf"sample 1 has .*{message}.*only gfr-data degrade"):
            degrade_arrays(images, stack_chains([Chain(Pass()), chain]))
    lossless = stack_chains([Chain(replace(webp, jpeg_quality=0))] * 2)
    assert degrade_arrays(images, lossless).shape == images.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_host_never_waits_for_the_device():
    demand_no_waiting(tensor(shapes(8)), drawn(8))
