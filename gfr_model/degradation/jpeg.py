"""JPEG in tensors, to the last bit what libjpeg writes and reads: 4:2:0 or 4:4:4, islow DCT, fancy upsampling.

Nothing here is differentiable, and nothing needs to be: a degradation is data. Values are whole numbers in float64,
whose products and sums stay below 2^53: float64 is then an integer type that has a fast matrix product on every device.
The steps and their rounding are libjpeg's; the headings below name its files.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

CELL = 16  # px: what 4:2:0 codes together, two 8x8 blocks wide and high
QUALITIES = 101  # 0 to 100
PASS1_BITS = 2
CONST_BITS = 13
UNIT = 1 << CONST_BITS

# ITU-T T.81, annex K.1
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


def jpeg(images: Tensor, sizes: Tensor, quality: Tensor, full: Tensor | None = None) -> Tensor:
    """Compress and decompress each image with its own quality; quality 0 leaves it as it is.

    images: (B, 3, N, N) float64 RGB, whole numbers 0 to 255, N a multiple of 16. Image b fills the upper left
    sizes[b] x sizes[b]; beyond, its last row and column are repeated. sizes, quality: (B,) int64.
    full: (B,) bool, whose chroma keeps its size (4:4:4); None is nobody's.
    Returns the same shape; what lies outside an image is undefined.
    """
    luma, chroma = _to_ycc(images)
    luma_table, chroma_table = _tables(quality)
    halves = (sizes + 1) // 2
    halved = _double(_code(_repeat_rows(_halve(chroma), halves), chroma_table), halves)
    if full is not None:
        halved = torch.where(full.view(-1, 1, 1, 1), _code(chroma - 128, chroma_table), halved)
    decoded = _to_rgb(_code(luma, luma_table), halved)
    return torch.where(quality.view(-1, 1, 1, 1) > 0, decoded, images)


def _shift(values: Tensor, bits: int) -> Tensor:
    """DESCALE: divide whole numbers by 2^bits, halves up."""
    return (values + 0.5 * 2.0**bits).mul_(0.5**bits).floor_()


# Colour: 16-bit fixed point. jccolor.c, jdcolor.c


def _to_ycc(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3, N, N) RGB -> luma (B, 1, N, N) less 128, and chroma (B, 2, N, N), not centred."""
    red, green, blue = rgb.split(1, dim=1)
    luma = _shift(19595 * red + 38470 * green + 7471 * blue, 16) - 128
    # libjpeg adds one half less 2^-16 to chroma, so that halves go down and 255 is not exceeded.
    below = 128 + 0.5 - 0.5**16
    cb = ((-11059 * red - 21709 * green + 32768 * blue) * 0.5**16 + below).floor_()
    cr = ((32768 * red - 27439 * green - 5329 * blue) * 0.5**16 + below).floor_()
    return luma, torch.cat((cb, cr), dim=1)


def _to_rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Decoded luma (B, 1, N, N) 0 to 255 and chroma (B, 2, N, N) less 128 -> (B, 3, N, N) RGB."""
    cb, cr = chroma.split(1, dim=1)
    red = luma + _shift(91881 * cr, 16)
    green = luma + _shift(-22554 * cb - 46802 * cr, 16)
    blue = luma + _shift(116130 * cb, 16)
    return torch.cat((red, green, blue), dim=1).clamp_(0, 255)


# Chroma at half the size. jcsample.c, jdsample.c


def _halve(chroma: Tensor) -> Tensor:
    """Mean of 2x2 px, (B, 2, N/2, N/2), less 128; along a row halves go down and up in turn."""
    total = chroma[..., 0::2, :] + chroma[..., 1::2, :]
    total = total[..., 0::2] + total[..., 1::2]
    turn = torch.arange(total.shape[-1], device=chroma.device) % 2 + 1.0
    return (total + turn.to(total)).mul_(0.25).floor_().sub_(128)


def _repeat_rows(chroma: Tensor, halves: Tensor) -> Tensor:
    """Below an image libjpeg repeats the last row of *halved* chroma, not of the pixels."""
    rows = torch.arange(chroma.shape[-2], device=chroma.device).minimum(halves[:, None] - 1)
    return chroma.gather(2, rows[:, None, :, None].expand_as(chroma))


def _double(chroma: Tensor, halves: Tensor) -> Tensor:
    """'Fancy' upsampling: a triangle filter, 3/4 of the near and 1/4 of the far sample along each axis."""
    side = chroma.shape[-1]
    place = torch.arange(side, device=chroma.device)
    last = halves[:, None] - 1
    # Images that have two columns of chroma or less are not filtered: their own sample is the far one, too.
    reach = (halves[:, None] > 2).long()
    before, after = (place - reach).clamp_(min=0).minimum(last), (place + reach).minimum(last)
    near = _take(chroma, place.minimum(last), 2)
    rows = _interleave(3 * near + _take(chroma, before, 2), 3 * near + _take(chroma, after, 2), 2)
    near = _take(rows, place.minimum(last), 3)
    left, right = 3 * near + _take(rows, before, 3), 3 * near + _take(rows, after, 3)
    return _interleave((left + 8).mul_(0.0625).floor_(), (right + 7).mul_(0.0625).floor_(), 3)


def _take(planes: Tensor, places: Tensor, axis: int) -> Tensor:
    """Rows (axis 2) or columns (axis 3) of (B, C, H, W) at each sample's own `places` (B, n)."""
    batch, channels, height, width = planes.shape
    if axis == 2:
        return planes.gather(2, places[:, None, :, None].expand(batch, channels, -1, width))
    return planes.gather(3, places[:, None, None, :].expand(batch, channels, height, -1))


def _interleave(even: Tensor, odd: Tensor, axis: int) -> Tensor:
    return torch.stack((even, odd), dim=axis + 1).flatten(axis, axis + 1)


# Transform and quantisation of 8x8 blocks. jfdctint.c, jcdctmgr.c, jidctint.c


def _code(planes: Tensor, table: Tensor) -> Tensor:
    """Transform, quantise, dequantise and transform back. Planes (B, C, N, N), -128 to 127; `table` (B, 64).

    Returns (B, C, N, N): for one plane (luma) 0 to 255, for two (chroma) less 128.
    """
    batch, channels, height, width = planes.shape
    forward, inverse = _transforms(planes.device)
    blocks = planes.view(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    shape = blocks.shape
    rows = _shift(blocks.reshape(-1, 8) @ forward.T, CONST_BITS - PASS1_BITS)
    columns = rows.view(-1, 8, 8).transpose(1, 2).reshape(-1, 8)
    coefficients = _shift(columns @ forward.T, CONST_BITS + PASS1_BITS).view(batch, -1, 64)  # transposed, times 8
    step = table[:, None, :]
    levels = ((coefficients.abs() + (4 * step)) / (8 * step)).floor_() * coefficients.sign()
    columns = _shift((levels * step).view(-1, 8) @ inverse.T, CONST_BITS - PASS1_BITS)
    rows = columns.view(-1, 8, 8).transpose(1, 2).reshape(-1, 8)
    values = _shift(rows @ inverse.T, CONST_BITS + PASS1_BITS + 3).clamp_(-128, 127)
    planes = values.view(shape).transpose(3, 4).reshape(batch, channels, height, width)
    return planes + 128 if channels == 1 else planes


def _tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """Steps of luma and chroma for each quality (B,), (B, 64) float64, transposed as the coefficients are."""
    tables = _all_tables(quality.device)[quality]
    return tables[:, 0], tables[:, 1]


@functools.lru_cache(maxsize=16)
def _all_tables(device: torch.device) -> Tensor:
    """(101, 2, 64); quality 0 has the steps of quality 1, and nobody looks at what comes of them."""
    quality = torch.arange(QUALITIES).clamp(min=1)
    scale = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None, None, None]
    steps = (torch.tensor((LUMA, CHROMA)) * scale + 50) // 100
    return steps.clamp(1, 255).transpose(2, 3).flatten(2).double().to(device)


@functools.lru_cache(maxsize=16)
def _transforms(device: torch.device) -> tuple[Tensor, Tensor]:
    """What one pass of islow's forward and inverse DCT does to a row before it rounds, (8, 8) each, times 2^13."""
    return tuple(_matrix_of(butterfly).to(device) for butterfly in (_forward_pass, _inverse_pass))  # type: ignore[return-value]


def _matrix_of(butterfly: Callable[[list[int]], list[int]]) -> Tensor:
    columns = [butterfly([int(i == j) for i in range(8)]) for j in range(8)]
    return torch.tensor(columns, dtype=torch.float64).T.contiguous()


def _fix(value: float) -> int:
    return int(value * UNIT + 0.5)


def _odd_part(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    """The rotations that both directions have for odd coefficients (Loeffler, Ligtenberg and Moschytz, 12 products)."""
    z1, z2, z3, z4 = a + d, b + c, a + c, b + d
    z5 = (z3 + z4) * _fix(1.175875602)
    z1, z2 = -z1 * _fix(0.899976223), -z2 * _fix(2.562915447)
    z3, z4 = -z3 * _fix(1.961570560) + z5, -z4 * _fix(0.390180644) + z5
    return (
        a * _fix(0.298631336) + z1 + z3,
        b * _fix(2.053119869) + z2 + z4,
        c * _fix(3.072711026) + z2 + z3,
        d * _fix(1.501321110) + z1 + z4,
    )


def _forward_pass(x: list[int]) -> list[int]:
    sums = [x[i] + x[7 - i] for i in range(4)]
    odd = _odd_part(*(x[i] - x[7 - i] for i in (3, 2, 1, 0)))
    t10, t13, t11, t12 = sums[0] + sums[3], sums[0] - sums[3], sums[1] + sums[2], sums[1] - sums[2]
    z1 = (t12 + t13) * _fix(0.541196100)
    even = ((t10 + t11) * UNIT, z1 + t13 * _fix(0.765366865), (t10 - t11) * UNIT, z1 - t12 * _fix(1.847759065))
    return [even[0], odd[3], even[1], odd[2], even[2], odd[1], even[3], odd[0]]


def _inverse_pass(x: list[int]) -> list[int]:
    z1 = (x[2] + x[6]) * _fix(0.541196100)
    t2, t3 = z1 - x[6] * _fix(1.847759065), z1 + x[2] * _fix(0.765366865)
    t0, t1 = (x[0] + x[4]) * UNIT, (x[0] - x[4]) * UNIT
    even = (t0 + t3, t1 + t2, t1 - t2, t0 - t3)
    odd = _odd_part(x[7], x[5], x[3], x[1])[::-1]
    return [even[i] + odd[i] for i in range(4)] + [even[i] - odd[i] for i in (3, 2, 1, 0)]
