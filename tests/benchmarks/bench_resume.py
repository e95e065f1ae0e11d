"""What an interrupted `gfr-data degrade` costs when it goes on, all its files being finished but not its table.

python -m tests.benchmarks.bench_resume BUILD
"""

import sys
import tempfile
import time
from pathlib import Path

from gfr_data.degradation.dataset import degrade_dataset
from gfr_data.report.summary import read_summary
from manifests.degradation.space import PAPER_SPACE


def main() -> None:
    """Print CPU seconds of the first run and of the second."""
    build = Path(sys.argv[1])
    splits = [name for name in read_summary(build).pairs if name != "train"]

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "degrade" and done == total:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "degraded"
        start = time.process_time()
        try:
            degrade_dataset(build, out, splits, PAPER_SPACE, progress=stop)
        except KeyboardInterrupt:
            first = time.process_time() - start
        start = time.process_time()
        summary = degrade_dataset(build, out, splits, PAPER_SPACE)
        resumed = time.process_time() - start
        crops = sum(1 for _ in out.rglob("crops/**/*.png"))
    made = f"{sum(summary.splits.values()):,} observations, {crops:,} crops"
    print(f"{made}: {first:.1f} s CPU, gone on with {resumed:.1f} s")


if __name__ == "__main__":
    main()
