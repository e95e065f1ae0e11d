"""Draw the validations of two runs, eq. 9 and 10 as sums and as means, side by side: reduction_curve.svg.

    python tests/benchmarks/reduction_curve.py SUM_RUN MEAN_RUN

guidance.md tells how the runs were made.
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

OUT = Path(__file__).with_suffix(".svg")
COLOURS = {"sum": "#3f9b62", "mean": "#5b8dd6"}
CHARTS = {  # name in the metrics: title, unit
    "landmark_error_inner": ("Where the warp looks for the inner landmarks", "mean error, px"),
    "tv": ("How uneven the flow is", "eq. 10, a sum"),
    "psnr": ("The output", "PSNR, dB"),
}


def main() -> None:
    """A chart for each figure, a line for each run."""
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    places = dict(zip(CHARTS, figure.subplots(1, len(CHARTS)), strict=True))
    for (reduction, colour), run in zip(COLOURS.items(), sys.argv[1:], strict=True):
        table = pd.read_parquet(Path(run) / "metrics.parquet")
        for name, axes in places.items():
            line = table[(table.name == name) & (table.split == "val")].sort_values("step")
            axes.plot(line.step, line.value, color=colour, marker=".", label=reduction)
    for name, axes in places.items():
        title, unit = CHARTS[name]
        axes.set(title=title, xlabel="steps of 8 pairs", ylabel=unit)
        axes.grid(alpha=0.3)
    places["tv"].legend(title="reduction")
    figure.savefig(OUT, metadata={"Date": None})


if __name__ == "__main__":
    main()
