"""Score tables -> Table 1's form: methods by split and scale, beside the paper's numbers, each marked as what it is."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from gfr_model.results.learned import footnotes
from gfr_model.results.scores import COLUMN, FURTHER, OBSERVATION, READ, RGB, SSIMS, Scores, label, merge, over_seeds
from gfr_model.results.sets import LEAST, SETS, distances
from gfr_model.results.statistics import Interval, bootstrap, compare
from manifests import ConfigError, DataError
from manifests.paper import OURS, ROWS, result
from manifests.tables.schemas import BICUBIC

NAN = float("nan")
FACES = "RGB inside the face, the convex hull of the target's landmarks"
# What a column of scores measures, as notes name it.
MEASURES = {
    "psnr": "RGB",
    "psnr_y": "luma (Y)",
    "psnr_face": FACES,
    "ssim": "wang-rgb: Wang et al. (2004), 11x11 Gaussian, on each colour, mean",
    "ssim_y": "wang-y: Wang et al. (2004), on luma (Y)",
    "ssim_volume": "matlab-volume: MATLAB's ssim of the colour array, which it takes for a volume",
    "ssim_face": f"wang-rgb, {FACES}",
}
# Further metrics, as notes name them.
TOLD = {
    "lpips": "perceptual distance {:.4f}",
    "dists": "DISTS {:.4f}",
    "niqe": "NIQE {:.2f}",
    "identity_similarity": "identity similarity {:.4f}",
}
VALUES = [f"{name}{part}" for name in RGB for part in ("", "_low", "_high", "_spread", "_rank")]


@dataclass(frozen=True)
class Table:
    """Table 1's form, and what has to be said beside it.

    `results` has a row for each method and column in which it was tried: source ('measured' here, or 'paper'), group
    (the paper's), method, split, scale ('2–8×' where a split was degraded with many), images (none in the paper's
    rows), seeds (runs of the method), psnr and ssim, each with the bounds of its interval (NaN where none were asked
    for), the standard deviation of its seeds' means (NaN of one), and its rank among the rows of its source (1: best,
    2: second best), the means of FURTHER, and SETS.
    """

    results: pd.DataFrame
    rows: tuple[tuple[str, str], ...]  # (source, method), those without any result among them
    columns: tuple[tuple[str, float | str], ...]  # (split, scale)
    notes: tuple[str, ...]

    @property
    def splits(self) -> list[tuple[str, int]]:
        """Each split and how many columns it has."""
        return [(name, len(list(columns))) for name, columns in groupby(self.columns, key=lambda column: column[0])]

    @property
    def labels(self) -> list[str]:
        """Of the columns below their splits."""
        return [label(scale) for _, scale in self.columns]

    def block(self, source: str) -> list[tuple[str, list[dict[str, Any] | None]]]:
        """The methods of a source, each with its result in every column, None where it was not tried."""
        records = self.results[self.results["source"] == source].to_dict("records")
        found = {(record["method"], record["split"], record["scale"]): record for record in records}
        names = [name for where, name in self.rows if where == source]
        return [(name, [found.get((name, *column)) for column in self.columns]) for name in names]


def tabulate(
    folders: Sequence[Path],
    metrics: tuple[str, str] = RGB,  # what stands as PSNR and SSIM
    paper: bool = True,  # with the paper's rows
    intervals: bool = False,  # with bootstrap intervals
    seed: int = 0,  # of the bootstrap, and of the subsets of KID
) -> Table:
    """Table 1 of any number of score folders. Raises DataError for tables that are unreadable or contradict."""
    scores = merge(folders)
    columns = scores.images.index.tolist()
    records = list(_measured(scores, metrics, intervals, seed)) + (list(_printed(columns)) if paper else [])
    names = ["source", "group", "method", "split", "scale", "images", "seeds", *VALUES, *FURTHER, *SETS]
    counts = dict.fromkeys(["images", "seeds", *(f"{name}_rank" for name in RGB)], "Int64")
    results = pd.DataFrame(records, columns=names).astype(
        {"scale": object} | counts | dict.fromkeys([*FURTHER, *SETS], float)
    )
    for _, block in results.groupby(["source", "split", "scale"], sort=False):
        for name in RGB:
            results.loc[block.index, f"{name}_rank"] = _ranks(block[name], block["group"] != OURS)
    printed = dict.fromkeys(results["method"][results["source"] == "paper"])
    rows = [("measured", name) for name in scores.methods] + [("paper", name) for name in printed]
    notes = [*_general_notes(scores, metrics, intervals, bool(printed)), *_readings(scores), *_method_notes(scores)]
    notes += [*_set_notes(scores, results), *footnotes(scores.rows), *_column_notes(scores)]
    return Table(results, tuple(rows), tuple(columns), tuple(notes))


def compare_methods(folders: Sequence[Path], first: str, second: str, seed: int = 0) -> pd.DataFrame:
    """Compare two methods where both have scores, on RGB: a row for each split, scale and metric.

    Raises ConfigError for a name that no table has, DataError where they have nothing in common.
    """
    scores = merge(folders)
    if unknown := [name for name in (first, second) if name not in scores.methods]:
        raise ConfigError(f"no scores of {' and '.join(unknown)}; there are {', '.join(scores.methods)}")
    ours, others = (over_seeds(scores.rows[scores.rows["method"] == name], RGB) for name in (first, second))
    both = others.merge(ours[[*OBSERVATION, *RGB]], on=OBSERVATION, suffixes=("", "_first"))
    found = []
    for (split, scale), rows in _by_column(both, scores):
        for metric in RGB:
            one, other = (rows[name].to_numpy() for name in (f"{metric}_first", metric))
            paired = compare(one, other, rows["person"].to_numpy(), seed)
            record = {"split": split, "scale": scale, "metric": metric, "first": first, "second": second}
            record |= {"difference": paired.difference.mean, **_bounds(paired.difference)}
            record |= {"p_value": paired.p_value, "first_better": paired.wins}
            found.append(record | {"images": paired.count, "persons": paired.persons})
    if not found:
        raise DataError(f"{first} and {second} have no observation in common; score both on the same degraded folder")
    return pd.DataFrame(found)


def _by_column(rows: pd.DataFrame, scores: Scores) -> Iterator[tuple[tuple[str, float | str], pd.DataFrame]]:
    """The rows of each column that has some, in the table's order."""
    groups = dict(list(rows.groupby(COLUMN, sort=False)))
    return ((column, groups[column]) for column in scores.images.index if column in groups)


def _measured(scores: Scores, metrics: tuple[str, str], intervals: bool, seed: int) -> Iterator[dict[str, Any]]:
    """The means of each method in each column, without ranks."""
    for method in scores.methods:
        known = scores.rows[(scores.rows["method"] == method) & scores.rows[list(metrics)].notna().all(axis=1)]
        for (split, scale), rows in _by_column(known, scores):
            seeds = rows.groupby("seed")[list(metrics)].mean()
            further = {name: rows[name].mean() for name in FURTHER}
            means = over_seeds(rows, metrics)
            persons = means["person"].to_numpy()
            record: dict[str, Any] = {"source": "measured", "group": "", "method": method}
            record |= {"split": split, "scale": scale}
            record |= {"images": len(means), "seeds": len(seeds)}
            for name, metric in zip(RGB, metrics, strict=True):
                values = means[metric].to_numpy()
                found = bootstrap(values, persons, seed) if intervals else Interval(float(values.mean()), NAN, NAN)
                record |= {name: found.mean, f"{name}_spread": seeds[metric].std()} | _bounds(found, f"{name}_")
            yield record | further | distances(rows, seed)


def _bounds(interval: Interval, prefix: str = "") -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in asdict(interval).items() if name != "mean"}


def _printed(columns: Sequence[tuple[str, float | str]]) -> Iterator[dict[str, Any]]:
    """The paper's rows that have a result in one of `columns`."""
    for row in ROWS:
        for split, scale in columns:
            if not isinstance(scale, str) and (pair := result(row, split, scale)):
                about = {"source": "paper", "group": row.group, "method": row.method, "split": split, "scale": scale}
                yield about | dict(zip(RGB, pair, strict=True))


def _ranks(values: pd.Series, eligible: pd.Series) -> pd.Series:
    """1 for each best, 2 for each second best of those that are `eligible`; missing where there is nothing to beat."""
    ranks = pd.Series(pd.NA, values.index, dtype="Int64")
    if len(values) > 1:
        others = values[(values < values.max()) & eligible]
        ranks[values == values.max()] = 1
        ranks[others.index[others == others.max()]] = 2
    return ranks


def _general_notes(scores: Scores, metrics: tuple[str, str], intervals: bool, paper: bool) -> Iterator[str]:
    images = ", ".join(f"{count:,} of {split} {label(scale)}" for (split, scale), count in scores.images.items())
    yield f"PSNR in dB on {MEASURES[metrics[0]]}, means over images: {images}. (SSIM) by {MEASURES[metrics[1]]}."
    if scores.rows[metrics[1]].isna().all(axis=None):
        yield f"These tables were scored before {metrics[1]} was measured: score again with gfr-eval score."
    runs = scores.rows[scores.rows["seed"] != ""].groupby("method", sort=False)["seed"].nunique()
    if len(runs):
        yield f"± the standard deviation over runs: {', '.join(f'{n} of {name}' for name, n in runs.items())}."
    if intervals:
        yield "In brackets the 95% bootstrap interval, drawing persons."
    if paper:
        yield (
            "(paper): Table 1 of the paper, measured by its authors on their own photographs; comparable only where "
            "the data are the same. Its second best leaves GFRNet's variants out, as the paper does."
        )
        yield _about_ssim(scores)


def _about_ssim(scores: Scores) -> str:
    """Why a printed SSIM may not be comparable, and how far apart the ways to take it are."""
    means = {name: scores.rows.loc[scores.rows["method"] == BICUBIC, column].mean() for name, column in SSIMS.items()}
    told = ", ".join(f"{mean:.3f} by {name}" for name, mean in means.items() if not pd.isna(mean))
    note = "The paper does not say how it took its SSIM, and the known ways differ"
    return f"{note}: bicubic has {told} (--ssim)." if told else f"{note} (--ssim)."


def _method_notes(scores: Scores) -> Iterator[str]:
    for method in scores.methods:
        failed = scores.failed[scores.failed["method"] == method]
        if len(failed):
            yield f"{method}: {len(failed):,} observations have no score, the first because {failed['error'].iloc[0]}"
        means = scores.rows.loc[scores.rows["method"] == method, list(FURTHER)].astype(float).mean().dropna()
        if {"landmark_error", "landmark_error_initial"} <= set(means.index):
            after, before = means["landmark_error"], means["landmark_error_initial"]
            yield f"{method}: landmarks of the warped guide {after:.2f} px off, {before:.2f} px before warping."
        if told := [text.format(means[name]) for name, text in TOLD.items() if name in means]:
            yield f"{method}: {', '.join(told)}."


def _set_notes(scores: Scores, results: pd.DataFrame) -> Iterator[str]:
    """The distances of sets, each method and column."""
    asked = results["source"].eq("measured") & results["images"].lt(LEAST)
    if scores.rows["features"].notna().any() and asked.any():
        yield f"No distance of sets where there are fewer than {LEAST} images."
    for row in results[results["kid"].notna()].to_dict("records"):
        yield (
            f"{row['method']}, {row['split']} {label(row['scale'])}: KID {row['kid']:.3g} ± {row['kid_spread']:.2g}, "
            f"Fréchet distance {row['frechet']:.4g}."
        )


def _readings(scores: Scores) -> Iterator[str]:
    """How the runs read what the paper leaves open, those that agree in one line."""
    first = scores.rows.drop_duplicates("method").set_index("method")["protocol"]
    found: dict[str, list[str]] = {}
    for method, protocol in first.items():
        for part in protocol.split("; "):
            if part.startswith(READ):
                found.setdefault(part.removeprefix(READ), []).append(str(method))
    return (f"{', '.join(methods)}: {reading}." for reading, methods in found.items())


def _column_notes(scores: Scores) -> Iterator[str]:
    for (split, scale), rows in _by_column(scores.rows, scores):
        found = rows.groupby(["method", "seed"]).size().groupby("method").min()
        images = scores.images[split, scale]
        if few := [method for method in scores.methods if 0 < found.get(method, 0) < images]:
            yield f"{split} {label(scale)}: {', '.join(few)} on a part of the images only."
