"""Find copies of a photograph: re-encoded, resized or slightly cropped, within an identity and across datasets.

What is compared is the face, brought to one size and place by the detector's keypoints; so cropping the photograph or
scaling it changes little. Two faces are copies when their 64-bit hashes (signs of low cosine frequencies) differ in few
bits *and* their small grey pictures correlate: faces framed alike have similar hashes, only copies have the same light.

The search never compares all with all: two 64-bit words that differ in at most r bits have a 16-bit quarter that
differs in at most r // 4, so looking up each quarter and its neighbours finds every pair (multi-index hashing). That
still takes hours for millions of faces: of more than MANY only those are compared that share a cell of `buckets`, which
misses perhaps two copies in a thousand.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from gfr_data.quality.buckets import cells_of, expand, unit

HASH_BITS = 10  # of 64; largest distance of two copies' hashes
CORRELATION = 0.96  # smallest correlation of two copies' pictures
PICTURE = 24  # px, side of the picture that is compared
BLOCK = 1 << 20  # pairs looked at together, which bounds the memory
MANY = 1 << 18  # faces up to which every pair of near hashes is found

_SLICE = 1 << 14  # pairs of pictures held at a time
_WORD = 16
_SIDE = 32  # px, side of the picture whose frequencies are hashed
# Where the keypoints (eyes, nose, mouth corners) are brought to, as shares of the picture's side.
_PLACES = np.array([[0.35, 0.40], [0.65, 0.40], [0.50, 0.56], [0.375, 0.70], [0.625, 0.70]])


def face_picture(image: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """The face in `image` (H, W, 3) uint8, turned and scaled by its 5 keypoints (5, 2) px, as grey (32, 32) uint8."""
    import cv2

    turn = _similarity(np.asarray(keypoints, np.float64), _PLACES * _SIDE - 0.5)
    scale = float(np.hypot(turn[0, 0], turn[0, 1]))
    left, top, right, bottom = _needed(image.shape, keypoints)
    part = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    turn[:, 2] += turn[:, :2] @ np.array([left, top], np.float64)
    if scale < 1:
        # Blur before shrinking: sampling a large photograph point by point would hash its noise.
        sigma = 0.5 / scale
        if (factor := int(sigma / 2)) > 1:  # a wide Gaussian is dear; most of it can be that of a smaller picture
            part, turn = _shrunk(part, turn, factor)
            sigma = _rest_of_blur(sigma, factor)
        part = cv2.GaussianBlur(part, (0, 0), sigma)
    return cv2.warpAffine(part, turn, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shrunk(part: np.ndarray, turn: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture `factor` times smaller by areas, and the `turn` (2, 3) that brings it where it brought that."""
    import cv2

    height, width = part.shape
    size = max(width // factor, 1), max(height // factor, 1)
    steps = np.array([width, height]) / size  # px between two of the smaller one
    shift = turn[:, 2] + turn[:, :2] @ ((steps - 1) / 2)
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.column_stack([turn[:, :2] * steps, shift])


def _rest_of_blur(sigma: float, factor: int) -> float:
    """What a blur of `sigma` px still needs, in px of a picture that is `factor` times smaller by areas."""
    return float(np.sqrt(sigma**2 - (factor**2 - 1) / 12)) / factor


def hash_picture(picture: np.ndarray) -> int:
    """64 bits: which of the 8x8 lowest cosine frequencies of `picture` (32, 32) uint8 are above their median."""
    import cv2

    frequencies = cv2.dct(picture.astype(np.float32))[:8, :8].ravel()
    bits = frequencies > np.median(frequencies[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def small_picture(picture: np.ndarray) -> bytes:
    """`picture` (32, 32) uint8 at the size in which copies are compared, as PICTURE * PICTURE bytes."""
    import cv2

    return cv2.resize(picture, (PICTURE, PICTURE), interpolation=cv2.INTER_AREA).tobytes()


def find_copies(
    hashes: Sequence[int] | np.ndarray, pictures: Sequence[bytes] | np.ndarray, rows: np.ndarray | None = None
) -> np.ndarray:
    """For each face the index of the earlier face that it copies, or -1; from N 64-bit hashes and N small pictures.

    The faces come best first: the first of several copies is kept, and only what copies a *kept* one is a copy, so that
    a chain of ever less similar photographs does not swallow all of them.

    pictures: bytes of each, or all as (M, PICTURE^2) uint8; then `rows` (N,) are those of the faces, in their order.
    """
    words = np.asarray(hashes, dtype=np.uint64)
    copied = np.full(len(words), -1, dtype=np.int64)
    if len(words) < 2:
        return copied
    flat = pictures if isinstance(pictures, np.ndarray) else np.frombuffer(b"".join(pictures), np.uint8)
    flat = flat.reshape(-1, PICTURE * PICTURE)
    rows = np.arange(len(words)) if rows is None else rows
    pairs: list[np.ndarray] = []
    for first, second in _near(words, flat, rows):
        alike = _correlations(flat, rows[first], rows[second]) >= CORRELATION
        pairs.append(np.stack([first[alike], second[alike]], axis=1))
    found = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
    for first, second in found[np.lexsort((found[:, 0], found[:, 1]))]:
        if copied[second] < 0 and copied[first] < 0:
            copied[second] = first
    return copied


def _near(words: np.ndarray, flat: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of near hashes: all of them, or of many faces those in one cell, perhaps more than once."""
    if len(words) <= MANY:
        yield from near_pairs(words, HASH_BITS)
        return
    cells = cells_of(flat, rows)
    furthest = 2 * (1 - CORRELATION) + 1e-3  # of two pictures of length 1 that correlate so; rounding has its share
    for first, second in cells.pairs(BLOCK):
        near = np.flatnonzero(_distance(words[first], words[second]) <= HASH_BITS)
        near = near[cells.distance(first[near], second[near]) <= furthest]
        if len(near):
            yield first[near], second[near]


def near_pairs(words: np.ndarray, radius: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of index pairs (i < j) of the (N,) uint64 `words` that differ in at most `radius` bits, each pair once."""
    quarters = [((words >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64) for shift in range(0, 64, _WORD)]
    reach = radius // len(quarters)
    for number, quarter in enumerate(quarters):
        for first, second in _near_words(quarter, reach):
            near = _distance(words[first], words[second]) <= radius
            first, second = first[near], second[near]  # noqa: PLW2901  # the rest of the block is of no use
            # A pair that an earlier quarter found already is not given again.
            new = np.ones(len(first), dtype=bool)
            for earlier in quarters[:number]:
                new &= _POPCOUNT[earlier[first] ^ earlier[second]] > reach
            if new.any():
                yield first[new], second[new]


def _near_words(values: np.ndarray, reach: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of pairs (i < j) of 16-bit `values` that differ in at most `reach` bits, each pair once."""
    order = np.argsort(values, kind="stable")
    counts = np.bincount(values, minlength=1 << _WORD)
    starts = np.cumsum(counts) - counts
    for flips in range(reach + 1):
        for bits in combinations(range(_WORD), flips):
            mask = sum(1 << bit for bit in bits)
            yield from expand(order, starts[values ^ mask], counts[values ^ mask], BLOCK)


_POPCOUNT = np.array([value.bit_count() for value in range(1 << _WORD)], dtype=np.uint8)


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Differing bits of two (N,) uint64 arrays."""
    different = one ^ other
    if hasattr(np, "bitwise_count"):  # since NumPy 2.0, and faster
        return np.asarray(np.bitwise_count(different))
    return np.asarray(_POPCOUNT[different.view(np.uint16).reshape(-1, 4)].sum(axis=1))


def _correlations(flat: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation of each pair of rows of `flat` (N, PICTURE^2) uint8, a slice at a time."""
    found = np.empty(len(first), np.float32)
    for at in range(0, len(first), _SLICE):
        part = slice(at, at + _SLICE)
        found[part] = (unit(flat[first[part]]) * unit(flat[second[part]])).sum(axis=1)
    return found


def _similarity(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The 2x3 turn, scale and shift that brings `points` (N, 2) nearest to `places` (N, 2), least squares."""
    centre, target = points.mean(axis=0), places.mean(axis=0)
    x, y = (points - centre).T
    u, v = (places - target).T
    size = max(float((x * x + y * y).sum()), 1e-9)
    a, b = float((x * u + y * v).sum()) / size, float((x * v - y * u).sum()) / size
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, target - turn @ centre])


def _needed(shape: tuple[int, ...], keypoints: np.ndarray) -> tuple[int, int, int, int]:
    """The part x1, y1, x2, y2 of the photograph around the keypoints that the picture can reach."""
    height, width = shape[:2]
    centre = keypoints.mean(axis=0)
    reach = 4.0 * max(float(np.ptp(keypoints[:, 0])), float(np.ptp(keypoints[:, 1])), 2.0)
    left, top = np.clip(np.floor(centre - reach), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(centre + reach), [left + 1, top + 1], [width, height]).astype(int)
    return int(left), int(top), int(right), int(bottom)
