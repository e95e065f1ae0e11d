"""Any number of score tables as one: each method's score of an observation once, by split and scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from manifests import SCORES, SCORES_FILE, DataError, read_table

RGB, LUMA, FACE = ("psnr", "ssim"), ("psnr_y", "ssim_y"), ("psnr_face", "ssim_face")
# How SSIM is taken, by name: the paper does not say how it took its own.
SSIMS = {"wang-rgb": "ssim", "wang-y": "ssim_y", "matlab-volume": "ssim_volume"}
MEASURED = ("landmark_error", "landmark_error_initial", "lpips", "dists", "niqe", "identity_similarity")
FURTHER = (*FACE, "ssim_volume", *MEASURED)
FEATURES = ("features", "truth_features")  # of which sets are compared
MOST_SCALES = 4  # of a split that have a column each; more were drawn from a range, and share one
SEED = r"^(?P<name>.+)#(?P<seed>\d+)(?P<guide>\(R\))?$"
READ = "how the paper is read: "  # begins the part of a protocol that a run brings along
FIRST_SPLITS = ("test-vggface2", "test-webface")  # in the paper's order
OBSERVATION = ["split", "pair_id", "copy", "blur_sigma", "scale", "noise_sigma", "jpeg_quality"]  # what identifies one
COLUMNS = (*OBSERVATION, "person", "method", "checkpoint_hash", "protocol", "error", *RGB, *LUMA, *FURTHER, *FEATURES)
COLUMN = ["split", "column"]  # of Table 1's form: a split at one scale, or at all of its scales


@dataclass(frozen=True)
class Scores:
    """Score tables as one. `column` of their rows is the scale where it has a column of its own, else '2–8×'.

    Methods NAME#1, NAME#2, ... are one method NAME; `seed` of its rows tells them apart.
    """

    methods: list[str]  # in the tables' order
    rows: pd.DataFrame  # with a score: COLUMNS, `column` and `seed`
    failed: pd.DataFrame  # without a score
    images: pd.Series  # number of observations by (split, column), in the order of the columns


def merge(folders: Sequence[Path]) -> Scores:
    """Read score folders. What two of them both have counts once. Raises DataError where they contradict each other."""
    tables = [_read(folder) for folder in folders]
    rows = pd.concat(tables, ignore_index=True)
    if rows.empty:
        raise DataError(f"{folders[0] / SCORES_FILE} has no rows; score something first")
    listed = ", ".join(str(folder) for folder in folders)
    _check(tables, rows, listed)
    # One that succeeded rather than one that failed.
    order = rows["error"].notna().sort_values(kind="stable").index
    rows = rows.loc[order].drop_duplicates(["method", *OBSERVATION]).sort_index()
    rows = _by_seed(rows)
    methods = rows["method"].unique().tolist()
    good, failed = rows[rows["error"].isna()], rows[rows["error"].notna()]
    scales = good.groupby("split")["scale"]
    shared = scales.transform(lambda found: f"{found.min():g}–{found.max():g}×").astype(object)
    good = good.assign(column=good["scale"].astype(object).where(scales.transform("nunique") <= MOST_SCALES, shared))
    images = good.drop_duplicates(OBSERVATION).groupby(COLUMN, sort=False).size()
    return Scores(methods, good, failed, images.loc[sorted(images.index, key=_place)])


def over_seeds(rows: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """One row for each observation of a method: the mean of its seeds."""
    return rows.groupby([*OBSERVATION, "column", "person"], sort=False, as_index=False)[list(metrics)].mean()


def _by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """With the column `seed`, '' where a method has one run."""
    parts = rows["method"].str.extract(SEED)
    names = parts["name"] + parts["guide"].fillna("")
    several = rows["method"].groupby(names).transform("nunique").gt(1)
    return rows.assign(method=names.where(several, rows["method"]), seed=parts["seed"].where(several, ""))


def label(column: float | str) -> str:
    """A column's scale as it is printed, '4×'."""
    return column if isinstance(column, str) else f"{column:g}×"


def _read(folder: Path) -> pd.DataFrame:
    path = folder / SCORES_FILE if folder.is_dir() or folder.suffix != ".parquet" else folder
    return read_table(path, SCORES, COLUMNS).select(COLUMNS).to_pandas().astype({"scale": float})


def _check(tables: Sequence[pd.DataFrame], rows: pd.DataFrame, listed: str) -> None:
    """One protocol, one name for one network, one score of a method for an observation."""
    if rows["protocol"].str.partition("; ")[0].nunique() > 1:
        raise DataError(f"{listed} were scored by different protocols; score them again with one version")
    weights = pd.concat([table.groupby("method")["checkpoint_hash"].agg(["first", "nunique"]) for table in tables])
    weights = weights[weights["nunique"] == 1]  # restored files have a hash for each image
    different = weights.groupby("method")["first"].nunique()
    if mixed := different.index[different > 1].tolist():
        raise DataError(
            f"{listed}: {', '.join(mixed)} names different weights; score again with --run NAME=RUN to tell them apart"
        )
    key = ["method", *OBSERVATION]
    different = rows[rows["error"].isna()].drop_duplicates([*key, "psnr"])
    if len(twice := different[different.duplicated(key)]):
        method, pair = twice.iloc[0][["method", "pair_id"]]
        raise DataError(
            f"{listed} have different scores of {method} for {pair}, as if of different data; score one degraded set "
            "into each table"
        )


def _place(column: tuple[str, float | str]) -> tuple[int, str, float | str]:
    return (*(FIRST_SPLITS.index(name) if (name := column[0]) in FIRST_SPLITS else 9, column[0]), column[1])
