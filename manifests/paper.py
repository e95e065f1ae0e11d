"""The paper's own numbers: how many pairs it has, and its Table 1, PSNR in dB and SSIM, as printed."""

from dataclasses import dataclass

PAPER_PAIRS = {"train": 20273, "test-vggface2": 1005, "test-webface": 1455, "val": 200}  # §4.1
PAPER_VAL = PAPER_PAIRS["val"]
PAPER_POOL = PAPER_PAIRS["test-webface"] + PAPER_VAL  # pairs from CASIA-WebFace

COLUMNS = (("test-vggface2", 4.0), ("test-vggface2", 8.0), ("test-webface", 4.0), ("test-webface", 8.0))
OURS = "GFRNet"  # the group that the paper leaves out when it marks the second best


@dataclass(frozen=True)
class PaperRow:
    """A method and its results, one for each of COLUMNS; None where the paper has none."""

    group: str
    method: str
    results: tuple[tuple[float, float] | None, ...]  # (PSNR, SSIM)


def _row(group: str, method: str, *numbers: float) -> PaperRow:
    """`numbers`: PSNR and SSIM of each column in turn, 0 where there is none."""
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return PaperRow(group, method, tuple((psnr, ssim) if psnr else None for psnr, ssim in pairs))


ROWS = (
    _row("SR", "SRCNN", 24.57, 0.842, 22.30, 0.802, 26.11, 0.872, 23.50, 0.842),
    _row("SR", "VDSR", 25.36, 0.858, 22.50, 0.807, 26.60, 0.884, 23.65, 0.847),
    _row("SR", "SRGAN", 25.85, 0.911, 23.01, 0.874, 27.65, 0.941, 24.49, 0.913),
    _row("SR", "MSRGAN", 26.55, 0.906, 23.45, 0.862, 28.10, 0.934, 24.92, 0.908),
    _row("Deblur", "DCP", 24.42, 0.894, 21.54, 0.848, 24.97, 0.895, 23.05, 0.887),
    _row("Deblur", "DeepDeblur", 26.31, 0.917, 22.97, 0.873, 28.13, 0.934, 24.63, 0.910),
    _row("Deblur", "DeblurGAN", 24.65, 0.889, 22.06, 0.846, 24.63, 0.910, 23.38, 0.896),
    _row("Deblur", "MDeblurGAN", 25.32, 0.918, 22.46, 0.867, 29.41, 0.952, 23.49, 0.900),
    _row("Denoise", "DnCNN", 26.73, 0.920, 23.29, 0.877, 28.35, 0.933, 24.75, 0.912),
    _row("Denoise", "MemNet", 26.85, 0.923, 23.31, 0.877, 28.57, 0.934, 24.77, 0.909),
    _row("Denoise", "MDnCNN", 27.05, 0.925, 23.33, 0.879, 29.40, 0.942, 24.84, 0.912),
    _row("AR", "ARCNN", 22.05, 0.863, 20.84, 0.827, 23.39, 0.876, 20.47, 0.858),
    _row("AR", "MARCNN", 25.43, 0.923, 23.16, 0.876, 28.40, 0.938, 25.15, 0.914),
    _row("Non-blind FH", "CBN", 24.52, 0.867, 21.84, 0.817, 25.43, 0.899, 23.10, 0.852),
    _row("Non-blind FH", "WaveletSR", 25.66, 0.909, 20.87, 0.831, 27.10, 0.937, 21.63, 0.869),
    _row("Non-blind FH", "TDAE", 0, 0, 20.19, 0.729, 0, 0, 20.24, 0.741),
    _row("Blind FH", "SCGAN", 25.16, 0.905, 0, 0, 26.37, 0.923, 0, 0),
    _row("Blind FH", "MCGAN", 25.26, 0.912, 0, 0, 26.35, 0.931, 0, 0),
    _row(OURS, "GFRNet (-WG)", 25.97, 0.915, 22.91, 0.838, 28.73, 0.928, 24.76, 0.884),
    _row(OURS, "GFRNet (-WG2)", 27.20, 0.932, 23.22, 0.863, 29.45, 0.945, 25.93, 0.914),
    _row(OURS, "GFRNet (-W)", 26.03, 0.923, 23.29, 0.843, 29.66, 0.934, 25.20, 0.897),
    _row(OURS, "GFRNet (-W2)", 27.25, 0.933, 23.24, 0.864, 29.73, 0.948, 25.95, 0.917),
    _row(OURS, "GFRNet (-F)", 26.61, 0.927, 23.17, 0.863, 31.43, 0.920, 26.00, 0.922),
    _row(OURS, "GFRNet (R)", 27.90, 0.943, 24.05, 0.890, 31.46, 0.962, 26.88, 0.922),
    _row(OURS, "GFRNet (Full)", 28.55, 0.947, 24.10, 0.898, 32.31, 0.973, 27.21, 0.935),
)


def result(row: PaperRow, split: str, scale: float) -> tuple[float, float] | None:
    """The paper's (PSNR, SSIM) of a row in one column, None where it has none."""
    return row.results[COLUMNS.index((split, scale))] if (split, scale) in COLUMNS else None
