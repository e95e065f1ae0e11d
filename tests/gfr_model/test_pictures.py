import numpy as np

from gfr_model.pictures import GAP, HEAD, flow_picture, grid, with_points


def _identity(size):
    line = np.linspace(-1, 1, size, dtype=np.float32)
    return np.stack(np.meshgrid(line, line, indexing="xy"))[None]


def test_identity_flow_is_white():
    assert flow_picture(_identity(16)).min() == 255


def test_flow_colour_tells_direction_and_distance():
    flow = _identity(16)
    right, left, far = flow.copy(), flow.copy(), flow.copy()
    right[:, 0] += 0.1
    left[:, 0] -= 0.1
    far[:, 0] += 0.2
    pictures = [flow_picture(one)[0, 8, 8].astype(int) for one in (right, left, far)]
    assert not np.array_equal(pictures[0], pictures[1])
    assert pictures[2].min() < pictures[0].min()


def test_grid_places_every_picture_unchanged():
    columns = {name: np.full((2, 32, 32, 3), value, dtype=np.uint8) for name, value in (("a", 10), ("b", 200))}
    page = grid(columns)
    assert page.shape == (HEAD + 2 * (32 + GAP), 2 * 32 + GAP, 3)
    assert (page[HEAD : HEAD + 32, :32] == 10).all()
    assert (page[HEAD + 32 + GAP : HEAD + 64 + GAP, 32 + GAP :] == 200).all()


def test_titles_of_a_wide_grid_are_as_large_as_it_shrinks_on_a_page():
    narrow, wide = (grid({f"{n}": np.full((1, 98, 98, 3), 255, np.uint8) for n in range(count)}) for count in (1, 24))
    heights = [np.ptp(np.argwhere((page < 128).any(axis=(1, 2)))) for page in (narrow, wide)]
    assert heights[1] >= 1.8 * heights[0]
    assert len(wide) - len(narrow) == HEAD  # twice as high a head


def test_points_are_drawn_where_they_are_and_nowhere_else():
    plain = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    points = np.array([[[5.0, 9.0], [np.nan, 1.0]], [[20.0, 30.0], [100.0, 3.0]]])
    drawn = with_points(plain, points)
    for picture, (x, y) in zip(drawn, ((5, 9), (20, 30)), strict=True):
        assert picture[y, x].tolist() == [255, 220, 0]
        assert len(np.argwhere(picture.any(axis=-1))) < 16
    assert not plain.any()
