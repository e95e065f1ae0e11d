"""Draw the validations of several runs side by side.

    python tests/benchmarks/run_curves.py OUT.svg NAME=RUN ... [--charts landmark_error_inner,tv,psnr]

guidance.md tells how the runs of its pictures were made.
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

CHARTS = {  # name in the metrics: title, unit
    "landmark_error_inner": ("Where the warp looks for the inner landmarks", "mean error, px"),
    "tv": ("How uneven the flow is", "eq. 10, a sum"),
    "flow_spread": ("How much the flow differs between inputs", "spread, px"),
    "psnr": ("The output", "PSNR, dB"),
}


def main() -> None:
    """A chart for each figure, a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--charts", default="landmark_error_inner,tv,psnr")
    options = parser.parse_args()
    charts = options.charts.split(",")
    figure = Figure(figsize=(4 * len(charts), 3.4), layout="constrained")
    places = dict(zip(charts, figure.subplots(1, len(charts), squeeze=False)[0], strict=True))
    for text in options.runs:
        label, _, run = text.partition("=")
        table = pd.read_parquet(Path(run) / "metrics.parquet")
        for name, axes in places.items():
            line = table[(table.name == name) & (table.split == "val")].sort_values("step")
            axes.plot(line.step, line.value, marker=".", label=label)
    for name, axes in places.items():
        title, unit = CHARTS[name]
        axes.set(title=title, xlabel="steps of 8 pairs", ylabel=unit)
        axes.grid(alpha=0.3)
    places[charts[0]].legend()
    figure.savefig(options.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
