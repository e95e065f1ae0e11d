"""What a guide brings by how differently its face lies: what MOST_APART of gfr_model/restoration/doubt.py bounds.

    python tests/benchmarks/measure_apart.py PAIRS [RUN] [--most N] [--scale 4]

PAIRS is a build of real people, as guidance.md tells how to make it; RUN a run with landmarks (default: the one that
ships). Each of the test persons' photographs is restored with its guide and with its further ones, each alone, and
shown none. Printed is the PSNR of the face with the guide minus that with none, dB, with 95% intervals over persons, by
the distance of the landmarks found in the guide from those in the photograph after the best similarity, px of 256.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from gfr_model.degradation.batch import degrade_batch
from gfr_model.inference import load_model
from gfr_model.networks.warp import normalise
from gfr_model.restoration.doubt import HALF, MOST_APART, distance
from gfr_model.results.statistics import compare
from manifests.degradation.draws import draw_many, pair_keys
from manifests.degradation.space import parse_space
from tests.benchmarks.guidance import CPU, SEED, Test, measure, test_pairs

EDGES = (0.0, 3.0, 5.0, 7.0, 9.0, MOST_APART * HALF, 13.0, np.inf)  # px
NO_PAIRS = np.zeros(1, np.int64)


def main() -> None:
    """Print a row for each stretch of distances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("run", nargs="?", default="default")
    parser.add_argument("--most", type=int, default=10**9, help="photographs, evenly chosen")
    parser.add_argument("--scale", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    test = test_pairs(options.pairs, options.most, "test")
    network = load_model(options.run).network
    found = pd.concat([brought(test, pair, network, options.scale) for pair in range(len(test.pairs))])
    found["apart"] = pd.cut(found.px, EDGES, right=False)
    print(f"{'px apart':<14}{'guides':>8}{'persons':>9}{'dB over none':>14}{'95% interval':>20}")
    for stretch, some in found.groupby("apart", observed=True):
        gain = compare(some.own.to_numpy(), some.none.to_numpy(), some.person.to_numpy()).difference
        interval = f"[{gain.low:+.3f}, {gain.high:+.3f}]"
        print(f"{stretch!s:<14}{len(some):>8}{some.person.nunique():>9}{gain.mean:>+14.3f}{interval:>20}")


def brought(test: Test, pair: int, network: nn.Module, scale: int) -> pd.DataFrame:
    """PSNR of a photograph's face with each of its guides and with none, and how far apart each lies."""
    batch = test.pairs.batch(np.array([pair]), np.array([False]), CPU)
    keys = pair_keys(SEED, [test.pairs.table.pair_ids[pair]])
    degraded = degrade_batch(batch.target, draw_many(parse_space(scale=str(scale)), keys, NO_PAIRS))
    points = normalise(batch.target_points), normalise(batch.guide_points)
    guides = test.all_guides(pair, batch.guide.float() / 255)[0]
    with torch.no_grad():
        none = network(degraded, torch.full_like(degraded, 0.5))
        made = [network(degraded, guide[None]) for guide in guides]
    return pd.DataFrame(
        {
            "own": [measure(one, batch.target, *points)["psnr_face"][0] for one in made],
            "none": measure(none, batch.target, *points)["psnr_face"][0],
            "px": [distance(one.target_landmarks, one.guide_landmarks) * HALF for one in made],
            "person": test.persons[pair],
        }
    )


if __name__ == "__main__":
    main()
