"""A large photograph is looked at as small as its face allows it, and a build finds the same in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.faces.crop import crop_decoded
from gfr_data.faces.decode import Decoded, Unreadable, read_photograph
from gfr_data.faces.reduction import FACTORS, SEARCHED, SPARE, for_crop, for_search
from gfr_data.sources.options import parse_source
from manifests import FACES, FACES_FILE, read_table
from manifests.crops import CropGeometry

SIDES = st.integers(1, 20_000)


@given(SIDES, SIDES, st.floats(1, 40_000), st.sampled_from([256, 512]))
def test_what_is_looked_at_holds_enough_of_the_face_and_of_the_photograph(width, height, side, size):
    search = for_search(width, height)
    crop = for_crop(CropGeometry(0, 0, side, side), width, height, size)
    assert {search, crop} <= {1, *FACTORS}
    assert search == 1 or min(width, height) / search >= SEARCHED
    assert crop <= search, "what was looked at in the search is large enough already"
    assert crop == 1 or side / crop >= SPARE * size
    # And no larger than need be.
    twice = 2 * crop
    assert twice not in (2, *FACTORS) or twice > search or side / twice < SPARE * size


@pytest.fixture(scope="module")
def enlarged(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`jpg/` and `png/`: one person's photographs, their shorter sides 2,000 px, and the landmarks of all."""
    root = tmp_path_factory.mktemp("enlarged")
    head, *lines = (people / "landmarks68.csv").read_text().splitlines()
    rows = [head]
    identity = min((people / "vggface2" / "train").iterdir())
    for line in lines:
        name, *values = line.split(",")
        if Path(name).parent.name != identity.name:
            continue
        with Image.open(people / name) as photograph:
            factor = 2000 / min(photograph.size)
            size = [round(side * factor) for side in photograph.size]
            scales = np.tile(np.array(size) / photograph.size, 68)
            large = photograph.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        points = (np.array(values, float) + 0.5) * scales - 0.5
        for form in ("jpg", "png"):
            path = root / form / "ada" / f"{Path(name).stem}.{form}"
            path.parent.mkdir(parents=True, exist_ok=True)
            large.save(path, **({"quality": 95} if form == "jpg" else {"compress_level": 1}))
            rows.append(",".join([str(path.relative_to(root)), *map(repr, points.tolist())]))
    (root / "landmarks68.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_build_finds_the_same_in_large_photographs_whatever_their_format(enlarged: Path, tmp_path: Path) -> None:
    """A JPEG is decoded smaller, a PNG in whole and made smaller."""
    found, crops = {}, {}
    for form in ("jpg", "png"):
        out = tmp_path / form
        source = parse_source(f"folder:{form}={enlarged / form}")
        build_pairs(BuildConfig((source,), out, f"file:{enlarged / 'landmarks68.csv'}"))
        found[form] = read_table(out / FACES_FILE, FACES).to_pylist()
        crops[form] = [np.asarray(Image.open(path)).astype(int) for path in sorted((out / "crops").rglob("*.png"))]
    assert len(found["jpg"]) == len(found["png"]) == 4
    for small, whole in zip(found["jpg"], found["png"], strict=True):
        assert (small["status"], small["reason"]) == (whole["status"], whole["reason"])
        assert (small["width"], small["height"]) == (whole["width"], whole["height"])
        crop_px = whole["crop_side"] / 256
        assert np.abs(np.subtract(small["box"], whole["box"])).max() < crop_px
        assert np.abs(np.subtract(small["keypoints"], whole["keypoints"])).max() < crop_px
        assert small["face_size"] == pytest.approx(whole["face_size"], rel=0.01)
        if whole["landmarks"] is not None:
            assert np.abs(np.subtract(small["landmarks"], whole["landmarks"])).max() < 1
    assert [crop.shape for crop in crops["jpg"]] == [crop.shape for crop in crops["png"]] != []
    assert max(np.abs(a - b).mean() for a, b in zip(crops["jpg"], crops["png"], strict=True)) < 2


@pytest.mark.parametrize("reduction", [2, 4])
@pytest.mark.parametrize("form", ["jpg", "png"])
def test_a_crop_lies_at_the_same_place_in_a_smaller_photograph(enlarged: Path, form: str, reduction: int) -> None:
    content = min((enlarged / form).rglob(f"*.{form}")).read_bytes()
    geometry = CropGeometry(311.0, 402.5, 1333.0, 1333.0)
    whole, small = (read_photograph(lambda most: content, lambda w, h, r=r: r) for r in (1, reduction))
    assert (whole.reduction, small.reduction) == (1, reduction)
    wanted = crop_decoded(whole, geometry).astype(int)
    moved = (replace(geometry, x0=geometry.x0 + reduction * part) for part in (0, -0.5, 0.5))
    here, left, right = (np.abs(crop_decoded(small, at) - wanted).mean() for at in moved)
    assert here < 0.5
    assert min(left, right) > 1.1 * here, "half a px of what was decoded aside is seen"


def test_a_photograph_damaged_where_only_more_pixels_show_it_is_a_row(
    enlarged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(photograph: Decoded, reduction: int) -> Decoded:
        raise Unreadable("damaged: at its end")

    monkeypatch.setattr(Decoded, "at", damaged)
    source = parse_source(f"folder:jpg={enlarged / 'jpg'}")
    build_pairs(BuildConfig((source,), tmp_path / "pairs", f"file:{enlarged / 'landmarks68.csv'}"))
    rows = read_table(tmp_path / "pairs" / FACES_FILE, FACES).to_pylist()
    assert [(row["status"], row["message"]) for row in rows] == [("unreadable", "damaged: at its end")] * 4
