"""Rows of scores that tests of tables begin from."""

import math

from manifests import SCORES


def row(method, number, psnr, split="test-webface", scale=4.0, **changes):
    return (
        dict.fromkeys(SCORES.names)
        | {
            "pair_id": f"p{number}",
            "split": split,
            "copy": 0,
            "dataset": "folder",
            "identity": f"i{number // 2}",
            "person": f"i{number // 2}",
            "method": method,
            "checkpoint_hash": "" if method == "bicubic" else f"weights of {method}",
            "blur_sigma": 0.0,
            "scale": scale,
            "noise_sigma": 0.0,
            "jpeg_quality": 0,
            "psnr": psnr,
            "ssim": psnr / 40,
            "psnr_y": psnr + 1,
            "ssim_y": psnr / 40 + 0.01,
            "ssim_volume": psnr / 40 + 0.02,
            "pose_difference": 3.0,
            "protocol": "gfr-1: as always",
        }
        | changes
    )


def simple(methods=("bicubic", "net"), count=8, **changes):
    return [
        row(method, n, 25 + place + math.sin(n), **changes)
        for place, method in enumerate(methods)
        for n in range(count)
    ]


def measured(table, method, column=0, source="measured"):
    """A method's record in a column."""
    results = table.results
    split, scale = table.columns[column]
    here = (results["source"] == source) & (results["split"] == split) & (results["scale"] == scale)
    return results[here].set_index("method").loc[method]
