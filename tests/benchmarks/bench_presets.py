"""Do the settings of `fast` cost quality? The same small run with those of `paper`, validation loss by samples seen.

    python tests/benchmarks/bench_presets.py DIR --samples 4000 --width 16 --device cuda

DIR is a build folder. Both runs have the paper's losses without VGG-Face and the same pairs, degradations and seed.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gfr_model.config import TrainConfig
from gfr_model.presets import resolve
from gfr_model.training.run import read_metrics
from gfr_model.training.train import train

SHOWN = ("reconstruction", "psnr", "landmark_error")


def main() -> None:
    """Train both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=4000, help="seen by each run")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=16, help="of the fast settings")
    parser.add_argument("--looks", type=int, default=5, help="validations of each run")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE")
    options = parser.parse_args()
    rows = {}
    for preset, batch in (("paper", 1), ("fast", options.batch)):
        config = settings(preset, batch, options)
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            train(options.folder, Path(folder) / "run", config, options.device)
            rows[preset] = validation_rows(Path(folder) / "run", config)
        print(f"{preset}: batch {batch}, {config.precision}, {time.monotonic() - started:.0f} s")
    print(f"{'samples':>9}" + "".join(f"{f'{preset} {name}':>24}" for name in SHOWN for preset in rows))
    for samples, values in rows["paper"].items():
        other = rows["fast"].get(samples)
        if other is not None:
            print(f"{samples:>9}" + "".join(f"{v[name]:>24.4f}" for name in SHOWN for v in (values, other)))


def settings(preset: str, batch: int, options: argparse.Namespace) -> TrainConfig:
    """One preset at a small size."""
    every = options.samples // options.looks // options.batch * options.batch  # samples between validations
    return resolve(
        preset,
        None,
        options.assignments,
        {
            "width": options.width,
            "discriminator_width": options.width,
            "vgg_face": "off",
            "lambda_perceptual": 0.0,
            "batch_size": batch,
            "max_steps": every * options.looks // batch,
            "validate_every": every // batch,
            "epochs": 1e6,
            "patience": 1000,
            "checkpoint_every": 10**9,
        },
    )


def validation_rows(run: Path, config: TrainConfig) -> dict[int, dict[str, float]]:
    """Samples seen -> validation values by name."""
    rows: dict[int, dict[str, float]] = {}
    for row in read_metrics(run).to_pylist():
        if row["split"] == "val" and row["step"] % config.validate_every == 0:
            rows.setdefault(row["step"] * config.batch_size, {})[row["name"]] = row["value"]
    return rows


if __name__ == "__main__":
    main()
