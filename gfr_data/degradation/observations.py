"""Observations of pairs: make the files that are not there as they were made, a few pairs at a time, in the workers."""

from itertools import groupby
from pathlib import Path

from gfr_data.degradation.crops import Crop, read_crop
from gfr_data.degradation.reference import degraded_file
from manifests import hash_bytes, hash_file, is_whole, write_bytes
from manifests.crops import UnusableError
from manifests.degradation.spaces import AnyDraw

Observation = tuple[Crop, str, AnyDraw, str | None]  # target, lq_path, draw, hash of the file where it is known


def degrade_pairs(task: tuple[Path, Path, tuple[Observation, ...]]) -> tuple[dict[str, str], int]:
    """Make what is not there, or not as it was made; return the hash of each file by its lq_path, and how many are new.

    A task: the pairs' folder, the folder to write, observations of one target after another.
    """
    folder, out, observations = task
    hashes: dict[str, str] = {}
    written = 0
    for crop, copies in groupby(observations, key=lambda observation: observation[0]):
        image = None
        for _, name, draw, known in copies:
            digest = known if is_whole(out / name) and hash_file(out / name) == known else None
            if digest is None:
                try:
                    image = read_crop(folder, crop) if image is None else image
                except UnusableError:  # the task that keeps the crop reports it
                    break
                content = degraded_file(image, draw)[0]
                write_bytes(out / name, content)
                written += 1
                digest = hash_bytes(content)
            hashes[name] = digest
    return hashes, written
