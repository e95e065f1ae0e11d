"""`gfr-data validate` of a faces table at the size of millions: CPU time and most memory.

    python tests/benchmarks/bench_validate.py [FACES ...]

Half of the faces have landmarks, none was selected, so that no crop is looked for: only the table is read and checked.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from manifests import FACES, FACES_FILE, provenance, validate_dataset, write_parts

PHOTOS = 50  # of a person
PART = 8192  # faces written at a time


def parts(count: int) -> Iterator[pa.Table]:
    """A table of `count` faces."""
    for first in range(0, count, PART):
        numbers = range(first, min(first + PART, count))
        rng, good = np.random.default_rng(first), np.arange(len(numbers)) % 2 == 0
        person = [f"person_{number // PHOTOS:07d}" for number in numbers]
        points = pa.array(rng.normal(128, 30, len(numbers) * 136).astype(np.float32))
        columns = {
            "dataset": pa.array(["folder"] * len(numbers)),
            "subset": pa.array([""] * len(numbers)),
            "identity": pa.array(person),
            "person": pa.array(person),
            "source_path": pa.array([f"{name}/{number:08d}.jpg" for name, number in zip(person, numbers, strict=True)]),
            "status": pa.array(np.where(good, "spare", "rejected")),
            "reason": pa.array(np.where(good, None, "blurred"), pa.string()),
            "landmarks": pa.FixedSizeListArray.from_arrays(points, 136, mask=pa.array(~good)),
            "content_hash": pa.array([f"{number:032x}" for number in numbers]),
        }
        yield pa.table([columns.get(f.name, pa.nulls(len(numbers), f.type)) for f in FACES], schema=FACES)


def check(folder: Path) -> tuple[float, float]:
    """CPU seconds, and most memory of this process in MB."""
    start = time.process_time()
    assert validate_dataset(folder) == []
    return time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    print(f"{'faces':>10}{'CPU s':>9}{'MB':>7}{'file, MB':>10}")
    for count in [int(text) for text in sys.argv[1:]] or [100_000, 1_000_000, 5_000_000]:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / FACES_FILE
            write_parts(file, parts(count), FACES, provenance("bench", {}))
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                seconds, memory = process.submit(check, Path(name)).result()
            print(f"{count:>10,}{seconds:>9.1f}{memory:>7.0f}{file.stat().st_size / 1e6:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
