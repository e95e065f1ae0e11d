"""Pictures of some scored observations, kept for the report: input, guide, warped guide, output, truth, flow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gfr_model.methods import BICUBIC, Method, Output, read_restored, restore, to_levels
from gfr_model.observations import Batch, load
from gfr_model.score_job import PANELS, Job, Part, safe_name
from manifests import Progress, atomic_path

FLOW_FILE = "flow.npy"  # (2, S, S) float16: where each pixel of the warped guide looks, in [-1, 1]
LAST = "output.png"  # written last: a panel that has it is whole


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
    missing = [one for one in wanted if not (out / one.panel / LAST).is_file()]
    methods = {method.name: method for method in job.methods}
    for done, one in enumerate(missing):
        progress("pictures", done, len(missing))
        if one.row["method"] in methods:  # those of an earlier call stay as they are
            _write(job, one, methods[one.row["method"]])
    if missing:
        progress("pictures", len(missing), len(missing))
    kept = {one.panel for one in wanted if (out / one.panel / LAST).is_file()}
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


def _write(job: Job, one: Scored, method: Method) -> None:
    folder = job.folders[one.folder]
    row = folder.rows[one.place]
    part = Part(folder, one.folder, one.place, (row,))
    batch, _ = load(folder, part.rows, job.guides(part, method), job.device)
    if batch is None:
        return
    output = _output(job, part, method, batch)
    if output is None:
        return
    pictures = {"input": to_levels(batch.degraded), "guide": batch.guide, "truth": batch.truth}
    if output.warped is not None:
        pictures["warped"] = output.warped
    target = job.config.out / one.panel
    for name, images in pictures.items():
        _save(target / f"{name}.png", images)
    if output.flow is not None:
        with atomic_path(target / FLOW_FILE) as file:
            np.save(file, output.flow[0].cpu().numpy().astype(np.float16))
    _save(target / LAST, output.restored)


def _output(job: Job, part: Part, method: Method, batch: Batch) -> Output | None:
    if method.folder is None:
        return restore(method, batch)
    images = read_restored(method, part.folder, len(job.folders) > 1, part.rows, job.device).images
    return Output(images, None, None) if images is not None else None


def _save(path: Path, images: torch.Tensor) -> None:
    from PIL import Image

    with atomic_path(path) as file:
        Image.fromarray(images[0].permute(1, 2, 0).cpu().numpy()).save(file, format="PNG")
