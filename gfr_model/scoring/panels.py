"""Pictures of some scored observations, kept for the report: input, guide, warped guide, output, truth, flow."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gfr_model.pictures import to_levels
from gfr_model.results.panel import is_whole, write_panel
from gfr_model.scoring.job import PANELS, Job
from gfr_model.scoring.methods import Method, Output
from gfr_model.scoring.observations import load
from manifests import Progress
from manifests.files import safe_name
from manifests.tables.schemas import BICUBIC, FLOW_FILE

TOGETHER = 8  # observations that are read and restored at a time


@dataclass(frozen=True)
class Scored:
    """A row of scores and the observation that it is of."""

    folder: int  # number of the degraded folder
    place: int  # of the observation in it
    row: dict[str, Any]

    @property
    def panel(self) -> str:
        """The folder of its pictures, relative to the table."""
        name = safe_name(f"{self.row['pair_id']}-{self.row['copy']}")
        return f"{PANELS}/{safe_name(self.row['method'])}/{self.folder}-{name}"


def write_panels(job: Job, scored: Sequence[Scored], progress: Progress) -> list[dict[str, Any]]:
    """Keep pictures of `panels` observations, the same for each method; returns the rows with their column `panel`.

    They are spread evenly over the gains of the first method after bicubic, in each split and scale: the best and the
    worst are among them.
    """
    out = job.config.out
    chosen = set(choose(scored, job.config.panels))
    wanted = [one for one in scored if (one.folder, one.place) in chosen and not one.row["error"]]
    missing = [one for one in wanted if not is_whole(out / one.panel)]
    groups = [
        (method, list(group))
        for method in job.methods  # pictures of a method of an earlier call stay as they are
        for _, group in groupby((one for one in missing if one.row["method"] == method.name), lambda one: one.folder)
    ]
    done, total = 0, sum(len(group) for _, group in groups)
    for method, group in groups:
        for start in range(0, len(group), TOGETHER):
            part = group[start : start + TOGETHER]
            _write(job, part, method)
            done += len(part)
            progress("pictures", done, total)
    kept = {one.panel for one in wanted if (out / one.panel).is_dir()}
    return [one.row | {"panel": one.panel if one.panel in kept else None} for one in scored]


def choose(scored: Sequence[Scored], count: int) -> Iterator[tuple[int, int]]:
    """The observations whose pictures are kept, as (folder, place)."""
    good = [one for one in scored if one.row["psnr"] is not None]
    base = {(one.folder, one.place): one.row["psnr"] for one in good if one.row["method"] == BICUBIC}
    names = list(dict.fromkeys(one.row["method"] for one in good))
    leader = next((name for name in names if name != BICUBIC), BICUBIC)
    groups: dict[tuple[int, str, float], list[tuple[float, int, int]]] = {}
    for one in good:
        if one.row["method"] == leader:
            gain = one.row["psnr"] - (base.get((one.folder, one.place), 0.0) if leader != BICUBIC else 0.0)
            key = (one.folder, one.row["split"], one.row["scale"])
            groups.setdefault(key, []).append((gain, one.folder, one.place))
    if len(groups) > max(count, 1) // 4:  # scales that were drawn: a group for each would hold next to nothing
        groups = {(0, "", 0.0): [member for group in groups.values() for member in group]}
    for number, group in enumerate(groups.values()):
        share = count * (number + 1) // len(groups) - count * number // len(groups)
        yield from ((folder, place) for _, folder, place in _spread(sorted(group), share))


def _spread(values: Sequence[tuple[float, int, int]], count: int) -> list[tuple[float, int, int]]:
    """At most `count` of `values`, evenly spaced, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    if count < 2:
        return list(values[:count])
    return [values[round(number * (len(values) - 1) / (count - 1))] for number in range(count)]


def _write(job: Job, group: Sequence[Scored], method: Method) -> None:
    """Restore observations of one folder once more, and keep their pictures."""
    folder = job.folders[group[0].folder]
    rows = [folder.rows[one.place] for one in group]
    batch, _ = load(folder, rows, method.guides(folder, rows), job.device)
    if batch is None:
        return
    output = method.restore(folder, rows, batch)
    for number, place in enumerate(output.places):
        at = batch.places.index(place)
        pictures = {"input": to_levels(batch.degraded[at]), "guide": batch.guide[at], "truth": batch.truth[at]}
        _keep(job.config.out / group[place].panel, pictures, output, number)


def _keep(panel: Path, pictures: dict[str, torch.Tensor], output: Output, number: int) -> None:
    pictures["output"] = output.restored[number]
    if output.warped is not None:
        pictures["warped"] = output.warped[number]
    files = {f"{name}.png": _png(image) for name, image in pictures.items()}
    if output.flow is not None:
        flow = io.BytesIO()
        np.save(flow, output.flow[number].cpu().numpy().astype(np.float16))
        files[FLOW_FILE] = flow.getvalue()
    write_panel(panel, files)


def _png(image: torch.Tensor) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(file, format="PNG")
    return file.getvalue()
