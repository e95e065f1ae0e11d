"""The pixels of a face against OpenCV's own test of points and polygons, and points that enclose nothing."""

import cv2
import numpy as np
import pytest
import torch

from gfr_model.landmarks import face_masks

SIZE = 48


@pytest.mark.parametrize("grid", [0, 1, 4])
def test_a_face_is_what_opencv_finds_in_the_hull(grid):
    """Whole numbers put corners, edges and pixels at the very same places, several points at one among them."""
    generator = np.random.default_rng(grid)
    points = generator.normal(SIZE / 2, SIZE / 5, (20, 68, 2)).astype(np.float32)
    if grid:
        points = np.round(points / grid).astype(np.float32) * grid
    for mask, face in zip(face_masks(torch.from_numpy(points), SIZE), points, strict=True):
        hull = cv2.convexHull(face)
        for y, x in generator.integers(0, SIZE, (200, 2)).tolist():
            assert mask[y, x] == (cv2.pointPolygonTest(hull, (x, y), measureDist=False) >= 0)


def test_points_without_an_area_enclose_what_they_lie_on():
    step = torch.arange(68.0)
    line, place = torch.stack((step / 4, step / 2), dim=1), torch.full((68, 2), 5.0)
    unknown = line.index_fill(0, torch.tensor(3), float("nan"))
    line, place, unknown = face_masks(torch.stack((line, place, unknown)), SIZE)
    assert line.nonzero().tolist() == [[2 * x, x] for x in range(17)]
    assert place.nonzero().tolist() == [[5, 5]]
    assert not unknown.any()
