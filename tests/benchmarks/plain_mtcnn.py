"""MTCNN as one writes it first in torch: each box is cut out, enlarged and judged by itself.

The networks and weights are ours; what differs is all around them. `bench_mtcnn.py` compares with published packages.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gfr_data.faces.mtcnn import CELL, FACE_SHARE, LEAST_FACE, PYRAMID, STRIDE, THRESHOLDS
from gfr_data.faces.mtcnn_networks import load_networks

Box = tuple[float, float, float, float, float]  # x1, y1, x2, y2 px, score


class PlainMtcnn:
    """The detector; holds its networks."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self.pnet, self.rnet, self.onet = load_networks(device)

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> list[Box]:
        """The faces of a photograph (H, W, 3) uint8 RGB, the surest first."""
        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1)[None]
        picture = (picture.float() - 127.5) / 128
        boxes = [_square(box) for box in _suppress(self._propose(picture), 0.7)]
        boxes = [_square(box) for box in _suppress(self._judge(picture, boxes, self.rnet, 24, THRESHOLDS[1]), 0.7)]
        return _suppress(self._judge(picture, boxes, self.onet, 48, THRESHOLDS[2]), 0.7)

    def _propose(self, picture: Tensor) -> list[Box]:
        height, width = picture.shape[2:]
        scale, found = CELL / max(LEAST_FACE, FACE_SHARE * min(height, width)), []
        while int(min(height, width) * scale) >= CELL:
            level = F.interpolate(picture, (int(height * scale), int(width * scale)), mode="area")
            scores, features = self.pnet(level.contiguous(memory_format=torch.channels_last))
            boxes = []
            for row, column in (scores[0] > THRESHOLDS[0]).nonzero().tolist():
                moved = self.pnet.offsets_of(features[0, row, column][None])[0] * CELL
                x1, y1, x2, y2 = moved.tolist()
                x, y = column * STRIDE, row * STRIDE
                corners = ((x + x1) / scale, (y + y1) / scale, (x + CELL + x2) / scale, (y + CELL + y2) / scale)
                boxes.append((*corners, scores[0, row, column].item()))
            found += _suppress(boxes, 0.5)
            scale *= PYRAMID
        return found

    def _judge(self, picture: Tensor, boxes: list[Box], network: torch.nn.Module, side: int, least: float) -> list[Box]:
        found = []
        height, width = picture.shape[2:]
        for x1, y1, x2, y2, _ in boxes:
            left, top, right, bottom = max(int(x1), 0), max(int(y1), 0), min(int(x2), width), min(int(y2), height)
            if right <= left or bottom <= top:
                continue
            patch = F.interpolate(picture[:, :, top:bottom, left:right], (side, side), mode="bilinear")
            score, offsets, *_ = network(patch.contiguous(memory_format=torch.channels_last))
            if score.item() > least:
                a, b, c, d = offsets[0].tolist()
                w, h = x2 - x1, y2 - y1
                found.append((x1 + a * w, y1 + b * h, x2 + c * w, y2 + d * h, score.item()))
        return found


def _suppress(boxes: list[Box], threshold: float) -> list[Box]:
    """Of boxes that overlap, the surest."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box[4]):
        if all(_overlap(box, other) <= threshold for other in kept):
            kept.append(box)
    return kept


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(sum(areas) - shared, 1e-9)


def _square(box: Box) -> Box:
    x1, y1, x2, y2, score = box
    side = max(x2 - x1, y2 - y1)
    x, y = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    return x, y, x + side, y + side, score
