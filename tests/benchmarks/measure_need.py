"""How much of a network's change does a face good, by what it shows; and whether SFace tells two persons apart there.

    python tests/benchmarks/measure_need.py RUN PEOPLE [--persons 60] [--sface FILE]

PEOPLE holds a folder for each person, with photographs of that person alone. The best share of the change, alpha,
brings the face nearest to the truth: alpha = <truth - input, output - input> / |output - input|^2; a share above twice
that does harm. DETAIL and BLOCKINESS of gfr_model/restoration/need.py and ALIKE of identity.py were read from these.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cli.finder import Finder
from gfr_data.degradation.reference import degrade_image
from gfr_model.inference import load_model
from gfr_model.networks.sface import SFace
from gfr_model.restoration.faces import look
from gfr_model.restoration.guides import Guide, read_guides
from gfr_model.restoration.need import need_of
from gfr_model.restoration.restore import restored_image, run_network
from manifests.crops import CropGeometry
from manifests.degradation.draws import Degradation

SIZE = 256
FACE = slice(57, 199)  # the detector's box in a crop
WHOLE = CropGeometry(0.0, 0.0, float(SIZE), float(SIZE))


def observations(truth: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """The crop itself, and as worse photographs of it; (S, S, 3) uint8 each."""
    yield "as it is", truth
    blurs = (0.0, *np.round(np.arange(1, 3.05, 0.1), 1))
    for name, scales, noises, qualities in (
        ("soft", (1, 2.5), (0, 0), (0, 0)),
        ("JPEG", (1, 1), (0, 3), (30, 40)),
        ("noise", (1, 1), (3, 7), (0, 0)),
        ("small", (3, 6), (0, 0), (0, 0)),
        ("2x", (2, 2), (0, 4), (20, 40)),
        ("4x", (4, 4), (0, 6), (10, 40)),
        ("8x", (8, 8), (0, 6), (10, 40)),
    ):
        low, high = qualities
        blur = 0.0 if name in ("noise", "small", "JPEG") else float(rng.choice(blurs[:12]))
        scale, noise = round(float(rng.uniform(*scales)), 1), int(rng.integers(noises[0], noises[1] + 1))
        drawn = Degradation(blur, scale, noise, int(rng.integers(low, high + 1)), int(rng.integers(1 << 30)))
        yield name, np.rint(degrade_image(truth, drawn).image).clip(0, 255).astype(np.uint8)


def measure(people: Path, run: str, most: int, persons: SFace | None) -> pd.DataFrame:
    """A row for each observation of each person."""
    finder, model, rng = Finder(), load_model(run), np.random.default_rng(3)
    folders = [folder for folder in sorted(people.iterdir()) if folder.is_dir()]
    chosen = [folders[place] for place in rng.permutation(len(folders))]
    rows: list[dict[str, Any]] = []
    before: Guide | None = None
    for folder in chosen:
        usable = [one for one in read_guides(folder, finder, SIZE).usable if one.side >= SIZE / 2][:2]
        if len(usable) < 2:
            continue
        truth, guide = usable
        for kind, seen in observations(truth.image, rng):
            output = restored_image(seen, run_network(model, seen, guide.image))
            x, y, z = (image[FACE, FACE].astype(np.float64) for image in (seen, output, truth.image))
            quality = finder.measure(seen, WHOLE)
            row = {"kind": kind, "detail": quality.detail, "blocks": quality.blockiness, "need": need_of(quality)}
            row["alpha"] = float(((y - x) * (z - x)).sum() / max(((y - x) ** 2).sum(), 1e-9))
            found = look(seen, finder)[0].keypoints
            if persons is not None and found is not None:
                own, other = (_alike(persons, seen, found, one) for one in (guide, before))
                row |= {"own": own, "other": other}
            rows.append(row)
        before = guide
        if len(rows) >= 8 * most:
            break
    return pd.DataFrame(rows)


def _alike(persons: SFace, seen: np.ndarray, found: np.ndarray, guide: Guide | None) -> float:
    if guide is None or guide.keypoints is None:
        return np.nan
    one, other = persons.embed(seen, found), persons.embed(guide.image, guide.keypoints)
    return float(one @ other) if one is not None and other is not None else np.nan


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("people", type=Path)
    parser.add_argument("--persons", type=int, default=60)
    parser.add_argument("--sface", type=Path)
    options = parser.parse_args()
    persons = SFace(options.sface) if options.sface else None
    rows = measure(options.people, options.run, options.persons, persons)
    print(rows.groupby("kind", sort=False)[["detail", "blocks", "alpha", "need"]].median().round(2).to_string())
    bins = pd.cut(rows["detail"], [0, 6, 8, 10, 12, 14, 16, 18, 22, 26, 32, 64])
    for name, part in (("few blocks", rows["blocks"] < 0.2), ("blocks", rows["blocks"] >= 0.2)):
        groups = rows[part].groupby(bins[part], observed=True)
        table = groups["alpha"].describe()[["count", "25%", "50%", "75%"]].assign(need=groups["need"].median())
        print(f"\nbest share by detail, {name}\n{table.round(2).to_string()}")
    if persons is not None:
        groups = rows.groupby(pd.cut(rows["detail"], [0, 10, 16, 64]))
        quantiles = groups[["own", "other"]].quantile([0.02, 0.1, 0.5, 0.9, 0.98]).unstack()
        print(f"\nsimilarity of photograph and guide\n{quantiles.round(2).to_string()}")


if __name__ == "__main__":
    main()
