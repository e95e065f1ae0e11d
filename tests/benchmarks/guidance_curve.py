"""Draw guidance_curve.csv, the validations of the model that ships while it was trained, as guidance_curve.svg.

    python tests/benchmarks/guidance_curve.py

Columns: step, minutes (of one core), scale, guide (own, another's, none, or bicubic), psnr_face (dB, mean of 64 pairs).
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

HERE = Path(__file__).parent
COLOURS = {"own": "#3f9b62", "another's": "#d8502f", "none": "#5b8dd6", "bicubic": "#999999"}


def main() -> None:
    """Two charts side by side, a scale each."""
    table = pd.read_csv(HERE / "guidance_curve.csv")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (scale, rows) in zip(figure.subplots(1, 2), table.groupby("scale"), strict=True):
        for guide, colour in COLOURS.items():
            line = rows[rows.guide == guide]
            if guide == "bicubic":
                axes.axhline(line.psnr_face.mean(), color=colour, linestyle=":", label=guide)
            else:
                axes.plot(line.step, line.psnr_face, color=colour, marker=".", label=guide)
        axes.set(title=f"{scale}x", xlabel="steps of 8 pairs", ylabel="PSNR of the face, dB")
        axes.grid(alpha=0.3)
    axes.legend(title="guide", loc="lower right")
    figure.savefig(HERE / "guidance_curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
