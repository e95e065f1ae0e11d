"""Degradation of one image, with a real file: the reference that defines what a degraded observation is.

Eq. 4 for a `Degradation`, one or two passes for a `Chain`. `gfr-data degrade` stores what this makes; the batched form
of `gfr_model` is tested against it.
"""

from dataclasses import dataclass

import numpy as np

from gfr_data.degradation.axes import shrink, upsample
from gfr_data.degradation.coding import decode, encode
from manifests import DataError
from manifests.crops import CROP_SIZE
from manifests.degradation.draws import Degradation
from manifests.degradation.kernels import KERNEL_ONE, kernel, mirrored
from manifests.degradation.noise import noise
from manifests.degradation.passes import Pass
from manifests.degradation.resampling import in_px, low_size
from manifests.degradation.spaces import AnyDraw


@dataclass(frozen=True)
class LowQuality:
    """A degraded observation."""

    content: bytes  # of the file: JPEG or WebP, or PNG when q = 0
    extension: str  # '.jpg', '.webp' or '.png'
    low: np.ndarray  # I^{d,s} as decoded from `content`, (n, n, 3) uint8 RGB
    image: np.ndarray  # I^d, (size, size, 3) float32, 0 to 255, not rounded


def degrade_image(image: np.ndarray, degradation: AnyDraw, size: int = CROP_SIZE) -> LowQuality:
    """Degrade `image` (size, size, 3), uint8 RGB. Raises DataError when it is anything else."""
    content, extension = degraded_file(image, degradation, size)
    low = decode(content)
    return LowQuality(content, extension, low, upsample(low, size))


def degraded_file(image: np.ndarray, degradation: AnyDraw, size: int = CROP_SIZE) -> tuple[bytes, str]:
    """The file of the degraded image and its extension. Raises as `degrade_image`."""
    low = low_resolution(image, degradation, size)
    if isinstance(degradation, Degradation):
        return encode(low, degradation.jpeg_quality)
    return encode(low, degradation.last.jpeg_quality, degradation.last.codec)


def low_resolution(image: np.ndarray, degradation: AnyDraw, size: int = CROP_SIZE) -> np.ndarray:
    """The low-resolution image, (n, n, 3) uint8 RGB, not compressed yet; of eq. 4 (I * k_rho) downsampled, plus noise.

    Raises as `degrade_image`.
    """
    if image.dtype != np.uint8 or image.shape != (size, size, 3):
        raise DataError(f"image must be uint8 RGB of shape ({size}, {size}, 3), but is {image.dtype} {image.shape}")
    if isinstance(degradation, Degradation):
        low = shrink(image, low_size(degradation.scale, size), in_px(degradation.blur_sigma, size))
        return _with_noise(low, degradation.noise_sigma, degradation.noise_key)
    low = image
    for number, one in enumerate(degradation.passes):
        if number:
            before = degradation.passes[number - 1]
            low = decode(encode(low, before.jpeg_quality, before.codec)[0])
        low = _through(low, one, size)
    return low


def _through(image: np.ndarray, one: Pass, size: int) -> np.ndarray:
    """What a pass makes of (n, n, 3) uint8, all but its file; `size` is the crop's."""
    low = shrink(blurred(image, kernel(*one.kernel(len(image)))), low_size(one.scale, size))
    return _with_noise(low, one.noise_sigma, one.noise_key)


def blurred(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """An image (n, n, 3) uint8, mirrored at its borders, under a kernel of `kernels.kernel`: the same, rounded."""
    radius = len(weights) // 2
    if radius == 0:
        return image
    size = len(image)
    places = mirrored(size, radius)
    large = image[places][:, places].astype(np.float64)
    spectrum = np.fft.rfft2(weights[::-1, ::-1], s=large.shape[:2])
    sums = np.fft.irfft2(np.fft.rfft2(large, axes=(0, 1)) * spectrum[..., None], s=large.shape[:2], axes=(0, 1))
    whole = np.rint(sums[2 * radius :, 2 * radius :])  # exact: see kernels.py
    return np.rint(whole / KERNEL_ONE).clip(0, 255).astype(np.uint8)


def _with_noise(low: np.ndarray, sigma: int, key: int) -> np.ndarray:
    if not sigma:
        return low
    side = len(low)
    return (low + noise(sigma, key, side, side).transpose(1, 2, 0)).clip(0, 255).astype(np.uint8)
