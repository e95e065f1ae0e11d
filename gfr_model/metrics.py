"""How close a restoration is to the truth: PSNR, SSIM (Wang et al. 2004), on RGB and on luma; landmark error.

Images are grey levels, (B, C, H, W), 0 to `data_range`. Everything is computed in float64, and each function returns
one value per image; who reports them averages.
"""

import functools

import torch
from torch import Tensor

from gfr_model.warp import normalise, sample_flow

RADIUS = 5  # of the 11x11 window
SIGMA = 1.5  # px, of its Gaussian
K1, K2 = 0.01, 0.03  # of SSIM's constants
BAND = 16  # rows of a block of the filter's matrix: the fastest of 8, 16, 24, 32, 41, 64 on a CPU
TOGETHER = {"cpu": 1, "cuda": 32}  # images at a time: what a core's cache holds
LUMA = (65.481, 128.553, 24.966)  # BT.601, 16 to 235, as MATLAB's rgb2ycbcr has it


def psnr(image: Tensor, truth: Tensor, data_range: float = 255.0) -> Tensor:
    """PSNR of each image over all its values, (B,) dB; infinite where the two are equal."""
    _check(image, truth)
    error = (image.double() - truth.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(data_range**2 / error)


def ssim(image: Tensor, truth: Tensor, data_range: float = 255.0) -> Tensor:
    """SSIM of each image, (B,): mean over the channels of `ssim_of_channels`."""
    return ssim_of_channels(image, truth, data_range).mean(dim=1)


def ssim_of_channels(image: Tensor, truth: Tensor, data_range: float = 255.0) -> Tensor:
    """SSIM of each channel, (B, C): 11x11 Gaussian window, mean over the pixels whose window lies inside the image.

    Raises ValueError when the shapes differ or a side is shorter than the window.
    """
    _check(image, truth)
    if min(image.shape[-2:]) <= 2 * RADIUS:
        raise ValueError(f"images must be at least {2 * RADIUS + 1} px wide and high, but are {tuple(image.shape)}")
    together = TOGETHER.get(image.device.type, 1)
    parts = zip(image.split(together), truth.split(together), strict=True)
    return torch.cat([_ssim(x.double(), y.double(), data_range) for x, y in parts])


def luma(image: Tensor) -> Tensor:
    """Y of RGB grey levels 0 to 255, (B, 3, H, W) -> (B, 1, H, W) float64, 16 to 235, not rounded."""
    weights = torch.tensor(LUMA, dtype=torch.float64, device=image.device) / 255
    return 16 + torch.einsum("bchw,c->bhw", image.double(), weights)[:, None]


def landmark_error(flow: Tensor, target_points: Tensor, guide_points: Tensor, size: int) -> Tensor:
    """Distance of where the flow looks at the target's landmarks from the guide's, (B,) px, mean over points.

    What eq. 9 squares and sums. Flow (B, 2, H, W) in [-1, 1], points (B, N, 2) in px of a crop of `size` px.
    """
    looked_at = sample_flow(flow, normalise(target_points, size))
    return point_distance(looked_at, normalise(guide_points, size)) * ((size - 1) / 2)


def point_distance(points: Tensor, others: Tensor) -> Tensor:
    """Mean distance of two sets of points (B, N, 2), (B,) in their unit."""
    return (points.double() - others.double()).norm(dim=-1).mean(dim=1)


def _ssim(x: Tensor, y: Tensor, data_range: float) -> Tensor:
    """Wang et al., eq. 13, with the four maps that it needs filtered at once."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    maps = torch.stack((x, y, x * x + y * y, x * y))  # (4, B, C, H, W)
    four, count, channels, height, width = maps.shape
    rows = _blur(maps.movedim(3, 0).reshape(height, -1))  # (H', 4 B C W)
    both = _blur(rows.reshape(-1, width).T)  # (W', H' 4 B C)
    mean_x, mean_y, squares, products = both.view(both.shape[0], -1, four, count, channels).unbind(2)
    mean_xy = mean_x * mean_y
    mean_squares = mean_x * mean_x + mean_y * mean_y
    above = (2 * mean_xy + c1) * (2 * (products - mean_xy) + c2)
    below = (mean_squares + c1) * (squares - mean_squares + c2)
    return (above / below).mean(dim=(0, 1))


def _blur(values: Tensor) -> Tensor:
    """Filter along the rows where the window fits: (n, m) -> (n - 10, m).

    As products with blocks of the filter's banded matrix, which is faster than a convolution in float64.
    """
    count = values.shape[0] - 2 * RADIUS
    band = _band(values.device)
    blurred = torch.empty((count, values.shape[1]), dtype=values.dtype, device=values.device)
    for start in range(0, count, BAND):
        rows = min(BAND, count - start)
        seen = values[start : start + rows + 2 * RADIUS]
        torch.mm(band[:rows, : rows + 2 * RADIUS], seen, out=blurred[start : start + rows])
    return blurred


@functools.cache
def _band(device: torch.device) -> Tensor:
    """Row i holds the normalised Gaussian from column i on, (BAND, BAND + 10)."""
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    window = torch.exp(-offsets.square() / (2 * SIGMA**2))
    band = torch.zeros((BAND, BAND + 2 * RADIUS), dtype=torch.float64)
    for row in range(BAND):
        band[row, row : row + 2 * RADIUS + 1] = window / window.sum()
    return band.to(device)


def _check(image: Tensor, truth: Tensor) -> None:
    if image.shape != truth.shape or image.dim() != 4:
        raise ValueError(
            f"image and truth must have one shape (B, C, H, W), but have {tuple(image.shape)}, {tuple(truth.shape)}"
        )
