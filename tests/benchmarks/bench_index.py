"""How long the index of a million photographs takes, and how much memory. The tree is of hard links to one file.

python tests/benchmarks/bench_index.py [PHOTOGRAPHS] [FOLDER]
"""

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

PER_IDENTITY = 100
MEASURE = """
import resource, sys, time
from pathlib import Path
from gfr_data.examination.index import write_index
from gfr_data.examination.work import Work
from gfr_data.sources.layouts import list_identities
from gfr_data.sources.source import Source
from manifests import provenance
root, out = sys.argv[1], Path(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
source = Source("vggface2", root, "vggface2")
work = Work(out, provenance("bench_index", {}))
write_index(work, ((0, identity) for identity in list_identities(source)))
count = sum(work.sizes())
seconds = time.perf_counter() - start
print(count, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
WALK = """
import os, resource, sys, time
from pathlib import Path
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
files = sorted(Path(sys.argv[1]).rglob("*.jpg"))
seconds = time.perf_counter() - start
print(len(files), seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def make_tree(root: Path, photographs: int) -> None:
    """VGGFace2's form, a hundred photographs of each identity."""
    original = root / "photograph.jpg"
    original.write_bytes(b"not decoded")
    most = os.pathconf(original, "PC_LINK_MAX") - 10
    for number in range(photographs):
        if number % most == most - 1:
            original = root / f"photograph{number}.jpg"
            original.write_bytes(b"not decoded")
        folder = root / "train" / f"n{number // PER_IDENTITY:06d}"
        if number % PER_IDENTITY == 0:
            folder.mkdir(parents=True)
        (folder / f"{number % PER_IDENTITY:04d}_01.jpg").hardlink_to(original)


def make_tar(archive: Path, photographs: int) -> None:
    """The same names in a file."""
    with tarfile.open(archive, "w") as file:
        for number in range(photographs):
            entry = tarfile.TarInfo(f"train/n{number // PER_IDENTITY:06d}/{number % PER_IDENTITY:04d}_01.jpg")
            entry.size = 11
            file.addfile(entry, io.BytesIO(b"not decoded"))


def make_zip(archive: Path, tar: Path) -> None:
    with tarfile.open(tar) as old, zipfile.ZipFile(archive, "w") as new:
        for entry in old:
            new.writestr(entry.name, b"not decoded")


def measured(program: str, *arguments: Path) -> tuple[int, float, float]:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    count, seconds, megabytes = done.stdout.split()
    return int(count), float(seconds), float(megabytes)


def main() -> None:
    photographs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        root = Path(folder) / "tree"
        root.mkdir()
        start = time.perf_counter()
        make_tree(root, photographs)
        seconds = time.perf_counter() - start
        print(f"{platform.machine()}, {os.cpu_count()} cores; tree of {photographs:,} links made in {seconds:.0f} s")
        print(f"{'what':<28}{'photographs':>12}{'seconds':>9}{'MB more':>9}")
        tar, zipped = Path(folder) / "tree.tar", Path(folder) / "tree.zip"
        make_tar(tar, photographs)
        make_zip(zipped, tar)
        for name, program, source in (
            ("index (this project)", MEASURE, root),
            ("sorted(Path.rglob), peer", WALK, root),
            ("index of a tar", MEASURE, tar),
            ("index of a zip", MEASURE, zipped),
        ):
            count, seconds, megabytes = measured(program, source, Path(folder) / name.replace(" ", ""))
            print(f"{name:<28}{count:>12,}{seconds:>9.1f}{megabytes:>9.0f}")


if __name__ == "__main__":
    main()
