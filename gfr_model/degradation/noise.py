"""The noise of `manifests.degradation.noise` in tensors: the same integers, whatever the device and the batch."""

import functools

import torch
from torch import Tensor

from manifests.degradation.noise import MULTIPLIERS, TABLE_BITS, noise_table
from manifests.degradation.passes import MOST_NOISE


def noise_of(sigma: Tensor, key_low: Tensor, key_high: Tensor, sizes: Tensor, side: int) -> Tensor:
    """Noise of a batch, (B, 3, side, side) int16 grey levels. Beyond an image its last row and column are repeated.

    sigma, sizes: (B,) int64; key_low, key_high: (B,) int64, the halves of each sample's 64-bit key, 0 to 2^32 - 1.
    """
    channel = torch.arange(3, device=sizes.device)[:, None, None]
    place = torch.arange(side, device=sizes.device).minimum(sizes[:, None] - 1)
    sizes = sizes.view(-1, 1, 1, 1)
    places = (channel * sizes + place[:, None, :, None]) * sizes + place[:, None, None, :]
    bits = _hash(places.int(), _wrap(key_low).view(-1, 1, 1, 1), _wrap(key_high).view(-1, 1, 1, 1))
    index = _shift_right(bits, 32 - TABLE_BITS) + (sigma << TABLE_BITS).int().view(-1, 1, 1, 1)
    return _tables(sizes.device)[index]


def _hash(places: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """int32, which wraps as uint32 does."""
    first, second, third = (multiplier - (multiplier >> 31 << 32) for multiplier in MULTIPLIERS)
    bits = places * first + low
    bits = (bits ^ _shift_right(bits, 16)) * second ^ high
    bits = (bits ^ _shift_right(bits, 16)) * second
    return (bits ^ _shift_right(bits, 15)) * third


def _shift_right(bits: Tensor, count: int) -> Tensor:
    """A logical shift; int32's own copies the sign."""
    return (bits >> count) & ((1 << (32 - count)) - 1)


def _wrap(bits: Tensor) -> Tensor:
    """0 to 2^32 - 1 in int64 -> the same 32 bits as int32."""
    return (bits - (bits >> 31 << 32)).int()


@functools.lru_cache(maxsize=16)
def _tables(device: torch.device) -> Tensor:
    """All standard deviations one after another, int16."""
    return torch.cat([torch.from_numpy(noise_table(sigma).copy()) for sigma in range(MOST_NOISE + 1)]).to(device)
