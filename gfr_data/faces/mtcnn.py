"""Find faces with MTCNN (§4.1): the thresholds and weights of the `mtcnn` package, run in torch.

Photographs are processed one at a time, so that what is found in one does not depend on the others in its batch. Two
errors of the package are not repeated: it loses photographs whose smallest pyramid level is under 12 px, and mixes up
batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from gfr_data.faces.mtcnn_networks import load_networks
from gfr_data.faces.precision import in_float32

THRESHOLDS = (0.6, 0.7, 0.8)  # face probability after each network: the package's
PYRAMID = 0.709  # factor from level to level
CELL, STRIDE = 12, 2  # px that one output of PNet sees, and px between two
LEAST_FACE = 20.0  # px
FACE_SHARE = 0.1  # smallest face looked for, as a share of the photograph's shorter side
# A large photograph is made smaller once, and its pyramid of that: so many times at most (beyond that boxes in 3,000 px
# move by more than 0.3 px in the median), and only as far as the first level still is so many times smaller.
REDUCED, SPARE = 3, 4
SLIVER = 1e-3  # px; what overlaps less is left out, as OpenCV does
_NMS_BLOCK = 1024  # boxes compared with all others at a time, which bounds the memory


@dataclass(frozen=True)
class Face:
    """A face in px of its photograph."""

    box: np.ndarray  # (4,) float64: x1, y1, x2, y2; may reach over the border
    score: float  # face probability
    keypoints: np.ndarray  # (5, 2) float64: eyes, nose, mouth corners; left ones of the picture first

    def enlarged(self, factor: float) -> "Face":
        """The same face in the photograph at `factor` times its size."""
        box = enlarged_points(self.box.reshape(2, 2), factor).ravel()
        return Face(box, self.score, enlarged_points(self.keypoints, factor))


def enlarged_points(points: np.ndarray, factor: float) -> np.ndarray:
    """Points (..., 2) of a picture, pixel centres at integers, in the picture at `factor` times its size."""
    return points if factor == 1 else (points + 0.5) * factor - 0.5


class Mtcnn:
    """The detector; holds its networks."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.pnet, self.rnet, self.onet = load_networks(device)

    @torch.inference_mode()
    def __call__(self, images: Sequence[np.ndarray], min_face_size: float | None = None) -> list[list[Face]]:
        """The faces of each photograph (H, W, 3) uint8 RGB, the surest first.

        min_face_size: px; None is a tenth of each photograph's shorter side, and 20 px at least.
        """
        with in_float32():
            return [self._detect(image, min_face_size) for image in images]

    def _detect(self, image: np.ndarray, min_face_size: float | None) -> list[Face]:
        smallest = max(LEAST_FACE, FACE_SHARE * min(image.shape[:2])) if min_face_size is None else min_face_size
        boxes = self._propose(image, smallest)
        pixels = torch.tensor(np.ascontiguousarray(image)).to(self.device)
        boxes = self._refine(pixels, boxes)
        return self._finish(pixels, boxes)

    def _propose(self, image: np.ndarray, smallest: float) -> np.ndarray:
        """PNet over a pyramid of a photograph (H, W, 3) uint8; square boxes (N, 5): x1, y1, x2, y2, score."""
        height, width = image.shape[:2]
        columns = _normal(torch.tensor(_reduced(image, smallest)).to(self.device).transpose(0, 1).contiguous())
        scale, levels = CELL / smallest, []
        while int(min(height, width) * scale) >= CELL:
            level = _shrink(columns, int(height * scale), int(width * scale))
            levels.append(self._boxes_of_level(level, scale))
            scale *= PYRAMID
        if not levels:
            return np.empty((0, 5))
        boxes = np.concatenate(levels)
        return _squared(_suppress(_by_score(boxes), 0.7))

    def _boxes_of_level(self, level: Tensor, scale: float) -> np.ndarray:
        """Boxes (N, 5) in px of the photograph from one level (1, 3, H, W) of its pyramid."""
        scores, features = self.pnet(level)
        rows, columns = torch.nonzero(scores[0] > THRESHOLDS[0], as_tuple=True)
        if len(rows) == 0:
            return np.empty((0, 5))
        shift = self.pnet.offsets_of(features[0, rows, columns]).cpu().numpy().astype(np.float64) * (CELL - 1)
        sure = scores[0, rows, columns].cpu().numpy().astype(np.float64)
        first = torch.stack([columns, rows], dim=1).cpu().numpy() * STRIDE
        corners = np.concatenate([first + 1, first + CELL], axis=1) + shift
        return _suppress(_by_score(np.concatenate([corners / scale, sure[:, None]], axis=1)), 0.5)

    def _refine(self, pixels: Tensor, boxes: np.ndarray) -> np.ndarray:
        """RNet on each box; square boxes again."""
        if len(boxes) == 0:
            return boxes
        scores, offsets = (value.cpu().numpy() for value in self.rnet(_patches(pixels, boxes, 24)))
        boxes = _adjusted(boxes, offsets, scores)[scores > THRESHOLDS[1]]
        return _squared(_suppress(_by_score(boxes), 0.7))

    def _finish(self, pixels: Tensor, boxes: np.ndarray) -> list[Face]:
        """ONet on each box."""
        if len(boxes) == 0:
            return []
        found = self.onet(_patches(pixels, boxes, 48))
        scores, offsets, points = (value.cpu().numpy().astype(np.float64) for value in found)
        # Keypoints are shares of the box before it is adjusted, whose corner the package moves by a pixel.
        sizes = boxes[:, 2:4] - boxes[:, :2] + 1
        points = points.reshape(-1, 2, 5).transpose(0, 2, 1) * sizes[:, None] + boxes[:, None, :2] - 1
        rows = np.concatenate([_adjusted(boxes, offsets, scores), points.reshape(-1, 10)], axis=1)
        rows = _suppress(_by_score(rows[scores > THRESHOLDS[2]]), 0.7, of_smaller=True)
        return [Face(row[:4], float(row[4]), row[5:].reshape(5, 2)) for row in rows]


def _normal(pixels: Tensor) -> Tensor:
    """Grey levels as the networks take them, in [-1, 1]."""
    return pixels.float().sub_(127.5).div_(128)


def _reduced(image: np.ndarray, smallest: float) -> np.ndarray:
    """A large photograph made smaller by areas, for each level of its pyramid reads all of it; others as they are.

    PNet alone sees it so; the networks after it see the photograph itself.
    """
    factor = min(int(smallest / (SPARE * CELL)), REDUCED)
    if factor < 2:
        return np.ascontiguousarray(image)
    height, width = image.shape[:2]
    return cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)


def _shrink(columns: Tensor, height: int, width: int) -> Tensor:
    """Resize (W, H, 3) by fractional area to (1, 3, height, width), channels last.

    As OpenCV's INTER_AREA, which the package uses: another filter moves boxes by a pixel. It takes half of that one's
    time, and works where the photograph lies.
    """
    across = _area_means(columns.flatten(1), width).view(width, -1, 3)
    return _area_means(across.transpose(0, 1).flatten(1), height).view(1, height, width, 3).permute(0, 3, 1, 2)


def _area_means(rows: Tensor, count: int) -> Tensor:
    """Means of rows (N, D) over `count` equal stretches of them, parts of rows by their share: (count, D)."""
    length = len(rows) / count
    edges = np.arange(count + 1)[:, None] * length
    index = np.floor(edges[:-1]).astype(np.int64) + np.arange(int(np.ceil(length)) + 1)
    part = np.minimum(index + 1, edges[1:]) - np.maximum(index, edges[:-1])
    weight = np.where(part > SLIVER, part / length, 0).astype(np.float32)
    which = np.minimum(index, len(rows) - 1)
    return nn.functional.embedding_bag(
        torch.from_numpy(which).to(rows.device),
        rows,
        mode="sum",
        per_sample_weights=torch.from_numpy(weight).to(rows.device),
    )


def _by_score(boxes: np.ndarray) -> np.ndarray:
    """Boxes, the surest first; equal ones stay in their order."""
    return boxes[np.argsort(-boxes[:, 4], kind="stable")]


def _suppress(boxes: np.ndarray, threshold: float, of_smaller: bool = False) -> np.ndarray:
    """Drop each box that overlaps a surer one by more than `threshold` of their union, or of the smaller box.

    Like the package's: a box that is dropped still drops others.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = np.ones(len(boxes), dtype=bool)
    for start in range(0, len(boxes), _NMS_BLOCK):
        mine = slice(start, min(start + _NMS_BLOCK, len(boxes)))
        surer = slice(0, mine.stop)
        low = np.maximum(boxes[mine, None, :2], boxes[None, surer, :2])
        high = np.minimum(boxes[mine, None, 2:4], boxes[None, surer, 2:4])
        shared = (high - low).clip(min=0).prod(axis=2)
        pair = areas[mine, None], areas[None, surer]
        whole = np.minimum(*pair) if of_smaller else pair[0] + pair[1] - shared
        before = np.arange(surer.stop)[None] < np.arange(mine.start, mine.stop)[:, None]
        kept[mine] = ~((shared > threshold * whole) & before).any(axis=1)
    return boxes[kept]


def _squared(boxes: np.ndarray) -> np.ndarray:
    """Boxes made square around their centres by lengthening the shorter side."""
    result = boxes.copy()
    sizes = boxes[:, 2:4] - boxes[:, :2]
    longer = sizes.max(axis=1, keepdims=True)
    result[:, :2] += (sizes - longer) / 2
    result[:, 2:4] = result[:, :2] + longer
    return result


def _adjusted(boxes: np.ndarray, offsets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Boxes moved by a network's offsets, which are shares of their size, with its scores."""
    sizes = boxes[:, 2:4] - boxes[:, :2] + 1
    corners = boxes[:, :4] + offsets * np.tile(sizes, 2)
    return np.concatenate([corners, scores[:, None].astype(np.float64)], axis=1)


def _patches(pixels: Tensor, boxes: np.ndarray, size: int) -> Tensor:
    """What the boxes show of a photograph (H, W, 3) uint8, as the networks take it: (N, 3, size, size), channels last.

    Bilinear between corner centres; zero outside the photograph.
    """
    height, width = pixels.shape[:2]
    steps = np.linspace(0, 1, size)
    # The package scales positions by (W - 1) / W, as TensorFlow's crop_and_resize has it.
    x = _positions(boxes[:, 0], boxes[:, 2], steps, width)
    y = _positions(boxes[:, 1], boxes[:, 3], steps, height)
    x0, x1, dx, in_x = (part[:, None, :] for part in _neighbours(x, width, pixels.device))
    y0, y1, dy, in_y = (part[:, :, None] for part in _neighbours(y, height, pixels.device))
    flat = pixels.flatten(0, 1)
    places = [(row * width + column).flatten() for row in (y0, y1) for column in (x0, x1)]
    corners = [_normal(flat.index_select(0, place)).view(len(boxes), size, size, 3) for place in places]
    dx, dy = dx[..., None], dy[..., None]
    top, bottom = corners[0].lerp(corners[1], dx), corners[2].lerp(corners[3], dx)
    return (top.lerp(bottom, dy) * (in_x & in_y)[..., None]).permute(0, 3, 1, 2)


def _positions(first: np.ndarray, last: np.ndarray, steps: np.ndarray, side: int) -> np.ndarray:
    return (first[:, None] + (last - first)[:, None] * steps) * ((side - 1) / side)


def _neighbours(positions: np.ndarray, side: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of positions (N, S) along an axis: the pixels before and after, the share of the latter, whether inside."""
    inside = (positions >= 0) & (positions <= side - 1)
    before = np.floor(positions).clip(0, side - 1).astype(np.int64)
    share = (positions - before).clip(0, 1).astype(np.float32)
    arrays = before, (before + 1).clip(max=side - 1), share, inside
    first, second, third, fourth = (torch.from_numpy(array).to(device) for array in arrays)
    return first, second, third, fourth
