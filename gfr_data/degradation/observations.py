"""Observations of pairs: make the files that are not there as they were made, a few pairs at a time, in the workers."""

from itertools import groupby
from pathlib import Path

from gfr_data.degradation.crops import Crop, read_crop
from gfr_data.degradation.reference import degraded_file
from manifests import hash_bytes, hash_file, is_whole, write_bytes
from manifests.crops import UnusableError
from manifests.degradation.spaces import AnyDraw
from manifests.files import digest_of, is_as_noted, noted

Observation = tuple[Crop, str, AnyDraw, str | None]  # target, lq_path, draw, what is known of the file


def degrade_pairs(task: tuple[Path, Path, tuple[Observation, ...]]) -> tuple[dict[str, str], bool, int]:
    """Make what is not there, or not as it was made.

    Returns what is known of each file now by its lq_path, whether that is more than before, and how many are new. A
    task: the pairs' folder, the folder to write, observations of one target after another.
    """
    folder, out, observations = task
    made: dict[str, str] = {}
    more, written = False, 0
    for crop, copies in groupby(observations, key=lambda observation: observation[0]):
        image = None
        for _, name, draw, known in copies:
            if known and is_as_noted(out / name, known):
                made[name] = known
                continue
            more, digest = True, known and digest_of(known)
            if not digest or not is_whole(out / name) or hash_file(out / name) != digest:
                try:
                    image = read_crop(folder, crop) if image is None else image
                except UnusableError:  # the task that keeps the crop reports it
                    break
                content = degraded_file(image, draw, crop.size)[0]
                write_bytes(out / name, content)
                written += 1
                digest = hash_bytes(content)
            made[name] = noted(out / name, digest)
    return made, more, written
