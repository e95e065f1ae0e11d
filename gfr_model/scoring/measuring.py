"""What is measured of a restored batch, by the names of the scores' columns."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gfr_model.landmarks import face_masks
from gfr_model.networks.warp import identity_flow, landmark_error, normalise
from gfr_model.results.scores import FEATURES
from gfr_model.scoring import metrics
from gfr_model.scoring.job import Job
from gfr_model.scoring.methods import Output
from gfr_model.scoring.observations import Guide

Values = dict[str, float | bytes]  # metrics of one observation


def measure(job: Job, output: Output, truth: Tensor, targets: Tensor) -> list[Values]:
    """The metrics of a restored batch, image by image; `targets` (B, 68, 2) are its landmarks."""
    faces = face_masks(targets.to(truth.device), truth.shape[-1])
    found = metrics.measure(output.restored, truth, faces)
    unit = output.restored.float() / 255, truth.float() / 255
    at = normalise(targets, truth.shape[-1]).to(truth.device)
    found |= {column: metric.measure(*unit, at) for column, metric in job.learned.items()}
    columns = zip(*(values.tolist() for values in found.values()), strict=True)
    rows: list[Values] = [
        {name: value for name, value in zip(found, row, strict=True) if not math.isnan(value)} for row in columns
    ]
    if job.features is not None:
        for column, images in zip(FEATURES, unit, strict=True):
            for row, features in zip(rows, job.features.embed(images, at).cpu().numpy(), strict=True):
                row[column] = features.astype("<f4").tobytes()
    return rows


def add_landmarks(values: dict[int, Values], targets: Tensor, guides: Sequence[Guide | None], output: Output) -> None:
    """Add the landmark error of the guide, warped and as it was, where there is a flow and all points are known."""
    if output.flow is None:
        return
    size = output.flow.shape[-1]
    for number, place in enumerate(output.places):
        guide = guides[place]
        assert guide is not None, "an observation without a guide has an error"
        wanted, points = targets[number : number + 1], torch.from_numpy(guide.landmarks)[None]
        if wanted.isfinite().all() and points.isfinite().all():
            flows = {"": output.flow[number : number + 1].cpu(), "_initial": identity_flow(size, size)}
            for name, flow in flows.items():
                error = float(landmark_error(flow, wanted, points, size))
                values[place] |= {} if math.isnan(error) else {f"landmark_error{name}": error}
