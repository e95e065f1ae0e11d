"""From examined faces to training at the size of millions: time and memory of every stage, a process each.

    python -m tests.benchmarks.bench_scale BUILD [FACES ...] [--out FOLDER]

BUILD is a finished build of real people, whose rows are varied (see `many_faces`). What was made in the folder by a run
before, shards and crops, is made again. A million faces take 4 GB of the disk there.
"""

import argparse
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from gfr_data.build import build_pairs
from gfr_data.config import BuildConfig
from gfr_data.degradation.dataset import plan
from gfr_data.examination.index import write_index
from gfr_data.examination.row import read_shard
from gfr_data.examination.work import WORK, Work
from gfr_data.pairs.choose import choose_pairs
from gfr_data.pairs.tables import crop_tasks, name_crops
from gfr_data.report.build_page import write_report
from gfr_data.report.summary import read_summary
from manifests import validate_dataset
from manifests.degradation.space import PAPER_SPACE
from manifests.files import noted
from tests.benchmarks.many_faces import configure, crop_file, identities, read_model, write_shards

POINTS_READ = 16384  # rows of a file of points that are read at a time


def main() -> None:
    """Print a row for each stage and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("faces", nargs="*", type=int, default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--out", type=Path, help="where the builds are made, and stay")
    options = parser.parse_args()
    print(platform.machine())
    print(f"{'what':<44}{'faces':>10}{'CPU s':>9}{'s':>9}{'us/face':>9}{'MB':>7}")
    with tempfile.TemporaryDirectory() as name:
        for faces in options.faces:
            out = (options.out or Path(name)) / str(faces)
            run_all(options.build, out, faces)
            if options.out is None:
                shutil.rmtree(out)


def run_all(build: Path, out: Path, faces: int) -> None:
    """Every stage of one size."""
    stages: list[tuple[str, Callable[..., str], tuple[object, ...]]] = [
        ("points of a file put for all workers", put, (out, faces)),
        ("10,000 of them looked up by a worker", look_up, (out, faces)),
        ("(shards that are varied)", prepare, (build, out, faces)),
        ("selection and pairing", choose, (build, out)),
        ("(crops)", make_crops, (build, out)),
        ("from shards to tables and page", finish, (build, out)),
        ("the same again", finish, (build, out)),
        ("report page", report, (build, out)),
        ("validate", validate, (build, out)),
        ("degrade --dry-run, all splits", degrade, (build, out)),
        ("training's read_splits", splits, (build, out)),
    ]
    for name, stage, arguments in stages:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            said, cpu, seconds, memory = process.submit(measured, stage, arguments).result()
        each = f"{1e6 * cpu / faces:>9.0f}{memory:>7.0f}"
        print(f"{name:<44}{faces:>10,}{cpu:>9.1f}{seconds:>9.1f}{each}  {said}", flush=True)


def measured(stage: Callable[..., str], arguments: tuple[object, ...]) -> tuple[str, float, float, float]:
    """What a stage says, its CPU and wall seconds, and the most memory of this process in MB."""
    cpu, start = time.process_time(), time.perf_counter()
    said = stage(*arguments)
    seconds = time.process_time() - cpu, time.perf_counter() - start
    return said, *seconds, held("VmHWM")


def held(what: str) -> float:
    """A figure of this process's memory, as Linux has it, in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what)) / 1024


def put(out: Path, faces: int) -> str:
    import numpy as np

    from gfr_data.faces.point_table import make_points

    rng = np.random.default_rng(0)
    sizes = [min(POINTS_READ, faces - at) for at in range(0, faces, POINTS_READ)]
    parts = ((rng.integers(0, 2**63, size).astype(np.uint64), rng.random((size, 136), np.float32)) for size in sizes)
    make_points(out / "points", parts, "points")
    return f"{sum(path.stat().st_size for path in (out / 'points').iterdir()) / 1e6:,.0f} MB on the disk"


def look_up(out: Path, faces: int) -> str:
    from gfr_data.faces.point_table import open_points

    before = held("RssAnon")
    table = open_points(out / "points", "points")
    assert table is not None
    found = [table.find(int(key)) for key in table.keys[:: max(1, faces // 10_000)]]
    assert all(one is not None for one in found)
    del found
    return f"{held('RssAnon') - before:.0f} MB held alone, {held('RssFile'):.0f} MB shared"


def prepare(build: Path, out: Path, faces: int) -> str:
    model, config = read_model(build), configure(build, out)
    shutil.rmtree(config.out, ignore_errors=True)
    work = work_of(config)
    work.make()
    start = time.process_time()
    write_index(work, ((number, identity) for number, identity, _ in identities(model, config, faces)))
    seconds = time.process_time() - start
    write_shards(model, config, work, faces)
    return f"{work.count():,} shards; their index {seconds:.1f} s"


def choose(build: Path, out: Path) -> str:
    config = configure(build, out)
    choice = choose_pairs(work_of(config), config.sources, config.rules, config.seed)
    return f"{len(choice.pairs):,} pairs, {len(choice.copies):,} copies"


def make_crops(build: Path, out: Path) -> str:
    """What `write_crops` would make of photographs, and its notes."""
    config = configure(build, out)
    work, number = work_of(config), 0
    choice = choose_pairs(work, config.sources, config.rules, config.seed)
    for task in crop_tasks(work, config.out, config.sources, choice.faces, name_crops(choice), config.crop_size):
        hashes = work_hashes(work, task.number)
        made, times = {}, {}
        for row, path in task.paths.items():
            content, digest = crop_file(number := number + 1)
            (config.out / path).parent.mkdir(parents=True, exist_ok=True)
            (config.out / path).write_bytes(content)
            made[path], times[path] = (hashes[row], digest), noted(config.out / path, digest)
        work.note_crops(task.number, made)
        work.note_times(task.number, times)
    return f"{number:,} crops"


def work_hashes(work: Work, number: int) -> list[str]:
    return list(read_shard(work, number, ["content_hash"])["content_hash"].to_pylist())


def finish(build: Path, out: Path) -> str:
    summary = build_pairs(configure(build, out))
    return f"{sum(summary.pairs.values()):,} pairs{'' if summary.changed else ', nothing to do'}"


def report(build: Path, out: Path) -> str:
    config = configure(build, out)
    write_report(config.out, config.out / "report.html")
    return f"{(config.out / 'report.html').stat().st_size / 1e6:.1f} MB"


def validate(build: Path, out: Path) -> str:
    problems = validate_dataset(configure(build, out).out)
    return "; ".join(problems[:3]) or "sound"


def degrade(build: Path, out: Path) -> str:
    folder = configure(build, out).out
    found = plan(folder, out / "degraded", ["train", "val", *test_splits(folder)], PAPER_SPACE)
    return f"{sum(found.splits.values()):,} observations"


def test_splits(folder: Path) -> list[str]:
    return [name for name in read_summary(folder).pairs if name.startswith("test-")]


def splits(build: Path, out: Path) -> str:
    from gfr_model.training.pairs import read_splits  # torch, which the other stages do without

    found = read_splits(configure(build, out).out, 0.05, 0)
    return f"{len(found.train):,} pairs to train on"


def work_of(config: BuildConfig) -> Work:
    return Work(config.out / WORK, config.made_by())


if __name__ == "__main__":
    main()
