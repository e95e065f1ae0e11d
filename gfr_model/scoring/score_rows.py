"""The rows of one method for a part of the observations: restored, measured, or with the reason why not."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gfr_model.scoring import metrics
from gfr_model.scoring.job import Job, Part
from gfr_model.scoring.learned_metrics import identity_similarity, perceptual_distance
from gfr_model.scoring.methods import Method, Output, read_restored, restore
from gfr_model.scoring.observations import Batch, Guide, pose_difference, pose_of
from manifests import SCORES
from manifests.degradation.space import CROP_SIZE

Values = dict[str, float]  # metrics of one observation


def score_part(
    job: Job, part: Part, method: Method, batch: Batch | None, errors: dict[int, str]
) -> list[dict[str, Any]]:
    """One row for each of the part's observations; `errors` has those that `batch` could not hold, by place."""
    guides = job.guides(part, method)
    hashes = dict.fromkeys(range(len(part.rows)), method.checkpoint_hash)
    values: dict[int, Values] = {}
    if batch is not None and method.folder is None:
        output = restore(method, batch)
        values = dict(zip(batch.rows, _measure(job, output, batch.truth), strict=True))
        _add_landmarks(values, part, guides, batch, output)
    elif batch is not None:
        chosen = [part.rows[place] for place in batch.rows]
        found = read_restored(method, part.folder, len(job.folders) > 1, chosen, job.device)
        errors = errors | {batch.rows[number]: message for number, message in found.errors.items()}
        hashes |= dict(zip(batch.rows, found.hashes, strict=True))
        if found.images is not None:
            good = [number for number in range(len(chosen)) if number not in found.errors]
            measured = _measure(job, Output(found.images, None, None), batch.truth[good])
            values = dict(zip((batch.rows[number] for number in good), measured, strict=True))
    return [
        _row(job, row, method, guides[place], hashes[place], values.get(place, {}), errors.get(place))
        for place, row in enumerate(part.rows)
    ]


def _measure(job: Job, output: Output, truth: Tensor) -> list[Values]:
    """The metrics of a restored batch, image by image."""
    image, wanted = (torch.cat([part.double(), metrics.luma(part)], dim=1) for part in (output.restored, truth))
    channels = metrics.ssim_of_channels(image, wanted)
    found = {
        "psnr": metrics.psnr(output.restored, truth),
        "ssim": channels[:, :3].mean(dim=1),
        "psnr_y": metrics.psnr(image[:, 3:], wanted[:, 3:]),
        "ssim_y": channels[:, 3],
    }
    unit = output.restored.float() / 255, truth.float() / 255
    if job.identity is not None:
        found["identity_similarity"] = identity_similarity(job.identity, *unit)
    if job.lpips is not None:
        found["lpips"] = perceptual_distance(job.lpips, *unit)
    columns = [values.tolist() for values in found.values()]
    return [dict(zip(found, values, strict=True)) for values in zip(*columns, strict=True)]


def _add_landmarks(
    values: dict[int, Values], part: Part, guides: Sequence[Guide | None], batch: Batch, output: Output
) -> None:
    """Add the landmark error of the guide, warped and as it was, where there is a flow and all points are known."""
    if output.flow is None:
        return
    for number, place in enumerate(batch.rows):
        guide = guides[place]
        assert guide is not None, "an observation without a guide has an error"
        wanted = torch.tensor(part.rows[place]["target_landmarks"], dtype=torch.float32).view(1, -1, 2)
        points = torch.from_numpy(guide.landmarks)[None]
        if wanted.isfinite().all() and points.isfinite().all():
            flow = output.flow[number : number + 1].cpu()
            values[place]["landmark_error"] = float(metrics.landmark_error(flow, wanted, points, CROP_SIZE))
            values[place]["landmark_error_initial"] = float(metrics.point_distance(wanted, points))


def _row(
    job: Job, row: dict[str, Any], method: Method, guide: Guide | None, digest: str, values: Values, error: str | None
) -> dict[str, Any]:
    """One row of the table."""
    pose = guide.pose if guide is not None else pose_of(row, "guide")
    suffix = f"; guide of another person, seed {job.config.seed}" if method.random_guide else ""
    about = {
        "method": method.name,
        "checkpoint_hash": digest,
        "pose_difference": pose_difference(pose_of(row, "target"), pose),
        "protocol": job.protocol + suffix,
        "error": error,
    }
    return {name: row.get(name) for name in SCORES.names} | about | values
