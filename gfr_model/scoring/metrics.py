"""How close a restoration is to the truth: PSNR, SSIM (Wang et al. 2004), on RGB, luma and the face.

Images are grey levels, (B, C, H, W), 0 to `data_range`. Everything is computed in float64, and each function returns
one value per image; who reports them averages.
"""

import functools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

RADIUS = 5  # of the 11x11 window
SIGMA = 1.5  # px, of its Gaussian
K1, K2 = 0.01, 0.03  # of SSIM's constants
BAND = 8  # rows of a block of the filter's matrix: the fastest of 8, 16, 24, 32, 41 on a CPU
TOGETHER = {"cpu": 1, "cuda": 32}  # images at a time: what a core's cache holds
LUMA = (65.481, 128.553, 24.966)  # BT.601, 16 to 235, as MATLAB's rgb2ycbcr has it


def measure(image: Tensor, truth: Tensor, faces: Tensor) -> dict[str, Tensor]:
    """What the table of scores has of each RGB image, (B, 3, H, W) uint8: (B,) float64 by the name of its column.

    `faces` (B, H, W) bool: the pixels of the face. What is measured inside it is NaN where it has no pixel.
    """
    first, second = (torch.cat([part.double(), luma(part)], dim=1) for part in (image, truth))
    whole, inside = ssim_of_channels(first, second, faces=faces)
    return {
        "psnr": psnr(image, truth),
        "ssim": whole[:, :3].mean(dim=1),
        "psnr_y": psnr(first[:, 3:], second[:, 3:]),
        "ssim_y": whole[:, 3],
        "ssim_volume": ssim_volume(image, truth),
        "psnr_face": psnr_inside(image, truth, faces),
        "ssim_face": inside[:, :3].mean(dim=1),
    }


def psnr(image: Tensor, truth: Tensor, data_range: float = 255.0) -> Tensor:
    """PSNR of each image over all its values, (B,) dB; infinite where the two are equal."""
    _check(image, truth)
    error = torch.cat([(x.double() - y).square_().mean(dim=(1, 2, 3)) for x, y in _parts(image, truth)])
    return 10 * torch.log10(data_range**2 / error)


def psnr_inside(image: Tensor, truth: Tensor, inside: Tensor, data_range: float = 255.0) -> Tensor:
    """PSNR over the pixels where `inside` (B, H, W) is true, (B,) dB; NaN where there are none."""
    _check(image, truth)
    squared = (image.double() - truth).square_().mean(dim=1)
    error = (squared * inside).sum(dim=(1, 2)) / inside.sum(dim=(1, 2))
    return 10 * torch.log10(data_range**2 / error)


def ssim(image: Tensor, truth: Tensor, data_range: float = 255.0) -> Tensor:
    """SSIM of each image, (B,): mean over the channels of `ssim_of_channels`."""
    return ssim_of_channels(image, truth, data_range)[0].mean(dim=1)


def ssim_of_channels(
    image: Tensor, truth: Tensor, data_range: float = 255.0, faces: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """SSIM of each channel, (B, C), and inside `faces` (B, H, W), all when None; NaN where a face has no pixel.

    11x11 Gaussian window, mean over the pixels whose window lies inside the image.

    Raises ValueError when the shapes differ or a side is shorter than the window.
    """
    _check(image, truth)
    if min(image.shape[-2:]) <= 2 * RADIUS:
        raise ValueError(f"images must be at least {2 * RADIUS + 1} px wide and high, but are {tuple(image.shape)}")
    faces = torch.ones_like(image[:, 0], dtype=torch.bool) if faces is None else faces
    inner = faces[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
    whole, inside = [], []
    for x, y, part in _parts(image, truth, inner):
        found = _ssim(x.double(), y.double(), data_range)
        where = part.permute(2, 1, 0)[..., None]
        whole.append(found.mean(dim=(0, 1)))
        inside.append((found * where).sum(dim=(0, 1)) / where.sum(dim=(0, 1)))
    return torch.cat(whole), torch.cat(inside)


def ssim_volume(image: Tensor, truth: Tensor, data_range: float = 255.0) -> Tensor:
    """MATLAB's `ssim` of two colour arrays, (B,): it takes (H, W, 3) for a volume, and blurs along the colours, too.

    11x11x11 Gaussian window, borders replicated, mean over all values. Not what Wang et al. define; many use it so.
    """
    _check(image, truth)
    channels = image.shape[1]
    # Each channel's weights in each filtered channel, the replicated ones added to the border's.
    places = torch.arange(channels)[:, None] + torch.arange(-RADIUS, RADIUS + 1)
    mixture = torch.zeros(channels, channels, dtype=torch.float64)
    mixture.scatter_add_(1, places.clamp(0, channels - 1), _window().expand(channels, -1).contiguous())
    mixture = mixture.to(image.device)
    border = (RADIUS,) * 4
    padded = ([F.pad(part.double(), border, "replicate") for part in parts] for parts in _parts(image, truth))
    return torch.cat([_ssim(x, y, data_range, mixture).mean((0, 1, 3)) for x, y in padded])


def luma(image: Tensor) -> Tensor:
    """Y of RGB grey levels 0 to 255, (B, 3, H, W) -> (B, 1, H, W) float64, 16 to 235, not rounded."""
    red, green, blue = (weight / 255 for weight in LUMA)
    y = image[:, :1].double() * red + 16
    return y.add_(image[:, 1:2], alpha=green).add_(image[:, 2:3], alpha=blue)


def _parts(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """A few images at a time."""
    together = TOGETHER.get(batches[0].device.type, 1)
    return zip(*(batch.split(together) for batch in batches), strict=True)


def _ssim(x: Tensor, y: Tensor, data_range: float, mixture: Tensor | None = None) -> Tensor:
    """Wang et al., eq. 13, (W - 10, H - 10, B, C), from the four filtered maps that it needs.

    mixture: (C, C), how much of each channel is in a filtered one, where they are blurred along the channels, too.
    """
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    count, channels, height, width = x.shape
    x, y = _rows_first(x), _rows_first(y)
    maps = x, y, x.square().addcmul_(y, y), x * y
    filtered = [_filtered(values, height, width) for values in maps]
    if mixture is not None:
        filtered = [(values.view(-1, channels) @ mixture.T).view_as(values) for values in filtered]
    mean_x, mean_y, squares, products = filtered
    mean_xy = mean_x * mean_y
    mean_squares = mean_x.square_().addcmul_(mean_y, mean_y)
    below = squares.sub_(mean_squares).add_(c2).mul_(mean_squares.add_(c1))
    above = products.sub_(mean_xy).mul_(2).add_(c2).mul_(mean_xy.mul_(2).add_(c1))
    return above.div_(below).view(width - 2 * RADIUS, -1, count, channels)


def _rows_first(image: Tensor) -> Tensor:
    """(B, C, H, W) -> (H', B C, W') with zeros behind, so that whole blocks of the filter fit."""
    count, channels, height, width = image.shape
    rows = image.new_zeros((_whole(height), count * channels, _whole(width)))
    rows[:height, :, :width] = image.flatten(0, 1).transpose(0, 1)
    return rows


def _whole(side: int) -> int:
    return -(-(side - 2 * RADIUS) // BAND) * BAND + 2 * RADIUS


def _filtered(values: Tensor, height: int, width: int) -> Tensor:
    """Filter (H', n, W') where the window fits, first along H, then along W: (W - 10, (H - 10) n)."""
    rows = _blur(values.flatten(1))[: height - 2 * RADIUS]
    return _blur(rows.view(-1, values.shape[2]).T)[: width - 2 * RADIUS]


def _blur(values: Tensor) -> Tensor:
    """Filter along the first axis where the window fits: (n, m) -> (n - 10, m), n - 10 a multiple of BAND.

    As products with blocks of the filter's banded matrix, which is faster than a convolution in float64.
    """
    blocks = values.unfold(0, BAND + 2 * RADIUS, BAND).transpose(1, 2)
    band = _band(values.device).expand(len(blocks), -1, -1)
    return torch.bmm(band, blocks).flatten(0, 1)


@functools.cache
def _band(device: torch.device) -> Tensor:
    """Row i holds the normalised Gaussian from column i on, (BAND, BAND + 10)."""
    window = _window()
    band = torch.zeros((BAND, BAND + 2 * RADIUS), dtype=torch.float64)
    for row in range(BAND):
        band[row, row : row + 2 * RADIUS + 1] = window
    return band.to(device)


def _window() -> Tensor:
    """The Gaussian's 11 weights."""
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    window = torch.exp(-offsets.square() / (2 * SIGMA**2))
    return window / window.sum()


def _check(image: Tensor, truth: Tensor) -> None:
    if image.shape != truth.shape or image.dim() != 4:
        raise ValueError(
            f"image and truth must have one shape (B, C, H, W), but have {tuple(image.shape)}, {tuple(truth.shape)}"
        )
