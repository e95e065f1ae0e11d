"""Table 1 on people of your own: every network trained for some minutes, scored on people none has seen, in one table.

    python -m tests.benchmarks.table1 PAIRS OUT [--minutes M] [--photographs N] [--seeds S] [--rows NAME,NAME,...]
        [--preset demo] [--device cpu] [--set KEY=VALUE ...]

PAIRS is a build of real people that guidance.md tells how to make; those whom people.csv marks `test` must be in its
test splits, of each the first N (1) photographs are restored at 4x and at 8x. --minutes (5) are each network's; how
many steps these are is found by a few before its first one. --seeds (3): runs of the two best by validation.
--rows: some of ROWS, by name. SRGAN and DeblurGAN compare the features of VGG19 where these are here, else of
VGG16-HED; the names of rows bear the losses that trained them. Networks of all scales see the paper's whole space of
degradations; SRCNN and VDSR have a network for each scale, and both of the paper's roads to 8x. --set gives all
rows a setting of gfr-train.

Writes OUT/table1.md. Stopped anywhere, the same command goes on.
"""

import argparse
import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gfr_data.degradation.dataset import degrade_dataset
from gfr_model.checkpoint import MODEL_FILE, Header, read_header
from gfr_model.config import TrainConfig
from gfr_model.presets import resolve
from gfr_model.readings import short_losses
from gfr_model.results.scores import merge
from gfr_model.results.table import tabulate
from gfr_model.scoring.job import ScoreConfig
from gfr_model.scoring.score import score
from gfr_model.training.pairs import read_splits
from gfr_model.training.train import train
from manifests import DEGRADED, DEGRADED_FILE, PAIRS, PAIRS_FILE, read_provenance, read_table, write_table, write_text
from manifests.degradation.space import parse_space
from manifests.settings import parse_assignments
from manifests.weights import find

PEOPLE = Path(__file__).parent / "people.csv"
SCALES = (4, 8)
WARPING = 0.2  # share of a run that trains WarpNet alone
LOOKS = 3  # validations in a run
VALIDATED = 16  # pairs of each
TRIED = 9  # steps of each stage by which its time is known; before the first it is not counted
METRICS = {"psnr": "PSNR", "ssim": "SSIM", "identity_similarity": "identity"}
DIGITS = {"psnr": 2, "ssim": 3, "identity_similarity": 3}


@dataclass(frozen=True)
class Row:
    """A network of the table."""

    title: str
    settings: Mapping[str, Any]  # of gfr-train
    scales: tuple[int, ...] = SCALES  # at which it is scored; () for a part of a cascade alone
    begins_with: str = ""  # the row whose network it begins with


CLEAN = {"scale": "2", "blur_sigma": "0", "noise_sigma": "0", "jpeg_quality": "0"}  # bicubic reduction alone, as
# befits what another network has restored already
ROWS = {
    "gfrnet": Row("GFRNet", {}),
    **{f"gfrnet{name}": Row(f"GFRNet({name})", {"variant": name}) for name in ("-F", "-W", "-WG", "-W2", "-WG2")},
    "srcnn-4x": Row("SRCNN 4x", {"model": "srcnn", "scale": "4"}, (4,)),
    "srcnn-8x": Row("SRCNN 8x", {"model": "srcnn", "scale": "8"}, (8,)),
    "srcnn-2x": Row("SRCNN 2x", {"model": "srcnn", **CLEAN}, ()),
    "vdsr-4x": Row("VDSR 4x", {"model": "vdsr", "scale": "4"}, (4,)),
    "vdsr-8x": Row("VDSR 8x", {"model": "vdsr", "scale": "8"}, (8,)),
    "vdsr-2x": Row("VDSR 2x", {"model": "vdsr", **CLEAN}, ()),
    "srresnet": Row("SRResNet", {"model": "srresnet"}),
    "srgan": Row("SRGAN", {"model": "srgan"}, begins_with="srresnet"),
    "msrresnet": Row("MSRResNet", {"model": "msrresnet"}),
    "msrgan": Row("MSRGAN", {"model": "msrgan"}, begins_with="msrresnet"),
    "deepdeblur": Row("DeepDeblur", {"model": "deepdeblur"}),
    "deblurgan": Row("DeblurGAN", {"model": "deblurgan"}),
    "mdeblurgan": Row("MDeblurGAN", {"model": "mdeblurgan"}),
    "dncnn": Row("DnCNN", {"model": "dncnn"}),
    "mdncnn": Row("MDnCNN", {"model": "mdncnn"}),
    "memnet": Row("MemNet", {"model": "memnet"}),
    "arcnn": Row("ARCNN", {"model": "arcnn"}),
    "marcnn": Row("MARCNN", {"model": "marcnn"}),
}
SHIPPED = "the model that ships"  # of other networks and hours: see guidance.md
CASCADES = {"SRCNN 4x, then 2x": ("srcnn-4x", "srcnn-2x"), "VDSR 4x, then 2x": ("vdsr-4x", "vdsr-2x")}


@dataclass(frozen=True)
class Plan:
    """Where everything lies, and how each network is trained."""

    pairs: Path
    out: Path
    minutes: float
    device: str
    preset: str
    assignments: tuple[str, ...]  # settings of all rows

    def run(self, name: str, seed: int) -> Path:
        """The folder of a run."""
        return self.out / "runs" / (f"{name}#{seed}" if seed else name)


def main() -> None:
    """Degrade, train, score, write the table; what is there already stays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--photographs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", default=",".join(ROWS), help="names, with commas between them")
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    rows = given.rows.split(",")
    if unknown := sorted(set(rows) - ROWS.keys()):
        parser.error(f"no rows {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if missing := [name for name in rows if ROWS[name].begins_with not in ("", *rows)]:
        parser.error(f"{missing[0]} begins with {ROWS[missing[0]].begins_with}, which is not among --rows")
    plan = Plan(given.pairs, given.out, given.minutes, given.device, given.preset, tuple(given.assignments))
    for scale in SCALES:
        _degraded(plan, scale, given.photographs)
    runs = {name: [_trained(plan, name, 0)] for name in rows}
    for name in _best(plan, rows):
        runs[name] += [_trained(plan, name, seed) for seed in range(1, given.seeds)]
    folders = _score(plan, runs)
    write_text(plan.out / "table1.md", _text(plan, runs, folders))
    print(plan.out / "table1.md")


def _degraded(plan: Plan, scale: int, photographs: int) -> None:
    """OUT/degraded/SCALE: the first photographs of each test person, degraded."""
    whole, some = plan.out / "whole" / str(scale), plan.out / "degraded" / str(scale)
    if (some / DEGRADED_FILE).is_file():
        return
    people = pd.read_csv(PEOPLE)
    tested = set(people.person[people.split == "test"])
    splits = read_table(plan.pairs / PAIRS_FILE, PAIRS, columns=["person", "split"]).to_pandas()
    if wrong := sorted(tested & set(splits.person[splits.split.isin(["train", "val"])])):
        raise SystemExit(f"{plan.pairs} trains or validates on test persons: {', '.join(wrong[:5])}")
    degrade_dataset(plan.pairs, whole, None, parse_space(scale=str(scale)))
    table = read_table(whole / DEGRADED_FILE, DEGRADED)
    persons = table.column("person").to_pandas()
    chosen = table.filter(((persons.groupby(persons).cumcount() < photographs) & persons.isin(tested)).to_numpy())
    for row in chosen.to_pylist():
        for path in (row["lq_path"], row["target_path"], row["guide_path"]):
            (some / path).parent.mkdir(parents=True, exist_ok=True)
            (some / path).write_bytes((whole / path).read_bytes())
    write_table(some / DEGRADED_FILE, chosen, DEGRADED, read_provenance(whole / DEGRADED_FILE))


def _trained(plan: Plan, name: str, seed: int) -> Path:
    """The run of a row, trained for its minutes; OUT/steps.json remembers how many steps those are."""
    run, note = plan.run(name, seed), plan.out / "steps.json"
    told = json.loads(note.read_text()) if note.is_file() else {}
    config = _config(plan, name, seed)
    if run.name not in told:
        told[run.name] = _affordable(plan, name, config)
        write_text(note, json.dumps(told, indent=1))
    about = told[run.name]
    begun = time.monotonic()
    try:
        length = _length(about["steps"], about["warp_epochs"])
        done = train(plan.pairs, run, replace(config, **length), plan.device, say=print)
    finally:
        about["seconds"] += time.monotonic() - begun
    if done.new_steps:
        write_text(note, json.dumps(told, indent=1))
    print(f"{run}: {done.steps} steps, {about['seconds']:.0f} s, PSNR {done.validation['psnr']:.2f}", flush=True)
    return run


def _length(steps: int, warp_epochs: float) -> dict[str, Any]:
    """The settings of a run of so many steps."""
    every = math.ceil(steps / LOOKS)
    return {"max_steps": steps, "warp_epochs": warp_epochs, "validate_every": every, "rate_steps": (steps // 2,)}


def _affordable(plan: Plan, name: str, config: TrainConfig) -> dict[str, float]:
    """How many steps a row's minutes are, by a run of a few that is not kept, and how many epochs WarpNet has alone."""
    seen: dict[str, list[float]] = {}

    def clock(stage: str, done: int, total: int, note: str = "") -> None:
        seen.setdefault(stage, []).append(time.monotonic())

    epochs = config.batch_size / len(read_splits(plan.pairs, config.hold_out, config.seed).train)  # of a step
    warps = config.made_of.warps and config.made_of.has_flow_losses
    tried = plan.out / "tried"
    train(
        plan.pairs,
        tried,
        replace(config, **_length((1 + warps) * TRIED, warps * TRIED * epochs) | {"validate_every": 2 * TRIED}),
        plan.device,
        overwrite=True,
        progress=clock,
    )
    shutil.rmtree(tried)
    times = [(ticks[-1] - ticks[0]) / (TRIED - 1) for stage, ticks in seen.items() if stage.startswith("train")]
    alone = WARPING if warps else 0.0
    seconds = alone * times[0] + (1 - alone) * times[-1]
    steps = max(2, round(plan.minutes * 60 / seconds))
    return {"steps": steps, "warp_epochs": alone * steps * epochs, "seconds": 0.0}


def _config(plan: Plan, name: str, seed: int) -> TrainConfig:
    """The settings of a row: those for all rows, the user's, its own."""
    row, (given, problems) = ROWS[name], parse_assignments(plan.assignments)
    if problems:
        raise SystemExit("; ".join(problems))
    changes = {"scale": "1:0.1:8", "most_val_pairs": VALIDATED, **given, "seed": seed}
    if row.begins_with:
        changes["init"] = (str(plan.run(row.begins_with, 0)),)
    if "gan" in name and not find("vgg19"):
        changes["vgg19"] = "vgg16-hed"
    return resolve(plan.preset, changes=changes | dict(row.settings))


def _about(run: Path) -> Header:
    return read_header(run / MODEL_FILE)


def _best(plan: Plan, rows: Sequence[str]) -> list[str]:
    """The two rows whose networks validated best, of those for all scales."""
    psnr = {n: _about(plan.run(n, 0)).state["validation"]["psnr"] for n in rows if ROWS[n].scales == SCALES}
    return sorted(psnr, key=lambda name: -psnr[name])[:2]


def _named(title: str, run: Path) -> str:
    return f"{title} ({short_losses(_about(run).config)})"


def _score(plan: Plan, runs: dict[str, list[Path]]) -> list[Path]:
    """Score everything where it belongs: both scales, 4x alone, 8x alone. Returns the folders of scores."""
    folders = []
    for scales in (SCALES, (4,), (8,)):
        given, cascades = [], []
        for name, row in ROWS.items():
            if name in runs and row.scales == scales:
                given.append(f"{_named(row.title, runs[name][0])}={','.join(map(str, runs[name]))}")
        for title, (first, second) in CASCADES.items():
            if scales == (8,) and first in runs and second in runs:
                parts = runs[first][0], runs[second][0]
                cascades.append(f"{_named(title, parts[0])}={','.join(map(str, parts))}")
        if not given + cascades:
            continue
        if scales == SCALES:
            given.append(f"{SHIPPED}=default")
        out = plan.out / f"scores-{'-'.join(map(str, scales))}"
        config = ScoreConfig(
            tuple(plan.out / "degraded" / str(scale) for scale in scales),
            out,
            runs=tuple(given),
            cascades=tuple(cascades),
            panels=0,
            identity_weights="dlib-recognition" if find("dlib-recognition") else None,
            device=plan.device,
        )
        score(config)
        if scales == SCALES:
            of_ours = tuple(one for one in given if one.startswith(("GFRNet (", SHIPPED)))
            score(replace(config, runs=of_ours, random_guide=True))
        folders.append(out)
    return folders


def _text(plan: Plan, runs: dict[str, list[Path]], folders: Sequence[Path]) -> str:
    """The page: the table, its footnotes, and how long each network was trained."""
    scores = merge(folders)
    lines = []
    for method, rows in scores.rows.groupby("method", sort=False):
        line = {"": method}
        for scale in SCALES:
            for metric, title in METRICS.items():
                seeds = rows[rows["scale"] == scale].groupby("seed")[metric].mean().astype(float)
                spread = f" ± {seeds.std():.{DIGITS[metric]}f}" if len(seeds) > 1 else ""
                line[f"{scale}x {title}"] = f"{seeds.mean():.{DIGITS[metric]}f}{spread}" if seeds.notna().any() else ""
        lines.append(line)
    table = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    told = json.loads((plan.out / "steps.json").read_text())
    times = [
        f"| {_named(ROWS[name].title, run)}{f', seed {seed}' if seed else ''} | {told[run.name]['steps']:,} "
        f"| {told[run.name]['seconds'] / 60:.1f} |"
        for name, found in runs.items()
        for seed, run in enumerate(found)
    ]
    count = scores.rows[scores.rows["method"] == "bicubic"].drop_duplicates("pair_id")
    about = f"{len(count)} photographs of {count['person'].nunique()} persons; ± the standard deviation over seeds."
    notes = "\n".join(f"- {note}" for note in tabulate(folders, paper=False).notes)
    trained = "\n".join(["| network | steps | minutes |", "| --- | --: | --: |", *times])
    shipped = "The model that ships was trained for hours, on the same people: its page is guidance.md."
    return f"{about}\n\n{table}\n\n{notes}\n\n{trained}\n\n{shipped}\n"


if __name__ == "__main__":
    main()
