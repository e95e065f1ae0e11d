import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from gfr_model.landmarks import face_masks
from gfr_model.networks.warp import identity_flow, landmark_error, normalise
from gfr_model.scoring import metrics
from gfr_model.training.losses import landmark_loss

skimage_color = pytest.importorskip("skimage.color")
skimage_metrics = pytest.importorskip("skimage.metrics")


def reference_ssim(image, truth, data_range=255.0):
    return skimage_metrics.structural_similarity(
        image,
        truth,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        data_range=data_range,
    )


def pictures(kind, height, width, seed):
    """An image and something like it, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        truth = rng.integers(0, 256, (height, width, 3))
        return (truth + rng.integers(-60, 60, truth.shape)).clip(0, 255).astype(np.uint8), truth.astype(np.uint8)
    y, x = np.mgrid[:height, :width]
    truth = 128 + 100 * np.sin(x / 7 + seed)[..., None] * np.cos(y / 11)[..., None] * np.array([1.0, 0.7, -1.0])
    image = truth + rng.normal(0, 3, truth.shape)
    if kind == "flat":
        truth, image = np.full(truth.shape, 250.0), np.full(truth.shape, 253.0)
        image[0, 0] = 0  # only windows that leave the image would weigh it much
    return image.clip(0, 255).astype(np.uint8), truth.clip(0, 255).astype(np.uint8)


def tensor(*images):
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", ["noise", "waves", "flat"])
@pytest.mark.parametrize(("height", "width"), [(256, 256), (11, 11), (37, 64), (26, 91)])
def test_psnr_and_ssim_equal_scikit_image_on_rgb(kind, height, width):
    image, truth = pictures(kind, height, width, 1)
    assert float(metrics.ssim(tensor(image), tensor(truth))) == pytest.approx(reference_ssim(image, truth), abs=1e-9)
    wanted = skimage_metrics.peak_signal_noise_ratio(truth, image, data_range=255)
    assert float(metrics.psnr(tensor(image), tensor(truth))) == pytest.approx(wanted, abs=1e-9)


def test_psnr_and_ssim_equal_scikit_image_on_luma():
    image, truth = pictures("waves", 90, 70, 2)
    ours = metrics.luma(tensor(image)), metrics.luma(tensor(truth))
    theirs = [skimage_color.rgb2ycbcr(part)[..., :1] for part in (image, truth)]
    np.testing.assert_allclose(ours[0][0, 0], theirs[0][..., 0], atol=1e-9)
    assert float(metrics.ssim(*ours)) == pytest.approx(reference_ssim(*theirs), abs=1e-9)
    wanted = skimage_metrics.peak_signal_noise_ratio(theirs[1], theirs[0], data_range=255)
    assert float(metrics.psnr(*ours)) == pytest.approx(wanted, abs=1e-9)


def test_the_face_is_what_the_hull_of_its_landmarks_holds():
    spatial = pytest.importorskip("scipy.spatial")
    for seed in range(5):
        points = np.random.default_rng(seed).normal(24, 9, (68, 2)).astype(np.float32)
        pixels = np.stack(np.meshgrid(np.arange(48), np.arange(40)), axis=-1)  # x, y
        inside = spatial.Delaunay(points).find_simplex(pixels) >= 0
        assert inside.any()
        assert not inside.all()
        np.testing.assert_array_equal(face_masks(torch.from_numpy(points[None]), 48)[0, :40], inside)
    unknown = torch.from_numpy(points).index_fill(0, torch.tensor([3]), float("nan"))
    assert not face_masks(unknown[None], 48).any()


@pytest.mark.parametrize("kind", ["noise", "waves"])
def test_psnr_and_ssim_inside_the_face_are_those_of_scikit_image_s_map(kind):
    several = [pictures(kind, 64, 64, seed) for seed in (1, 2, 3)]
    faces = np.zeros((3, 64, 64), dtype=bool)
    faces[0, 20:50, 15:40] = True
    faces[1, 2:60, 30:64] = True  # it reaches the border, where windows leave the image
    images, truths = tensor(*(a for a, _ in several)), tensor(*(b for _, b in several))
    found = metrics.measure(images, truths, torch.from_numpy(faces))
    for number in (0, 1):
        image, truth = several[number]
        _, whole = skimage_metrics.structural_similarity(
            image,
            truth,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            data_range=255,
            full=True,
        )
        windows = np.zeros((64, 64), dtype=bool)
        windows[5:-5, 5:-5] = True
        wanted = whole[faces[number] & windows].mean()
        assert float(found["ssim_face"][number]) == pytest.approx(wanted, abs=1e-9)
        wanted = skimage_metrics.peak_signal_noise_ratio(truth[faces[number]], image[faces[number]], data_range=255)
        assert float(found["psnr_face"][number]) == pytest.approx(wanted, abs=1e-9)
    assert found["psnr_face"][2].isnan()
    assert found["ssim_face"][2].isnan()
    assert found["psnr"].tolist() == metrics.psnr(images, truths).tolist()
    assert found["ssim"].tolist() == pytest.approx(metrics.ssim(images, truths).tolist(), abs=1e-12)


@pytest.mark.parametrize("kind", ["noise", "waves", "flat"])
def test_the_volume_s_ssim_is_that_of_three_axes_blurred_with_replicated_borders(kind):
    """MATLAB's ssim of (H, W, 3): ssim.m blurs by imgaussfilt3, 11 values wide, and takes the mean of the whole map."""
    image, truth = pictures(kind, 40, 53, 5)

    def blurred(values):
        return ndimage.gaussian_filter(values, 1.5, mode="nearest", truncate=5 / 1.5)

    x, y = image.astype(float), truth.astype(float)
    mean_x, mean_y = blurred(x), blurred(y)
    variances = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * (blurred(x * y) - mean_x * mean_y) + c2)
    wanted = (above / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).mean()
    found = metrics.ssim_volume(tensor(image, truth), tensor(truth, truth))
    assert found.tolist() == pytest.approx([wanted, 1.0], abs=1e-9)


def test_the_data_range_is_that_of_the_values():
    image, truth = (part.astype(np.float64) / 255 for part in pictures("waves", 40, 40, 3))
    found = metrics.ssim(tensor(image), tensor(truth), data_range=1.0)
    assert float(found) == pytest.approx(reference_ssim(image, truth, 1.0), abs=1e-9)
    assert float(metrics.psnr(tensor(image), tensor(truth), 1.0)) == pytest.approx(
        skimage_metrics.peak_signal_noise_ratio(truth, image, data_range=1.0), abs=1e-9
    )


def test_an_image_has_the_same_value_in_any_batch():
    several = [pictures("waves", 48, 48, seed) for seed in range(5)]
    images, truths = tensor(*(a for a, _ in several)), tensor(*(b for _, b in several))
    for measure in (metrics.psnr, metrics.ssim, metrics.ssim_volume):
        whole = measure(images, truths)
        assert whole.shape == (5,)
        alone = [float(measure(images[n : n + 1], truths[n : n + 1])) for n in range(5)]
        assert whole.tolist() == alone


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_numbers():
    several = [pictures("waves", 256, 256, seed) for seed in range(40)]
    images, truths = tensor(*(a for a, _ in several)), tensor(*(b for _, b in several))
    for measure in (metrics.psnr, metrics.ssim, metrics.ssim_volume):
        there = measure(images.cuda(), truths.cuda()).cpu()
        torch.testing.assert_close(there, measure(images, truths), rtol=0, atol=1e-9)
    torch.testing.assert_close(metrics.luma(images.cuda()).cpu(), metrics.luma(images), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_images_are_left_as_they_were(dtype):
    image, truth = (tensor(part).to(dtype) for part in pictures("waves", 32, 32, 4))
    before = image.clone(), truth.clone()
    for measure in (metrics.psnr, metrics.ssim, lambda first, second: metrics.luma(first)):
        measure(image, truth)
    assert torch.equal(image, before[0])
    assert torch.equal(truth, before[1])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(11, 60), width=st.integers(11, 60))
def test_ssim_is_symmetric_at_most_one_and_one_of_an_image_with_itself(seed, height, width):
    image, truth = (tensor(part) for part in pictures("noise", height, width, seed))
    value = float(metrics.ssim(image, truth))
    assert value == pytest.approx(float(metrics.ssim(truth, image)), abs=1e-12)
    assert -1 <= value < 1
    assert float(metrics.ssim(image, image)) == pytest.approx(1, abs=1e-12)
    assert float(metrics.psnr(image, image)) == float("inf")


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="at least 11 px"):
        metrics.ssim(torch.zeros(1, 3, 10, 40), torch.zeros(1, 3, 10, 40))
    with pytest.raises(ValueError, match="one shape"):
        metrics.psnr(torch.zeros(1, 3, 20, 20), torch.zeros(2, 3, 20, 20))


def test_landmark_error_is_the_distance_in_pixels_after_the_flow():
    size = 64
    target = torch.rand(2, 68, 2) * 40 + 10
    guide = target + torch.tensor([3.0, -4.0])
    still = identity_flow(size, size).expand(2, -1, -1, -1)
    assert landmark_error(still, target, guide, size).tolist() == pytest.approx([5.0, 5.0], abs=1e-4)
    moved = still + torch.tensor([3.0, -4.0]).view(1, 2, 1, 1) * 2 / (size - 1)
    assert landmark_error(moved, target, guide, size).tolist() == pytest.approx([0.0, 0.0], abs=1e-4)


def test_landmarks_outside_either_crop_are_left_out():
    still = identity_flow(64, 64)
    target = torch.rand(1, 5, 2) * 40 + 10
    guide = target + torch.tensor([3.0, -4.0])
    target[0, 0], guide[0, 1] = torch.tensor([-1.0, 5.0]), torch.tensor([70.0, 5.0])
    assert landmark_error(still, target, guide, 64).item() == pytest.approx(5.0, abs=1e-4)
    assert landmark_error(still, target - 100, guide, 64).isnan().all()


def test_landmark_error_measures_what_eq_9_squares():
    size = 64
    flow = identity_flow(size, size)
    target, guide = (torch.rand(1, 1, 2) * 60 for _ in range(2))
    squared = landmark_loss(flow, normalise(target, size), normalise(guide, size))
    half = (size - 1) / 2
    assert float(landmark_error(flow, target, guide, size)) == pytest.approx(float(squared.sqrt()) * half, 1e-4)
